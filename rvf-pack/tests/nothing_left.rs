//! After an error, a full disk or a cancel, nothing is left of a pack, and what was there before is as it was.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails has to say where"
)]

mod common;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::data::clustered;
use rvf_pack::source::MemorySource;
use rvf_pack::writer::Storage;
use rvf_pack::{PackError, Packer, Phase, VectorKind};

fn source<'a>() -> MemorySource<'a> {
    MemorySource::new(16, clustered(3_000, 16), None).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_target_that_exists_is_kept_unless_force_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.rvf");
    std::fs::write(&path, "precious").unwrap();
    let error = Packer::new()
        .pack_to_path(&mut source(), &path)
        .unwrap_err();
    assert!(matches!(error, PackError::TargetExists { .. }));
    assert!(
        error.to_string().contains("a.rvf") && error.to_string().contains("--force"),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    let report = Packer::new()
        .force(true)
        .pack_to_path(&mut source(), &path)
        .unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), report.file_length);
    assert_eq!(names(folder.path()), ["a.rvf"]);
}

#[test]
fn an_error_in_the_input_leaves_the_old_target_and_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.rvf");
    std::fs::write(&path, "precious").unwrap();
    let mut vectors = clustered(3_000, 16);
    vectors[2_999 * 16..].fill(0.0);
    let mut source = MemorySource::new(16, vectors, None).unwrap();
    assert!(
        Packer::new()
            .force(true)
            .pack_to_path(&mut source, &path)
            .is_err()
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    assert_eq!(names(folder.path()), ["a.rvf"]);
}

#[test]
fn a_cancel_in_any_phase_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.rvf");
    let packer = || Packer::new().lists(9);
    let mut seen = Vec::new();
    packer()
        .progress(|now| seen.push(now.phase))
        .pack_to_vec(&mut source())
        .unwrap();
    seen.dedup();
    assert_eq!(
        seen,
        [
            Phase::Store,
            Phase::Exact,
            Phase::Cluster,
            Phase::Assign,
            Phase::Code,
            Phase::Arrange,
            Phase::Search,
            Phase::Commit
        ]
    );
    for phase in seen {
        let flag = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&flag);
        let mut packer = packer()
            .cancel(flag)
            .progress(move |now| stop.store(now.phase == phase, Ordering::Relaxed));
        let error = packer.pack_to_path(&mut source(), &path).unwrap_err();
        assert!(matches!(error, PackError::Cancelled), "{phase}: {error}");
        assert!(names(folder.path()).is_empty(), "{phase}");
    }
}

/// A storage that is full after a number of bytes.
struct Full {
    bytes: Vec<u8>,
    room: usize,
}

impl Storage for Full {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if offset as usize + bytes.len() > self.room {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.write_at(offset, bytes)
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.bytes.read_at(offset, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn scratch(&mut self) -> io::Result<Box<dyn Storage>> {
        Ok(Box::new(Self {
            bytes: Vec::new(),
            room: self.room,
        }))
    }
}

#[test]
fn a_full_disk_is_an_error_wherever_it_happens() {
    let (file, _) = Packer::new()
        .vectors(VectorKind::F16)
        .pack_to_vec(&mut source())
        .unwrap();
    for room in (0..file.len()).step_by(997).chain([file.len() - 1]) {
        let mut storage = Full {
            bytes: Vec::new(),
            room,
        };
        let error = Packer::new()
            .vectors(VectorKind::F16)
            .pack_to_storage(&mut source(), &mut storage)
            .unwrap_err();
        assert!(matches!(error, PackError::Output { .. }), "{room}: {error}");
        assert!(error.to_string().contains("space"), "{error}");
        // The root comes last: no reader takes this for a file.
        assert!(
            storage
                .bytes
                .get(0x200..0x280)
                .is_none_or(|record| record.iter().all(|byte| *byte == 0)),
            "{room}"
        );
    }
    let mut storage = Full {
        bytes: Vec::new(),
        room: file.len(),
    };
    Packer::new()
        .vectors(VectorKind::F16)
        .pack_to_storage(&mut source(), &mut storage)
        .unwrap();
    assert!(storage.bytes == file);
}

/// An output that is full after a number of bytes.
struct FullOutput(usize);

impl Write for FullOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let here = bytes.len().min(self.0);
        self.0 -= here;
        Ok(here)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_output_that_is_full_is_an_error() {
    for room in [0, 1, 5_000] {
        let error = Packer::new()
            .pack_to_writer(&mut source(), &mut FullOutput(room))
            .unwrap_err();
        assert!(matches!(error, PackError::Output { .. }), "{error}");
        // The output may have a part of the file.
        assert!(!error.to_string().contains("left"), "{error}");
    }
}

/// A storage that notes what is written and synced, in order.
#[derive(Default)]
struct Noted {
    bytes: Vec<u8>,
    notes: Vec<Note>,
}

#[derive(Debug, PartialEq, Clone, Copy)]
enum Note {
    Write(u64),
    Sync,
}

impl Storage for Noted {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.notes.push(Note::Write(offset));
        self.bytes.write_at(offset, bytes)
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.bytes.read_at(offset, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.notes.push(Note::Sync);
        Ok(())
    }
}

#[test]
fn the_root_is_written_when_all_else_is_on_the_disk() {
    let mut storage = Noted::default();
    Packer::new()
        .pack_to_storage(&mut source(), &mut storage)
        .unwrap();
    let first_sync = storage
        .notes
        .iter()
        .position(|note| *note == Note::Sync)
        .unwrap();
    let (before, after) = storage.notes.split_at(first_sync);
    assert!(
        before
            .iter()
            .all(|note| matches!(note, Note::Write(offset) if *offset >= 4096))
    );
    let root = [
        Note::Sync,
        Note::Write(0),
        Note::Write(0x200),
        Note::Sync,
        Note::Write(0x400),
        Note::Sync,
    ];
    assert_eq!(after, root);
}

#[test]
fn a_folder_that_is_not_there_or_is_a_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [folder.path().join("no").join("a.rvf"), file.join("a.rvf")] {
        let error = Packer::new()
            .pack_to_path(&mut source(), &path)
            .unwrap_err();
        assert!(error.to_string().contains("a.rvf"), "{error}");
    }
    assert!(
        Packer::new()
            .force(true)
            .pack_to_path(&mut source(), folder.path())
            .is_err()
    );
}
