//! The lists of a file.

use rvf_types::{DirectoryCheck, FormatError, IndexHead, ListEntry, index};

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
        let start = self.index_start()?;
        let (segment, entry) = self.index_segment()?;
        let at = entry.payload_offset();
        let mut check = DirectoryCheck::new(&IndexHead::parse(&start, at, head)?);
        // At most 65,536 lists of 32 bytes.
        let from = index::directory_offset(head.dimension);
        let bytes = self.file().read_vec(Span {
            segment,
            from,
            len: head.lists as usize * ListEntry::LEN,
        })?;
        let mut lists = Vec::with_capacity(head.lists as usize);
        for (bytes, number) in bytes.chunks_exact(ListEntry::LEN).zip(0..) {
            let at = at.saturating_add(index::list_entry_offset(head.dimension, number));
            let list = ListEntry::parse(bytes, at)?;
            check.take(&list, at)?;
            lists.push(list);
        }
        let codes = check.finish(at.saturating_add(from))?;
        let (_, quant) = self.quant_segment()?;
        if codes != quant.payload_length {
            return Err(FormatError::Field {
                rule: "R-QNT-1",
                what: "payload length of QUANT",
                expected: rvf_types::error::Expected::Exactly(codes),
                found: quant.payload_length,
                offset: quant.offset,
            }
            .into());
        }
        Ok(lists)
    }
}
