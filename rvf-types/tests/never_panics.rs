//! Arbitrary bytes never panic in any parser, nor do the sizes of hostile numbers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails")]

mod common;

use proptest::collection::vec as bytes;
use proptest::prelude::*;
use rvf_types::{
    DeadExtent, Effort, IdKind, ListEntry, Manifest, ManifestHead, Order, Root, RootRecord,
    SegmentEntry, SegmentHeader, VectorKind, WasmHeader, digest, header, ids, index, quant, vec,
};

/// Every parser on the same bytes; what it gives is used.
fn parse_all(bytes: &[u8], offset: u64, head: &ManifestHead, record: &RootRecord) {
    let _ = Root::parse(bytes);
    let _ = RootRecord::parse(bytes, offset);
    let _ = SegmentEntry::parse(bytes, offset);
    let _ = DeadExtent::parse(bytes, offset);
    let _ = Effort::parse(bytes, offset, VectorKind::F32);
    if let Ok(header) = SegmentHeader::parse(bytes, offset) {
        let _ = (header.extent(), header::padding(header.payload_length));
        let _ = digest::check_payload(&header, bytes, 12, &record.manifest_hash, offset);
    }
    if let Ok(manifest) = Manifest::parse(bytes, offset) {
        let _ = manifest.check_file(record, 1);
        let _ = (
            manifest.entries().count(),
            manifest.dead().count(),
            manifest.properties().count(),
        );
        let _ = manifest.choose_effort(10, 0.9);
    }
    let _ = index::Index::parse(bytes, offset, head);
    for second in [0, 3, u32::MAX] {
        let _ = quant::check_list(bytes, head.rows, second, head.dimension, offset);
        let group = quant::group(33, second, head.dimension, 1).unwrap();
        if let Ok(view) = quant::GroupView::new(group, bytes, offset) {
            let _ = view.check(head.dimension);
            let _ = view.check_numbers(&ListEntry::only(33), head.rows);
            let _ = (view.words(31).count(), view.words(u32::MAX).count());
        }
    }
    if let Ok(order) = Order::parse(bytes, offset, head.rows) {
        let _ = (order.check(&mut [0; 3]), order.check(&mut []));
        let _ = order.check_record(u32::MAX, 1, offset);
    }
    for kind in [VectorKind::I8, VectorKind::F16, VectorKind::F32] {
        if let Ok(record) = vec::FloatRecord::parse(bytes, kind, head.dimension, offset) {
            let _ = record.check(offset);
        }
    }
    if let Ok(record) = vec::I8Record::parse(bytes, head.dimension, offset) {
        let _ = record.check(offset);
    }
    if let Ok(ids) = ids::Ids::parse(bytes, offset, head) {
        let _ = ids.check();
        for row in [0, 63, 64, head.rows, u32::MAX] {
            let _ = (
                ids.get(row),
                ids.find(ids::Id::U64(row.into())),
                ids.find(ids::Id::Utf8("id-3-é")),
            );
        }
    }
    let run: Vec<_> = ids::Run::new(bytes, u32::MAX, offset).collect();
    assert!(run.len() <= bytes.len() + 1);
    let _ = WasmHeader::parse(bytes, bytes.len() as u64, offset);
    #[cfg(feature = "wasm")]
    let _ = rvf_types::wasm::facts(bytes);
}

fn head(sample: &common::Sample) -> ManifestHead {
    ManifestHead::parse(&sample.manifest.to_bytes().unwrap(), 0).unwrap()
}

proptest! {
    #[test]
    fn on_arbitrary_bytes(bytes in bytes(any::<u8>(), 0..5000), offset in any::<u64>()) {
        let sample = common::sample(VectorKind::I8, IdKind::Utf8);
        parse_all(&bytes, offset, &head(&sample), &sample.record);
    }

    #[test]
    fn on_valid_payloads_with_some_bytes_changed(
        which in 0_usize..10,
        changes in bytes((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        offset in any::<u64>(),
    ) {
        for kind in [IdKind::U64, IdKind::Utf8] {
            let sample = common::sample_of(VectorKind::F16, kind, common::FOUR);
            let payloads = common::payloads(VectorKind::F16, kind, common::FOUR);
            let mut bytes = match payloads.into_iter().nth(which) {
                Some((_, _, payload)) => payload,
                None if which == 8 => sample.file[..4096].to_vec(),
                None => sample.manifest.to_bytes().unwrap(),
            };
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            parse_all(&bytes, offset, &head(&sample), &sample.record);
            bytes.truncate(cut.index(bytes.len()));
            parse_all(&bytes, offset, &head(&sample), &sample.record);
        }
    }

    #[test]
    fn geometry_of_any_numbers(
        rows in any::<u32>(),
        second in any::<u32>(),
        dimension in any::<u32>(),
        row in any::<u32>(),
        n in any::<u64>(),
        log in any::<u8>(),
    ) {
        if let Some(group) = quant::group(rows, second, dimension, row) {
            let _ = (group.word_offset(31, n as u32), group.correction_offset(31), group.number_offset(31));
        }
        let _ = (quant::group_count(rows, second), quant::list_length(rows, second, dimension));
        let _ = (quant::padded_length(rows, second, dimension), quant::group_length(rows, true, dimension));
        let list = ListEntry { offset: n, own: rows, second, first: row };
        let _ = (list.next(dimension, row, row), list.owns(n as u32));
        let _ = (index::payload_length(dimension, rows), index::centroid_records_offset(dimension, rows));
        let _ = (header::extent(n), header::padding(n), digest::table_length(n, log), digest::block_extent(n, log, n / 3));
        for kind in [VectorKind::I8, VectorKind::F16, VectorKind::F32] {
            let _ = (vec::payload_length(kind, rows, dimension), vec::record_offset(kind, row, dimension));
        }
        for kind in [IdKind::None, IdKind::U64, IdKind::Utf8] {
            let _ = (ids::payload_length(kind, rows, n), ids::payload_lengths(kind, rows));
        }
    }
}
