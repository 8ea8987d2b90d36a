//! Hashes against published values, and the tree against a plain one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails")]

use rvf_types::ids::{hash, hash_u64};
use rvf_types::{
    DigestTable, PayloadHasher, SegmentHeader, SegmentType, TableBuilder, block_digest, digest,
    segment_hash,
};
use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn shake<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut shake = Shake256::default();
    shake.update(bytes);
    let mut out = [0; N];
    shake.finalize_xof().read(&mut out);
    out
}

#[test]
fn shake256_is_that_of_fips_202() {
    // The empty message is NIST's example; "abc" was worked out with OpenSSL by way of Python's hashlib.
    assert_eq!(
        digest::plain_hash(b"").to_string(),
        "46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f"
    );
    assert_eq!(
        digest::plain_hash(b"abc").to_string(),
        "483366601360a8771c6863080cc4114d8db44530f8f1e1ee4f94ea37e78b5739"
    );
}

#[test]
fn crc32_is_that_of_zip() {
    assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
    let bytes = SegmentHeader::new(SegmentType::VEC, 1, 2).to_bytes();
    assert_eq!(bytes[60..], crc32fast::hash(&bytes[..60]).to_le_bytes());
}

#[test]
fn a_block_digest_and_a_segment_hash_have_their_prefix() {
    assert_eq!(block_digest(b"abc").0, shake::<16>(b"\0abc"));
    let header = SegmentHeader {
        content_hash: [5; 16],
        ..SegmentHeader::new(SegmentType::VEC, 1, 3)
    };
    let mut bytes = vec![1];
    bytes.extend_from_slice(&header.to_bytes());
    bytes[1 + 0x28..1 + 0x38].fill(0);
    bytes[1 + 0x3C..].fill(0);
    bytes.extend_from_slice(b"the table");
    assert_eq!(segment_hash(&header, b"the table").0, shake::<32>(&bytes));
}

#[test]
fn streams_cut_anywhere_give_the_same_table_and_hash() {
    let payload: Vec<u8> = (0..5000_u32).map(|i| (i * 31 % 251) as u8).collect();
    for length in [0, 1, 1023, 1024, 1025, 2048, 5000] {
        let payload = &payload[..length];
        let plain: Vec<u8> = payload
            .chunks(1024)
            .flat_map(|block| block_digest(block).0)
            .collect();
        let header = SegmentHeader::new(SegmentType::VEC, 1, length as u64);
        let want = segment_hash(&header, &plain);
        for step in [1, 7, 1000, 1024, 4000, 9999] {
            let mut table = TableBuilder::new(10).unwrap();
            let mut hasher = PayloadHasher::new(&header, 10).unwrap();
            for piece in payload.chunks(step) {
                table.update(piece);
                hasher.update(piece);
            }
            assert_eq!(
                hex(&table.finish()),
                hex(&plain),
                "{length} bytes in steps of {step}"
            );
            assert_eq!(hasher.finish(), want);
        }
        assert_eq!(
            digest::check_payload(&header, payload, 10, &want, 0),
            Ok(())
        );
        let table = DigestTable::check(&header, plain, 10, &want, 0).unwrap();
        assert_eq!(table.blocks(), (length as u64).div_ceil(1024));
        for (number, block) in payload.chunks(1024).enumerate() {
            assert_eq!(table.check_block(number as u64, block, 0), Ok(()));
        }
        assert!(table.check_block(table.blocks(), &[], 0).is_err());
    }
}

#[test]
fn blocks_of_a_range_are_those_that_hold_its_bytes() {
    let payload = vec![1; 5000];
    let header = SegmentHeader::new(SegmentType::VEC, 1, 5000);
    let mut table = TableBuilder::new(10).unwrap();
    table.update(&payload);
    let table = table.finish();
    let hash = segment_hash(&header, &table);
    let table = DigestTable::check(&header, table, 10, &hash, 0).unwrap();
    for from in [0, 1, 1023, 1024, 4999, 5000] {
        for length in [0, 1, 2, 1024, 1025, 5000] {
            let want = (from + length <= 5000).then(|| {
                let mut blocks: Vec<u64> = (from..from + length).map(|byte| byte / 1024).collect();
                blocks.dedup();
                blocks
            });
            assert_eq!(
                table.blocks_of(from, length).map(Iterator::collect),
                want,
                "{length} bytes at {from}"
            );
        }
    }
    assert_eq!(table.blocks_of(u64::MAX, 2), None);
}

#[test]
fn a_damaged_table_and_a_damaged_block_are_found() {
    let header = SegmentHeader::new(SegmentType::VEC, 1, 2000);
    let payload = vec![3; 2000];
    let mut table = TableBuilder::new(10).unwrap();
    table.update(&payload);
    let table = table.finish();
    let hash = segment_hash(&header, &table);
    let rule =
        |result: Result<DigestTable<Vec<u8>>, rvf_types::FormatError>| result.unwrap_err().rule();
    let mut bad = table.clone();
    bad[31] ^= 1;
    assert_eq!(
        rule(DigestTable::check(&header, bad, 10, &hash, 0)),
        "R-HASH-3"
    );
    assert_eq!(
        rule(DigestTable::check(
            &header,
            table[..31].to_vec(),
            10,
            &hash,
            0
        )),
        "R-HASH-2"
    );
    assert_eq!(
        rule(DigestTable::check(&header, table.clone(), 9, &hash, 0)),
        "R-HASH-2"
    );
    assert_eq!(TableBuilder::new(21).unwrap_err().rule(), "R-HASH-2");
    let table = DigestTable::check(&header, table, 10, &hash, 4096).unwrap();
    let mut block = payload[..1024].to_vec();
    block[5] ^= 0x80;
    let error = table.check_block(0, &block, 4096).unwrap_err();
    assert_eq!((error.rule(), error.offset()), ("R-HASH-2", Some(4160)));
    assert_eq!(
        table
            .check_block(1, &payload[..1024], 4096)
            .unwrap_err()
            .rule(),
        "R-NUM-2"
    );
    assert_eq!(
        digest::check_payload(&header, &payload[1..], 10, &hash, 0)
            .unwrap_err()
            .rule(),
        "R-NUM-2"
    );
}

#[test]
fn the_hash_of_an_id_is_mixed_fnv_1a() {
    // FNV-1a of 64 bits of "a" and "foobar" is 0xaf63dc4c8601ec8c and 0x85944171f73967e8 (Fowler, Noll, Vo).
    for (id, fnv) in [
        (&b"a"[..], 0xAF63_DC4C_8601_EC8C_u64),
        (b"foobar", 0x8594_4171_F739_67E8),
    ] {
        let mut x = u128::from(fnv);
        x ^= x >> 33;
        x = x * 0xFF51_AFD7_ED55_8CCD % (1 << 64);
        x ^= x >> 33;
        assert_eq!(u128::from(hash(id)), x >> 32);
    }
    assert_eq!(
        hash_u64(0x0807_0605_0403_0201),
        hash(&[1, 2, 3, 4, 5, 6, 7, 8])
    );
}
