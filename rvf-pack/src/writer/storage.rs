//! Where a file is built: bytes that can be written and read at any offset.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Deref;
use std::path::PathBuf;

/// Bytes that can be written and read at any offset. Writing behind the end makes it longer; what lies between is zero.
///
/// The packer reads back what it has written: it keeps no copy of the vectors in memory.
pub trait Storage: Send {
    /// Writes all of `bytes` from `offset` on.
    ///
    /// # Errors
    ///
    /// They cannot be written, for instance because the disk is full.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Fills `bytes` with what stands from `offset` on.
    ///
    /// # Errors
    ///
    /// They cannot be read, or the end lies before.
    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()>;

    /// Returns when all that was written is on the medium.
    ///
    /// # Errors
    ///
    /// It could not be brought there.
    fn sync(&mut self) -> io::Result<()>;

    /// An empty storage for what is needed for a while, on the same medium where that can be.
    ///
    /// The default makes a temporary file without a name.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    fn scratch(&mut self) -> io::Result<Box<dyn Storage>> {
        Ok(Box::new(OwnFile::unnamed()?))
    }

    /// The first `length` bytes, to read them many times over.
    ///
    /// The default reads them into memory.
    ///
    /// # Errors
    ///
    /// They cannot be read, or the end lies before.
    fn view(&mut self, length: u64) -> io::Result<View<'_>> {
        let length =
            usize::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let mut bytes = vec![0; length];
        self.read_at(0, &mut bytes)?;
        Ok(View(Inner::Owned(bytes)))
    }
}

/// Bytes of a [`Storage`], to be read.
#[derive(Debug)]
pub struct View<'a>(Inner<'a>);

#[derive(Debug)]
enum Inner<'a> {
    Borrowed(&'a [u8]),
    Owned(Vec<u8>),
    Mapped(memmap2::Mmap),
}

impl<'a> View<'a> {
    /// Bytes that are in memory already.
    #[must_use]
    pub fn borrowed(bytes: &'a [u8]) -> Self {
        Self(Inner::Borrowed(bytes))
    }
}

impl Deref for View<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Inner::Borrowed(bytes) => bytes,
            Inner::Owned(bytes) => bytes,
            Inner::Mapped(map) => map,
        }
    }
}

/// A storage in memory.
impl Storage for Vec<u8> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let full = || io::Error::from(io::ErrorKind::OutOfMemory);
        let from = usize::try_from(offset).map_err(|_| full())?;
        let end = from.checked_add(bytes.len()).ok_or_else(full)?;
        if self.len() < end {
            self.try_reserve(end - self.len()).map_err(|_| full())?;
            self.resize(end, 0);
        }
        self[from..end].copy_from_slice(bytes);
        Ok(())
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        let found = usize::try_from(offset)
            .ok()
            .and_then(|from| self.get(from..)?.get(..bytes.len()));
        let found = found.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        bytes.copy_from_slice(found);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn scratch(&mut self) -> io::Result<Box<dyn Storage>> {
        Ok(Box::new(Self::new()))
    }

    fn view(&mut self, length: u64) -> io::Result<View<'_>> {
        let found = usize::try_from(length)
            .ok()
            .and_then(|length| self.get(..length));
        let found = found.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        Ok(View::borrowed(found))
    }
}

/// A storage in a file that nobody else writes to: one that this process has created under a name of its own, or that
/// has no name.
#[derive(Debug)]
pub(crate) struct OwnFile {
    file: File,
    folder: PathBuf,
}

impl OwnFile {
    /// `file`, in `folder`, must be open for reading and writing, and nobody else may change it or cut it short.
    pub(crate) fn new(file: File, folder: PathBuf) -> Self {
        Self { file, folder }
    }

    /// A file without a name, in the folder for temporary files.
    pub(crate) fn unnamed() -> io::Result<Self> {
        let folder = std::env::temp_dir();
        Ok(Self {
            file: tempfile::tempfile_in(&folder)?,
            folder,
        })
    }
}

impl Storage for OwnFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(bytes)
    }

    fn read_at(&mut self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.read_exact(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn scratch(&mut self) -> io::Result<Box<dyn Storage>> {
        Ok(Box::new(Self {
            file: tempfile::tempfile_in(&self.folder)?,
            folder: self.folder.clone(),
        }))
    }

    fn view(&mut self, length: u64) -> io::Result<View<'_>> {
        let fits = usize::try_from(length).ok();
        if self.file.metadata()?.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = fits.ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        #[expect(
            unsafe_code,
            reason = "a map is the only way to have the file at hand without as much memory"
        )]
        // SAFETY: the file was created by this process, exclusively and for it alone, or without a name; and `self` is
        // borrowed for as long as the map lives. So nobody changes the bytes or cuts the file short meanwhile.
        let map = unsafe { memmap2::MmapOptions::new().len(length).map(&self.file)? };
        Ok(View(Inner::Mapped(map)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behaves(storage: &mut dyn Storage) {
        storage.write_at(5, b"abc").unwrap();
        storage.write_at(0, b"xy").unwrap();
        storage.sync().unwrap();
        let mut bytes = [9; 8];
        storage.read_at(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"xy\0\0\0abc");
        storage.read_at(4, &mut bytes[..3]).unwrap();
        assert_eq!(&bytes[..3], b"\0ab");
        assert_eq!(&storage.view(8).unwrap()[..], b"xy\0\0\0abc");
        assert_eq!(&storage.view(1).unwrap()[..], b"x");
        assert!(storage.view(9).is_err());
        assert!(storage.read_at(6, &mut bytes[..3]).is_err());
        assert!(storage.read_at(u64::MAX, &mut bytes[..1]).is_err());
    }

    #[test]
    fn memory_and_files_behave_the_same() {
        behaves(&mut Vec::new());
        behaves(&mut OwnFile::unnamed().unwrap());
    }

    #[test]
    fn an_offset_beyond_memory_is_an_error() {
        assert!(Vec::new().write_at(u64::MAX - 1, b"abc").is_err());
    }
}
