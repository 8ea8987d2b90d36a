//! Memory that grows without moving.

use std::io;

use crate::error::PackError;

/// Bytes that grow by chunks of one length. What is asked for lies in one chunk, since a chunk holds whole records.
#[derive(Debug)]
pub(super) struct Chunks {
    length: usize,
    pub(super) chunks: Vec<Vec<u8>>,
    /// Empty ones, for later.
    spare: Vec<Vec<u8>>,
}

impl Chunks {
    /// None yet. A length of 0 is for what a file of these vectors doesn't have.
    pub(super) const fn new(length: usize) -> Self {
        Self {
            length,
            chunks: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Makes sure of the memory for so many chunks.
    pub(super) fn provide(&mut self, count: usize) -> Result<(), PackError> {
        while self.chunks.len() + self.spare.len() < count {
            let chunk = self.reserved()?;
            self.spare.push(chunk);
        }
        Ok(())
    }

    fn reserved(&mut self) -> Result<Vec<u8>, PackError> {
        let full = |_| PackError::output("hold the vectors")(io::ErrorKind::OutOfMemory.into());
        let mut chunk = Vec::new();
        chunk.try_reserve_exact(self.length).map_err(full)?;
        // The places for it among the chunks, and among the spare ones.
        self.chunks.try_reserve(1).map_err(full)?;
        self.spare.try_reserve(1).map_err(full)?;
        Ok(chunk)
    }

    /// Appends records of one size, which divides the length of a chunk.
    pub(super) fn append(&mut self, records: &[u8], stride: usize) -> Result<(), PackError> {
        for record in records.chunks_exact(stride.max(1)) {
            match self.chunks.last_mut() {
                Some(last) if last.len() < self.length => last.extend_from_slice(record),
                _ => {
                    let mut chunk = match self.spare.pop() {
                        Some(chunk) => chunk,
                        None => self.reserved()?,
                    };
                    chunk.extend_from_slice(record);
                    self.chunks.push(chunk);
                }
            }
        }
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        (self.chunks.len() + self.spare.len()) * self.length
    }

    /// Forgets all bytes but the first.
    pub(super) fn truncate(&mut self, bytes: usize) {
        if self.length == 0 {
            return;
        }
        for mut chunk in self
            .chunks
            .drain(bytes.div_ceil(self.length).min(self.chunks.len())..)
        {
            chunk.clear();
            self.spare.push(chunk);
        }
        if let Some(last) = self.chunks.last_mut()
            && !bytes.is_multiple_of(self.length)
        {
            last.truncate(bytes % self.length);
        }
    }

    pub(super) fn get(&self, from: usize, length: usize) -> Option<&[u8]> {
        let chunk = self.chunks.get(from.checked_div(self.length)?)?;
        chunk.get(from % self.length..)?.get(..length)
    }

    pub(super) fn record(&self, row: u32, stride: usize) -> Option<&[u8]> {
        self.get(row as usize * stride, stride)
    }

    /// What follows `at` in its chunk, up to `end`.
    pub(super) fn run(&self, at: usize, end: usize) -> Option<&[u8]> {
        if at >= end {
            return None;
        }
        let chunk = self.chunks.get(at.checked_div(self.length)?)?;
        let from = at % self.length;
        chunk.get(from..chunk.len().min(from + (end - at)))
    }

    /// Moves a record up to an earlier place, and gives it the number of that place.
    pub(super) fn move_record(&mut self, from: u32, to: u32, stride: usize) {
        if from == to || self.length == 0 {
            return;
        }
        let place = |row: u32| {
            let at = row as usize * stride;
            (at / self.length, at % self.length)
        };
        let ((from_chunk, from_at), (to_chunk, to_at)) = (place(from), place(to));
        if from_chunk == to_chunk {
            if let Some(chunk) = self.chunks.get_mut(to_chunk) {
                chunk.copy_within(from_at..from_at + stride, to_at);
            }
        } else if let Ok([source, target]) = self.chunks.get_disjoint_mut([from_chunk, to_chunk]) {
            target[to_at..to_at + stride].copy_from_slice(&source[from_at..from_at + stride]);
        }
        if let Some(chunk) = self.chunks.get_mut(to_chunk) {
            chunk[to_at..to_at + 4].copy_from_slice(&to.to_le_bytes());
        }
    }
}
