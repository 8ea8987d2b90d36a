//! Files as the readers want them: bytes at an offset, and lines of bounded length.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::error::{Place, SourceError, SourceProblem};

/// The byte order mark that some programs put before UTF-8 text.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

const TEXT_BUFFER_BYTES: usize = 256 << 10;

/// Opens a regular file. Another kind cannot be read twice, or has no size.
pub(super) fn open_file(path: &Path) -> Result<File, SourceError> {
    let fail = |error| SourceError::io(path, Place::default(), error);
    // Asked before opening: to open a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(fail)?.is_file() {
        return Err(SourceError::file(path, SourceProblem::NotAFile));
    }
    File::open(path).map_err(fail)
}

fn len_of(file: &File, path: &Path) -> Result<u64, SourceError> {
    let metadata = file
        .metadata()
        .map_err(|error| SourceError::io(path, Place::default(), error))?;
    Ok(metadata.len())
}

/// A binary file of known size.
#[derive(Debug)]
pub(super) struct ByteFile {
    path: PathBuf,
    file: File,
    len: u64,
    at: u64,
}

impl ByteFile {
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let file = open_file(path)?;
        let len = len_of(&file, path)?;
        let path = path.to_path_buf();
        Ok(Self {
            path,
            file,
            len,
            at: 0,
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Offset of the next byte read.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn error(&self, place: Place, problem: SourceProblem) -> SourceError {
        SourceError::at(&self.path, place, problem)
    }

    pub(super) fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), SourceError> {
        if let Err(error) = self.file.read_exact(bytes) {
            let place = Place::byte(self.at);
            if error.kind() == io::ErrorKind::UnexpectedEof {
                self.check_unchanged()?;
                let expected = u128::from(self.at) + bytes.len() as u128;
                let found = self.len;
                return Err(self.error(place, SourceProblem::FileSize { expected, found }));
            }
            return Err(SourceError::io(&self.path, place, error));
        }
        self.at += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn seek(&mut self, at: u64) -> Result<(), SourceError> {
        self.check_unchanged()?;
        self.file
            .seek(SeekFrom::Start(at))
            .map_err(|error| SourceError::io(&self.path, Place::byte(at), error))?;
        self.at = at;
        Ok(())
    }

    fn check_unchanged(&self) -> Result<(), SourceError> {
        let found = len_of(&self.file, &self.path)?;
        if found == self.len {
            return Ok(());
        }
        let problem = SourceProblem::Changed {
            what: "its size in bytes",
            expected: self.len,
            found,
        };
        Err(self.error(Place::default(), problem))
    }
}

/// Lines of a text file, none longer than a limit.
#[derive(Debug)]
pub(super) struct LineReader {
    path: PathBuf,
    reader: BufReader<File>,
    limit: u64,
    line: u64,
    buffer: Vec<u8>,
}

impl LineReader {
    pub(super) fn open(path: &Path, limit: u64) -> Result<Self, SourceError> {
        let reader = BufReader::with_capacity(TEXT_BUFFER_BYTES, open_file(path)?);
        let path = path.to_path_buf();
        Ok(Self {
            path,
            reader,
            limit,
            line: 0,
            buffer: Vec::new(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The next line that is not blank, with its number, without white space after it.
    pub(super) fn next_line(&mut self) -> Result<Option<(u64, &[u8])>, SourceError> {
        loop {
            if !self.read_line()? {
                return Ok(None);
            }
            if !self.text().trim_ascii_start().is_empty() {
                return Ok(Some((self.line, self.text())));
            }
        }
    }

    fn text(&self) -> &[u8] {
        let bytes = match self.line {
            1 => self.buffer.strip_prefix(BOM).unwrap_or(&self.buffer),
            _ => &self.buffer,
        };
        bytes.trim_ascii_end()
    }

    /// Reads one line into the buffer; false at the end of the file.
    fn read_line(&mut self) -> Result<bool, SourceError> {
        self.buffer.clear();
        let place = Place::line(self.line + 1);
        // One byte for the line feed, one to see that the line is too long.
        let most = self.limit.saturating_add(2);
        let read = Read::take(&mut self.reader, most)
            .read_until(b'\n', &mut self.buffer)
            .map_err(|error| SourceError::io(&self.path, place.clone(), error))?;
        if read == 0 {
            return Ok(false);
        }
        let length = match self.buffer.last() {
            Some(b'\n') => read - 1,
            _ => read,
        };
        if length as u64 > self.limit {
            let problem = SourceProblem::LineTooLong { limit: self.limit };
            return Err(SourceError::at(&self.path, place, problem));
        }
        self.line += 1;
        Ok(true)
    }

    pub(super) fn rewind(&mut self) -> Result<(), SourceError> {
        self.reader
            .seek(SeekFrom::Start(0))
            .map_err(|error| SourceError::io(&self.path, Place::default(), error))?;
        self.line = 0;
        Ok(())
    }
}

/// Gives a CSV parser one line at a time, so that lines can be counted and a record bounded.
///
/// A read never goes past a line feed. So when the parser ends a record, the last line that it was given is the
/// one on which the record ends.
#[derive(Debug)]
pub(super) struct LineFeeder {
    reader: BufReader<File>,
    lines: u64,
    at_line_start: bool,
    limit: u64,
    left: u64,
    start: bool,
}

impl LineFeeder {
    pub(super) fn open(path: &Path, limit: u64) -> Result<Self, SourceError> {
        Ok(Self {
            reader: BufReader::with_capacity(TEXT_BUFFER_BYTES, open_file(path)?),
            lines: 0,
            at_line_start: true,
            limit,
            left: limit,
            start: true,
        })
    }

    /// The next record may have all bytes of the limit.
    pub(super) fn start_record(&mut self) {
        self.left = self.limit;
    }

    /// Nothing is left of the limit: the error that a read gave was [`io::ErrorKind::FileTooLarge`] for this.
    pub(super) fn is_exhausted(&self) -> bool {
        self.left == 0
    }

    /// Lines given so far.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }
}

impl Read for LineFeeder {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut available = self.reader.fill_buf()?;
        if std::mem::take(&mut self.start) && available.starts_with(BOM) {
            self.reader.consume(BOM.len());
            available = self.reader.fill_buf()?;
        }
        if available.is_empty() || out.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let most = available
            .len()
            .min(out.len())
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let piece = available.get(..most).unwrap_or(available);
        let count = match piece.iter().position(|byte| *byte == b'\n') {
            Some(index) => index + 1,
            None => piece.len(),
        };
        if let (Some(from), Some(to)) = (available.get(..count), out.get_mut(..count)) {
            to.copy_from_slice(from);
        }
        if self.at_line_start {
            self.lines += 1;
        }
        self.at_line_start = available.get(count - 1) == Some(&b'\n');
        self.reader.consume(count);
        self.left -= count as u64;
        Ok(count)
    }
}

impl Seek for LineFeeder {
    /// Goes back to the start, the only place to which a CSV reader here goes.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if to != SeekFrom::Start(0) {
            return Err(io::Error::from(io::ErrorKind::Unsupported));
        }
        self.reader.seek(to)?;
        self.lines = 0;
        self.at_line_start = true;
        self.left = self.limit;
        self.start = true;
        Ok(0)
    }
}
