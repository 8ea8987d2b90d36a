//! Damage: `verify` finds every flipped bit, and a query on a damaged file gives an error or the right answer.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod common;

use std::num::NonZero;

use common::Spec;
use rvf_host::{
    Bytes, Effort, Hit, HostError, OpenOptions, Query, Reader, Severity, VerifyOptions,
    VerifyReport, Warning, verify,
};
use rvf_pack::{Metric, VectorKind};
use rvf_types::{Root, RootRecord, root};

fn report(file: Vec<u8>) -> VerifyReport {
    let options = VerifyOptions::new().threads(NonZero::<usize>::MIN);
    verify(&Bytes::from(file), &options).unwrap().report
}

/// All that can be asked of a file: hits of both modes, ids and vectors of some rows.
type Everything = (Vec<Hit>, Vec<Hit>, String, Vec<f32>);

fn ask(file: Vec<u8>, query: &[f32]) -> Result<Everything, HostError> {
    let reader = Reader::open(Bytes::from(file), &OpenOptions::new())?;
    let query = Query::vector(query).k(5);
    let exact = reader.search(&query.effort(Effort::Exact))?.hits;
    let coded = reader.search(&query.effort(Effort::Slack(1.0)))?.hits;
    let row = reader.rows() - 1;
    let id = reader.id(row)?;
    assert_eq!(reader.row_of(id.as_id())?, row);
    Ok((exact, coded, id.to_string(), reader.get(0)?.vector))
}

fn every_flip_is_found(spec: &Spec) {
    let file = spec.pack();
    let query = spec.queries(1).remove(0);
    let right = ask(file.clone(), &query).unwrap();
    let sound = report(file.clone());
    assert!(
        sound.is_sound() && sound.findings.is_empty(),
        "{:?}",
        sound.findings
    );
    assert_eq!(sound.bytes, file.len() as u64);

    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        for first in 0..threads {
            let (file, query, right) = (&file, &query, &right);
            scope.spawn(move || {
                let mut damaged = file.clone();
                for bit in (first..file.len() * 8).step_by(threads) {
                    damaged[bit / 8] ^= 1 << (bit % 8);
                    let found = report(damaged.clone());
                    assert!(
                        !found.is_sound(),
                        "bit {bit} of {} is not found",
                        file.len() * 8
                    );
                    if let Ok(answer) = ask(damaged.clone(), query) {
                        assert_eq!(answer, *right, "bit {bit}");
                    }
                    damaged[bit / 8] ^= 1 << (bit % 8);
                }
            });
        }
    });
}

#[test]
fn every_flipped_bit_of_a_file_of_numbers_is_found() {
    every_flip_is_found(&Spec::new(9, 3).no_code().ids(common::number_ids(9)));
}

#[test]
fn every_flipped_bit_of_a_file_of_texts_is_found() {
    let spec = Spec::new(70, 2)
        .no_code()
        .metric(Metric::L2)
        .kept(VectorKind::F16)
        .ids(common::text_ids(70))
        .measured();
    every_flip_is_found(&spec);
}

#[test]
fn every_flipped_bit_of_a_file_of_floats_is_found() {
    every_flip_is_found(
        &Spec::new(5, 7)
            .no_code()
            .metric(Metric::InnerProduct)
            .kept(VectorKind::F32),
    );
}

#[test]
fn a_flip_in_every_byte_of_the_modules_is_found() {
    let file = Spec::new(3, 2).pack();
    let sound = report(file.clone());
    assert!(sound.is_sound(), "{:?}", sound.findings);
    let mut damaged = file.clone();
    for at in (4096..file.len()).step_by(31) {
        damaged[at] ^= 1 << (at % 8);
        assert!(!report(damaged.clone()).is_sound(), "byte {at}");
        damaged[at] = file[at];
    }
}

#[test]
fn a_damaged_root_record_is_warned_of_and_the_other_one_used() {
    let spec = Spec::new(20, 4).no_code();
    let file = spec.pack();
    let query = spec.queries(1).remove(0);
    let right = ask(file.clone(), &query).unwrap();
    for (record, at) in [(0, 0x210), (1, 0x410)] {
        let mut damaged = file.clone();
        damaged[at] ^= 4;
        let reader = common::open(damaged.clone(), &OpenOptions::new());
        assert!(
            matches!(reader.warnings(), [Warning::DamagedRecord { record: found, .. }] if *found == record)
        );
        assert_eq!(ask(damaged.clone(), &query).unwrap(), right);
        let found = report(damaged);
        assert!(
            found
                .findings
                .iter()
                .any(|finding| finding.rule == "R-ROOT-4"),
            "{:?}",
            found.findings
        );
    }
    let mut both = file;
    both[0x210] ^= 4;
    both[0x410] ^= 4;
    assert_eq!(
        ask(both.clone(), &query).unwrap_err().rule(),
        Some("R-ROOT-2")
    );
    assert_eq!(report(both).findings[0].rule, "R-ROOT-2");
}

#[test]
fn a_commit_that_was_cut_short_between_the_records_is_warned_of() {
    let file = Spec::new(20, 4).no_code().pack();
    let record = *Root::parse(&file[..4096]).unwrap().record();
    // An older generation in record 1, as before a commit: it names a manifest that is there no more.
    let older = RootRecord {
        generation: record.generation + 1,
        ..record
    };
    let mut cut = file;
    cut[0x400..0x480].copy_from_slice(&older.to_bytes());
    // Now record 1 is the newer one; its manifest does not say that generation, so the file is refused.
    let error = Reader::open(Bytes::from(cut.clone()), &OpenOptions::new()).unwrap_err();
    assert_eq!(error.rule(), Some("R-MAN-1"));
    let rules: Vec<&str> = report(cut)
        .findings
        .iter()
        .map(|finding| finding.rule)
        .collect();
    assert!(
        rules.contains(&"R-ROOT-4") && rules.contains(&"R-MAN-1"),
        "{rules:?}"
    );
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let spec = Spec::new(40, 6).ids(common::text_ids(40));
    let file = spec.pack();
    for len in (0..file.len()).step_by(64).chain([1, 4095, file.len() - 1]) {
        let cut = file[..len].to_vec();
        let error = Reader::open(Bytes::from(cut.clone()), &OpenOptions::new()).unwrap_err();
        let rule = error.rule().unwrap();
        assert!(
            ["R-ROOT-5", "R-ROOT-1", "R-NUM-2"].contains(&rule),
            "{len}: {error}"
        );
        assert!(!report(cut).is_sound(), "{len}");
    }
}

#[test]
fn a_tail_is_ignored_and_named() {
    let spec = Spec::new(40, 6).no_code();
    let file = spec.pack();
    let query = spec.queries(1).remove(0);
    let right = ask(file.clone(), &query).unwrap();
    for tail in [&[0_u8; 1][..], &[0x55; 64], &file] {
        let mut longer = file.clone();
        longer.extend_from_slice(tail);
        let reader = common::open(longer.clone(), &OpenOptions::new());
        let expected = Warning::UncommittedTail {
            offset: file.len() as u64,
            bytes: tail.len() as u64,
        };
        assert_eq!(reader.warnings(), [expected]);
        assert_eq!(ask(longer.clone(), &query).unwrap(), right);
        let found = report(longer);
        assert!(found.is_sound(), "a tail breaks no rule");
        assert_eq!(found.findings.len(), 1);
        assert_eq!(
            (found.findings[0].severity, found.findings[0].rule),
            (Severity::Note, "R-ROOT-5")
        );
    }
}

#[test]
fn damage_in_several_places_is_all_told() {
    let file = Spec::new(3_000, 64).no_code().pack();
    let mut damaged = file.clone();
    let places = [file.len() / 4, file.len() / 2, file.len() * 3 / 4];
    for at in places {
        damaged[at] ^= 0x10;
    }
    let found = report(damaged);
    let blocks = found
        .findings
        .iter()
        .filter(|finding| finding.rule == "R-HASH-2")
        .count();
    assert_eq!(blocks, 3, "{:?}", found.findings);
    for (finding, at) in found.findings.iter().zip(places) {
        let start = finding.offset.unwrap();
        assert!((start..start + (1 << 20)).contains(&(at as u64)));
    }
}

#[test]
fn threads_and_sources_do_not_change_the_report() {
    let mut damaged = Spec::new(2_000, 48).pack();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    damaged[middle / 2] ^= 1;
    let one = report(damaged.clone());
    let options = VerifyOptions::new().threads(NonZero::new(5).unwrap());
    assert_eq!(
        verify(&Bytes::from(damaged.clone()), &options)
            .unwrap()
            .report,
        one
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &damaged).unwrap();
    for io in [rvf_host::Io::Map, rvf_host::Io::Read] {
        assert_eq!(
            rvf_host::verify_path(file.path(), &options.io(io))
                .unwrap()
                .report,
            one
        );
    }
}

/// The file with the manifest's payload changed, and every hash above it made true again.
fn forged(file: &[u8], change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    use rvf_types::{SegmentHeader, SegmentType, TableBuilder};
    let record = *Root::parse(&file[..4096]).unwrap().record();
    let at = record.manifest_offset as usize;
    let mut payload = file[at + 64..at + 64 + record.manifest_length as usize].to_vec();
    change(&mut payload);
    let old = SegmentHeader::parse(&file[at..], at as u64).unwrap();
    let mut table = TableBuilder::new(16).unwrap();
    table.update(&payload);
    let header = SegmentHeader::new(SegmentType::MANIFEST, old.id, payload.len() as u64);
    let (header, hash) = header.sealed(&table.finish());
    let mut forged = file[..at].to_vec();
    forged.extend_from_slice(&header.to_bytes());
    forged.extend_from_slice(&payload);
    forged.resize(forged.len().next_multiple_of(64), 0);
    let record = RootRecord {
        committed_length: forged.len() as u64,
        manifest_length: payload.len() as u64,
        manifest_hash: hash,
        ..record
    };
    forged[..4096].copy_from_slice(&root::page(&record));
    forged
}

/// A hostile manifest is refused, or every question to the file ends in an error or an answer; nothing panics, hangs
/// or takes memory by its word.
#[test]
fn hostile_manifests_end_in_errors() {
    let spec = Spec::new(30, 5).no_code().ids(common::text_ids(30));
    let file = spec.pack();
    let query = spec.queries(1).remove(0);
    let unchanged = forged(&file, |_| {});
    assert_eq!(unchanged, file);
    let record = *Root::parse(&file[..4096]).unwrap().record();
    let len = record.manifest_length as usize;
    let values: [u64; 9] = [
        0,
        1,
        63,
        64,
        1 << 31,
        u64::from(u32::MAX),
        1 << 40,
        u64::MAX - 63,
        u64::MAX,
    ];
    let mut refused = 0;
    for at in (0..len).step_by(4) {
        for value in values {
            for width in [4, 8] {
                let hostile = forged(&file, |payload| {
                    let end = (at + width).min(payload.len());
                    payload[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
                });
                if hostile == file {
                    continue;
                }
                let opened = ask(hostile.clone(), &query);
                let found = report(hostile);
                if let Err(error) = opened {
                    assert!(error.rule().is_some(), "{at} {value}: {error}");
                    assert!(!found.is_sound(), "{at} {value}: {error}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 1_000, "{refused}");
}

#[test]
fn a_manifest_longer_or_shorter_than_its_counts_is_refused() {
    let file = Spec::new(30, 5).no_code().pack();
    for change in [-96_i64, -64, -1, 1, 96] {
        let hostile = forged(&file, |payload| {
            payload.resize((payload.len() as i64 + change) as usize, 0)
        });
        let error = Reader::open(Bytes::from(hostile), &OpenOptions::new()).unwrap_err();
        assert_eq!(error.rule(), Some("R-MAN-1"), "{change}: {error}");
    }
}

#[test]
fn what_is_no_rvf_file_is_called_so() {
    for bytes in [
        Vec::new(),
        b"hello".to_vec(),
        vec![0; 10_000],
        b"PK\x03\x04".repeat(5_000),
    ] {
        let error = Reader::open(Bytes::from(bytes.clone()), &OpenOptions::new()).unwrap_err();
        assert!(error.rule().is_some(), "{error}");
        assert!(!report(bytes).is_sound());
    }
    // Version 1 of the public format: named, not misread.
    let mut v1 = vec![0; 8192];
    v1[..5].copy_from_slice(&[0x53, 0x46, 0x56, 0x52, 1]);
    for len in [64, 8192] {
        let error = Reader::open(Bytes::from(v1[..len].to_vec()), &OpenOptions::new()).unwrap_err();
        assert!(error.to_string().contains("version 1"), "{error}");
    }
}

#[test]
fn an_empty_or_missing_file_is_a_clear_error() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    let error = Reader::open_path(empty.path(), &OpenOptions::new()).unwrap_err();
    assert_eq!(error.rule(), Some("R-ROOT-1"), "{error}");
    let error =
        Reader::open_path(empty.path().with_extension("none"), &OpenOptions::new()).unwrap_err();
    assert!(matches!(error, HostError::Open { .. }));
    assert!(rvf_host::verify_path(empty.path(), &VerifyOptions::new()).is_ok());
}
