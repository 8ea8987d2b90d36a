//! Sizes and places against sums that are worked out the plain way.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails")]

use rvf_types::{IdKind, VectorKind, header, ids, index, quant, vec};

#[test]
fn groups_of_a_list_follow_each_other_and_fill_it() {
    for dimension in [1, 63, 64, 65, 384, 65_536] {
        for rows in [1_u32, 31, 32, 33, 100] {
            let words = (0..dimension).step_by(64).count() as u64;
            let mut end = 0;
            for number in 0..quant::group_count(rows) {
                let group = quant::group(rows, dimension, number).unwrap();
                assert_eq!((group.codes, group.first), (end, number * 32));
                assert_eq!(group.corrections, end + u64::from(group.rows) * words * 8);
                end = group.end;
                for within in 0..group.rows {
                    let want = (
                        group.codes + u64::from(within) * words * 8,
                        group.corrections + u64::from(within) * 4,
                    );
                    assert_eq!(
                        quant::row_offsets(rows, dimension, group.first + within),
                        Some(want)
                    );
                }
            }
            assert_eq!(end, quant::list_length(rows, dimension));
            assert_eq!(
                quant::group(rows, dimension, quant::group_count(rows)),
                None
            );
            assert_eq!(quant::row_offsets(rows, dimension, rows), None);
        }
    }
}

#[test]
fn strides_are_those_of_the_text() {
    for (dimension, i8, f16, f32) in [
        (1, 16, 8, 8),
        (2, 16, 8, 12),
        (3, 16, 12, 16),
        (384, 396, 772, 1540),
    ] {
        assert_eq!(vec::stride(VectorKind::I8, dimension), i8);
        assert_eq!(vec::stride(VectorKind::F16, dimension), f16);
        assert_eq!(vec::stride(VectorKind::F32, dimension), f32);
    }
    assert_eq!(
        vec::payload_length(VectorKind::F32, u32::MAX, 65_536),
        4_294_967_295 * 262_148
    );
    assert_eq!(index::payload_length(384, 1), 128 + 1536 + 32);
    assert_eq!(index::payload_length(3, 1), 192 + 32);
    assert_eq!(quant::list_length(50_000, 384), 50_000 * 52);
}

#[test]
fn a_segment_ends_on_the_next_multiple_of_64() {
    for length in 0..300_u64 {
        let end = (64 + length).next_multiple_of(64);
        assert_eq!(header::extent(length), Some(end));
        assert_eq!(64 + length + header::padding(length) as u64, end);
    }
    assert_eq!(header::extent(u64::MAX), None);
    assert_eq!(header::extent(u64::MAX - 127), Some(u64::MAX - 63));
}

#[test]
fn lengths_of_ids_are_those_of_real_payloads() {
    for rows in [1_u32, 63, 64, 65, 200] {
        let numbers: Vec<u64> = (0..rows.into()).collect();
        let length = ids::write_u64(&numbers).unwrap().len() as u64;
        assert_eq!(ids::payload_lengths(IdKind::U64, rows), (length, length));
        let long: Vec<String> = (0..rows).map(|row| format!("{row:0512}")).collect();
        let (least, most) = ids::payload_lengths(IdKind::Utf8, rows);
        assert_eq!(ids::write_utf8(&long).unwrap().len() as u64, most);
        let short: Vec<String> = (0..rows).map(|row| format!("{row}")).collect();
        let length = ids::write_utf8(&short).unwrap().len() as u64;
        assert!((least..=most).contains(&length));
        if rows == 1 {
            assert_eq!(length, least);
        }
    }
}

#[test]
fn a_correction_word_holds_the_upper_bits_of_two_floats() {
    for word in [0, 0x3F80_1FC0, 0xBF80_0001, u32::MAX, 0x8000_3FFF] {
        let found = quant::Correction::from_word(word);
        assert_eq!(found.word(), word);
        assert_eq!(found.beta.to_bits(), word / (1 << 14) * (1 << 14));
        assert_eq!(found.alpha.to_bits(), word % (1 << 14) * (1 << 17));
        assert!(found.alpha.is_sign_positive());
    }
    let one = quant::Correction {
        beta: 1.0,
        alpha: 1.0,
    };
    assert_eq!(quant::Correction::parse(one.word(), 0), Ok(one));
}
