//! The lists of a file.

use rvf_types::{ListEntry, index, quant};

use crate::checked::Span;
use crate::error::HostError;
use crate::reader::Reader;

impl Reader {
    /// Checks the list directory before the first coded search: lists that overlap could make a search of a small file
    /// take as long as one of all lists times all rows.
    pub(crate) fn check_lists(&self) -> Result<(), HostError> {
        if self.head().lists > 1 && self.sound_lists.get().is_none() {
            self.lists()?;
            // Another thread may have been faster.
            let _ = self.sound_lists.set(());
        }
        Ok(())
    }

    /// The list directory: where each list stands and how many vectors and second entries it has.
    ///
    /// # Errors
    /// [`HostError::Format`] for damage, and for lists that contradict each other or the file.
    pub fn lists(&self) -> Result<Vec<ListEntry>, HostError> {
        let head = self.head();
        // Holds the head against the manifest.
        self.index_start()?;
        let (segment, entry) = self.index_segment()?;
        // At most 65,536 lists of 32 bytes.
        let from = index::directory_offset(head.dimension);
        let bytes = self.file().read_vec(Span {
            segment,
            from,
            len: head.lists as usize * ListEntry::LEN,
        })?;
        let mut lists = Vec::with_capacity(head.lists as usize);
        let codes = index::read_directory(
            head.rows,
            head.dimension,
            head.lists,
            &bytes,
            entry.payload_offset().saturating_add(from),
            |list| lists.push(list),
        )?;
        let (_, quant) = self.quant_segment()?;
        quant::check_payload_length(quant.payload_length, codes, quant.offset)?;
        Ok(lists)
    }
}
