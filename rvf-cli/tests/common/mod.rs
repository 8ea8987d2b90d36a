//! Runs the built program, and makes small inputs for it.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What a run of the program left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Standard output, if it went well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        assert_eq!(self.stderr, "", "{self:?}");
        self.stdout
    }

    /// Each line of standard output as JSON, if it went well.
    #[track_caller]
    pub(crate) fn json(self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap();
        self.ok().lines().map(parse).collect()
    }

    /// Standard error, if it failed as it should: code 1, nothing on standard output, an error of a sentence or two
    /// with no trace of a panic.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        self.proper_error();
        self.stderr
    }

    #[track_caller]
    pub(crate) fn proper_error(&self) {
        assert!(self.stderr.starts_with("error: "), "{self:?}");
        for trace in ["panicked", "RUST_BACKTRACE", "Some(", "Err(", "os error"] {
            assert!(!self.stderr.contains(trace), "{self:?}");
        }
    }

    /// Standard error, if the options were refused.
    #[track_caller]
    pub(crate) fn usage(self) -> String {
        assert_eq!(self.code, Some(2), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        self.stderr
    }
}

/// Runs `rvf` in a folder.
pub(crate) fn rvf_in<S: AsRef<OsStr>>(folder: &Path, args: &[S]) -> Ran {
    rvf_with(folder, args, "")
}

/// Runs `rvf` in a folder with something to read on standard input.
pub(crate) fn rvf_with<S: AsRef<OsStr>>(folder: &Path, args: &[S], input: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rvf"))
        .args(args)
        .current_dir(folder)
        .env_remove("SOURCE_DATE_EPOCH")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The program may have ended before it read everything.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The sample that comes with the source.
pub(crate) fn sample(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("samples/wordnet-8k")
        .join(name)
        .display()
        .to_string()
}

/// A folder for one test, with files in it.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.file(name), content).unwrap();
        self
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.file(name)).unwrap()
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.file(name).exists()
    }

    /// The names in the folder, hidden ones too.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn rvf(&self, args: &[&str]) -> Ran {
        rvf_in(self.path(), args)
    }

    pub(crate) fn rvf_with(&self, args: &[&str], input: &str) -> Ran {
        rvf_with(self.path(), args, input)
    }

    /// Packs `rows` into `small.rvf`, with text ids `a`, `b`, …
    pub(crate) fn small(&self, rows: &[&[f32]]) -> &Self {
        self.write("small.npy", npy_f32(rows));
        let ids: String = (b'a'..)
            .take(rows.len())
            .map(|id| format!("{}\n", char::from(id)))
            .collect();
        self.write("small.txt", ids);
        let args = "pack small.npy --ids small.txt --metric l2 -o small.rvf --quiet";
        self.rvf(&args.split(' ').collect::<Vec<_>>()).ok();
        self
    }

    /// The file `wordnet.rvf`, packed of the sample.
    pub(crate) fn wordnet(&self) -> &Self {
        let (base, ids) = (sample("base.i8.npy"), sample("ids.txt"));
        self.rvf(&["pack", &base, "--ids", &ids, "-o", "wordnet.rvf", "--quiet"])
            .ok();
        self
    }
}

/// Six points in the plane, well apart.
pub(crate) const POINTS: [&[f32]; 6] = [
    &[0.0, 1.0],
    &[1.0, 0.0],
    &[5.0, 5.0],
    &[-3.0, 2.0],
    &[4.0, 5.5],
    &[-3.0, -4.0],
];

/// An `.npy` file with a header of this description.
pub(crate) fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

pub(crate) fn npy_f32(rows: &[&[f32]]) -> Vec<u8> {
    let dimension = rows.first().unwrap().len();
    let data: Vec<u8> = rows
        .iter()
        .flat_map(|row| row.iter())
        .flat_map(|x| x.to_le_bytes())
        .collect();
    npy(
        "<f4",
        false,
        &format!("({}, {dimension})", rows.len()),
        &data,
    )
}

pub(crate) fn npy_i32(rows: &[&[i32]]) -> Vec<u8> {
    let width = rows.first().unwrap().len();
    let data: Vec<u8> = rows
        .iter()
        .flat_map(|row| row.iter())
        .flat_map(|x| x.to_le_bytes())
        .collect();
    npy("<i4", false, &format!("({}, {width})", rows.len()), &data)
}

/// Numbers that look random, the same in every run, from −1 to 1.
pub(crate) fn noise(count: usize) -> Vec<f32> {
    let mut state = 0x1234_5678_9abc_def0_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Rows of `dimension` numbers from [`noise`].
pub(crate) fn noise_npy(rows: usize, dimension: usize) -> Vec<u8> {
    let values = noise(rows * dimension);
    npy_f32(&values.chunks(dimension).collect::<Vec<_>>())
}

/// The rows of the hits of an answer.
pub(crate) fn rows_of(answer: &Value) -> Vec<u64> {
    let hits = answer["hits"].as_array().unwrap();
    hits.iter()
        .map(|hit| hit["row"].as_u64().unwrap())
        .collect()
}
