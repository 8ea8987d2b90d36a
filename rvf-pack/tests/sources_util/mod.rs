//! What the tests of the readers share.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test binary uses the part that it needs of this, and may unwrap"
)]

use std::path::PathBuf;

use rvf_pack::source::{self, Batch, Id, Source, SourceError, SourceOptions};

/// A folder with one file in it.
pub struct Input {
    pub path: PathBuf,
    _folder: tempfile::TempDir,
}

pub fn input(name: &str, bytes: impl AsRef<[u8]>) -> Input {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Input {
        path,
        _folder: folder,
    }
}

/// All rows of a source.
#[derive(Debug, Default, PartialEq)]
pub struct All {
    pub dimension: usize,
    pub vectors: Vec<f32>,
    pub ids: Vec<Id>,
    pub lines: Vec<u64>,
}

pub fn read_all(source: &mut dyn Source, rows_at_once: usize) -> Result<All, SourceError> {
    let mut all = All {
        dimension: source.info().dimension,
        ..All::default()
    };
    let mut batch = Batch::default();
    let mut rows = 0;
    loop {
        let count = source.next_batch(rows_at_once, &mut batch)?;
        if count == 0 {
            break;
        }
        assert!(count <= rows_at_once.max(1));
        assert_eq!(batch.first_row, rows);
        assert_eq!(batch.vectors.len(), count * all.dimension);
        assert!(batch.vectors.iter().all(|value| value.is_finite()));
        assert_eq!(
            batch.ids.len(),
            if source.info().has_ids { count } else { 0 }
        );
        assert!(batch.lines.is_empty() || batch.lines.len() == count);
        rows += count as u64;
        all.vectors.extend_from_slice(&batch.vectors);
        all.ids.extend_from_slice(&batch.ids);
        all.lines.extend_from_slice(&batch.lines);
    }
    assert_eq!(source.info().rows, Some(rows));
    Ok(all)
}

pub fn try_read_with(
    name: &str,
    bytes: impl AsRef<[u8]>,
    options: &SourceOptions,
) -> Result<All, SourceError> {
    let input = input(name, bytes);
    let mut source = source::open(&input.path, options)?;
    let all = read_all(source.as_mut(), 1000)?;
    // However it is cut, and however often it is read, it is the same.
    for rows_at_once in [0, 1, 2, 3] {
        source.rewind().unwrap();
        assert_eq!(read_all(source.as_mut(), rows_at_once).unwrap(), all);
    }
    Ok(all)
}

pub fn try_read(name: &str, bytes: impl AsRef<[u8]>) -> Result<All, SourceError> {
    try_read_with(name, bytes, &SourceOptions::default())
}

pub fn read(name: &str, bytes: impl AsRef<[u8]>) -> All {
    try_read(name, bytes).unwrap()
}

/// Fails to read, and says so with each of `parts`, after the name of the file.
pub fn refused(name: &str, bytes: impl AsRef<[u8]>, parts: &[&str]) {
    refused_with(name, bytes, &SourceOptions::default(), parts);
}

pub fn refused_with(name: &str, bytes: impl AsRef<[u8]>, options: &SourceOptions, parts: &[&str]) {
    says(
        &try_read_with(name, bytes, options).unwrap_err(),
        name,
        parts,
    );
}

pub fn says(error: &SourceError, name: &str, parts: &[&str]) {
    let text = error.to_string();
    for part in parts.iter().chain([&name]) {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    assert!(text.contains("; "), "no remedy in: {text}");
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

/// An `.npy` file of version 1.
pub fn npy(descr: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let dictionary =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(dictionary.len()).unwrap().to_le_bytes());
    bytes.extend(dictionary.as_bytes());
    bytes.extend(values);
    bytes
}

pub fn texts(ids: &[&str]) -> Vec<Id> {
    ids.iter().map(|id| Id::Text((*id).to_owned())).collect()
}

pub fn numbers(ids: &[u64]) -> Vec<Id> {
    ids.iter().copied().map(Id::U64).collect()
}
