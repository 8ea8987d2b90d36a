//! Strings as they stand in an IDS payload, while it is being made.

use super::RUN_IDS;
use crate::error::{Expected, FormatError};
use crate::limits::MAX_ID_LEN;
use alloc::vec::Vec;

/// The UTF-8 ids of the rows in order: the bytes of the payload's strings, and where each run of 64 starts in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strings {
    bytes: Vec<u8>,
    runs: Vec<u64>,
    count: usize,
}

impl Strings {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            runs: Vec::new(),
            count: 0,
        }
    }

    /// Appends the id of the next row.
    ///
    /// # Errors
    /// R-LIM-1 for an id that is empty or longer than 512 bytes; its row stands as the error's offset.
    pub fn push(&mut self, id: &str) -> Result<(), FormatError> {
        let length = u16::try_from(id.len())
            .ok()
            .filter(|&n| n > 0 && usize::from(n) <= MAX_ID_LEN);
        let Some(length) = length else {
            return Err(FormatError::Field {
                rule: "R-LIM-1",
                what: "bytes of the id of a row, the row's number standing as the offset",
                expected: Expected::Between(1, MAX_ID_LEN as u64),
                found: id.len() as u64,
                offset: self.count as u64,
            });
        };
        if self.count.is_multiple_of(run_ids()) {
            self.runs.push(self.bytes.len() as u64);
        }
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(id.as_bytes());
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The strings as they stand in the payload: each a u16 length and its UTF-8.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each run of 64 ids starts in [`Strings::bytes`]: the block offsets without the last.
    #[must_use]
    pub fn runs(&self) -> &[u64] {
        &self.runs
    }

    /// The ids from the start of run `number` to the last, each as the bytes of its UTF-8.
    pub fn from_run(&self, number: usize) -> impl Iterator<Item = &[u8]> + Clone {
        let from = self.runs.get(number).map(|&from| usize::try_from(from));
        let rest = match from {
            Some(Ok(from)) => self.bytes.get(from..).unwrap_or_default(),
            _ => &[],
        };
        Rest(rest)
    }

    /// The id of a row, as the bytes of its UTF-8.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        let number = row.checked_div(run_ids())?;
        self.from_run(number).nth(row.checked_rem(run_ids())?)
    }
}

fn run_ids() -> usize {
    usize::try_from(RUN_IDS).unwrap_or(usize::MAX)
}

/// Strings that were pushed: none is cut short.
#[derive(Clone)]
struct Rest<'a>(&'a [u8]);

impl<'a> Iterator for Rest<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, behind) = self.0.split_first_chunk::<2>()?;
        let (id, behind) = behind.split_at_checked(u16::from_le_bytes(*length).into())?;
        self.0 = behind;
        Some(id)
    }
}
