//! Where a file's bytes come from.
//!
//! A [`ByteSource`] gives bytes at offsets and knows nothing of the format. Four are here: a mapped file
//! ([`MappedFile`]), plain positioned reads ([`FileReads`]), bytes in memory ([`Bytes`]), and ranges fetched by
//! whatever the caller has ([`RangeReader`]).

mod file;
mod mapped;
mod memory;
mod ranges;

use std::fmt;
use std::io;

pub use file::FileReads;
pub use mapped::MappedFile;
pub use memory::Bytes;
pub use ranges::{FetchRange, RangeReader, Traffic};

/// One range of a source, and where its bytes go.
#[derive(Debug)]
pub struct RangeRequest<'a> {
    /// Offset of the first byte, from the start of the source.
    pub offset: u64,
    /// Filled completely, or the read fails.
    pub buffer: &'a mut [u8],
}

/// Bytes at offsets: a file, a slice, an object in a store.
///
/// A source is read from several threads at once.
pub trait ByteSource: Send + Sync + fmt::Debug {
    /// Length in bytes. It is asked once, when the file is opened; what lies behind it is never read.
    ///
    /// # Errors
    ///
    /// What the operating system or the transport says.
    fn size(&self) -> io::Result<u64>;

    /// Fills `buffer` with the bytes at `offset`.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if the source ends before; else what the system says.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Fills several ranges. They are in ascending order and do not overlap. A source that is far away fetches
    /// them side by side; the provided method reads one after the other.
    ///
    /// # Errors
    ///
    /// As [`ByteSource::read_at`], for the first range that fails.
    fn read_ranges(&self, requests: &mut [RangeRequest<'_>]) -> io::Result<()> {
        for request in requests {
            self.read_at(request.offset, request.buffer)?;
        }
        Ok(())
    }

    /// The whole source as one slice, if it stands in memory. Blocks of it are then checked and used in place, with no copy.
    fn view(&self) -> Option<&[u8]> {
        None
    }
}

/// How [`crate::Reader::open_path`] reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Io {
    /// Map the file into memory: no copies, the fastest.
    ///
    /// The file must not be changed while it is open. A block is checked when it is first touched; a change behind
    /// that check is not seen, and a file that is made shorter ends the process with a signal (SIGBUS) on Unix. A
    /// file that another user can change is to be opened with [`Io::Read`].
    #[default]
    Map,
    /// Read into buffers. A block is copied first and the copy is checked and used, so what another program does
    /// to the file meanwhile can make a query fail but can't change an answer.
    Read,
}

/// The error for a read that runs past the end of a source.
fn past_end(offset: u64, len: usize, end: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("{len} bytes at offset {offset} were asked for, but the source has {end} bytes"),
    )
}

/// The part of `bytes` that a read asks for.
fn slice_at(bytes: &[u8], offset: u64, len: usize) -> io::Result<&[u8]> {
    usize::try_from(offset)
        .ok()
        .and_then(|start| Some(start..start.checked_add(len)?))
        .and_then(|range| bytes.get(range))
        .ok_or_else(|| past_end(offset, len, bytes.len() as u64))
}
