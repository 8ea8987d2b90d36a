//! A mapped file.

use std::fmt;
use std::fs::File;
use std::io;

use memmap2::Mmap;

use super::{ByteSource, slice_at};

/// A file that is mapped into memory, for reading.
pub struct MappedFile(Mmap);

impl MappedFile {
    /// Maps an open file. See [`super::Io::Map`] for what another program must not do to it meanwhile.
    ///
    /// # Errors
    ///
    /// What the operating system says. Only a regular file can be mapped: for a pipe or a device read it whole and
    /// use [`super::Bytes`].
    pub fn new(file: &File) -> io::Result<Self> {
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "only a regular file can be mapped",
            ));
        }
        #[expect(
            unsafe_code,
            reason = "mapping a file is the one way to use its bytes without a copy"
        )]
        // SAFETY: the map is read-only and private to this value, and the slice lives no longer than the map. The
        // bytes are plain `u8`, valid whatever they are. What is left is that another process writes to the file
        // while it is mapped: Rust can't rule that out for any map. The format's readers take no pointer, length
        // or count from a byte without checking it at that place, so such a write can give a wrong answer or an
        // error, not an access out of bounds; the documentation of `Io::Map` says to use `Io::Read` for files
        // that others can change.
        let map = unsafe { Mmap::map(file)? };
        Ok(Self(map))
    }
}

impl fmt::Debug for MappedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MappedFile({} bytes)", self.0.len())
    }
}

impl ByteSource for MappedFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        buffer.copy_from_slice(slice_at(&self.0, offset, buffer.len())?);
        Ok(())
    }

    fn view(&self) -> Option<&[u8]> {
        Some(&self.0)
    }
}
