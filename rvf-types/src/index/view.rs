//! A whole INDEX payload.

use super::{
    HEAD_LEN, IndexHead, LIST_LEN, ListEntry, centroid_codes_length, centroid_codes_offset,
    centroid_records_length, centroid_records_offset, directory_offset, mean_length,
    payload_length, read_directory,
};
use crate::bytes::{check_zero, ensure, slice};
use crate::error::{Expected, FormatError};
use crate::kinds::VectorKind;
use crate::manifest::ManifestHead;
use crate::quant;
use crate::vec::{I8Record, record_offset, stride};
use byteorder::{ByteOrder, LittleEndian};

/// A whole INDEX payload, checked.
#[derive(Debug, Clone, Copy)]
pub struct Index<'a> {
    head: IndexHead,
    mean: &'a [u8],
    directory: &'a [u8],
    centroid_codes: &'a [u8],
    centroid_records: &'a [u8],
    quant_length: u64,
}

impl<'a> Index<'a> {
    /// Reads and checks a whole INDEX payload. `offset` is its place in the file.
    ///
    /// # Errors
    /// As [`IndexHead::parse`]; R-IDX-2 for another length, R-NUM-3 for bytes between the parts, R-IDX-3 for a mean that is
    /// not finite, R-IDX-1 for the list directory, R-QNT-1 to R-QNT-3 for centroid codes, R-VEC-1 to R-VEC-3, R-LIM-1 and
    /// R-IDX-4 for centroid records.
    pub fn parse(
        payload: &'a [u8],
        offset: u64,
        manifest: &ManifestHead,
    ) -> Result<Self, FormatError> {
        let head = IndexHead::parse(payload, offset, manifest)?;
        Self::with_head(head, payload, offset)
    }

    /// All but the head.
    pub(super) fn with_head(
        head: IndexHead,
        payload: &'a [u8],
        offset: u64,
    ) -> Result<Self, FormatError> {
        let (dimension, lists) = (head.dimension, head.lists);
        let len = payload_length(dimension, lists);
        let found = payload.len() as u64;
        ensure(
            found == len,
            "R-IDX-2",
            "payload length of INDEX",
            Expected::Exactly(len),
            found,
            offset,
        )?;
        let mut parts = Parts {
            payload,
            offset,
            end: HEAD_LEN,
        };
        let mean = parts.take(HEAD_LEN, mean_length(dimension))?;
        let directory_length = u64::from(lists).saturating_mul(LIST_LEN);
        let directory = parts.take(directory_offset(dimension), directory_length)?;
        let (mut centroid_codes, mut centroid_records): (&[u8], &[u8]) = (&[], &[]);
        if lists > 1 {
            let at = centroid_codes_offset(dimension, lists);
            centroid_codes = parts.take(at, centroid_codes_length(dimension, lists))?;
            let at = centroid_records_offset(dimension, lists);
            centroid_records = parts.take(at, centroid_records_length(dimension, lists))?;
        }
        let mut index = Self {
            head,
            mean,
            directory,
            centroid_codes,
            centroid_records,
            quant_length: 0,
        };
        index.check_mean(offset.saturating_add(HEAD_LEN))?;
        let at = offset.saturating_add(directory_offset(dimension));
        index.quant_length = index.check_directory(at)?;
        if lists > 1 {
            index.check_centroids(offset)?;
        }
        Ok(index)
    }

    /// The head.
    #[must_use]
    pub const fn head(&self) -> &IndexHead {
        &self.head
    }

    /// The mean, in the space of the input (before the rotation): the centroid, where there is one list.
    pub fn mean(&self) -> impl ExactSizeIterator<Item = f32> + Clone + use<'a> {
        self.mean
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| LittleEndian::read_f32(bytes))
    }

    /// The list directory.
    pub fn lists(&self) -> impl ExactSizeIterator<Item = ListEntry> + Clone + use<'a> {
        let (entries, _) = self.directory.as_chunks::<{ ListEntry::LEN }>();
        // The directory was parsed before: no entry is another one.
        entries
            .iter()
            .map(|bytes| ListEntry::parse(bytes, 0).unwrap_or(ListEntry::only(0)))
    }

    /// The codes of the centroids: a list of as many own entries as there are lists ([`quant::group`]). Empty with one list.
    #[must_use]
    pub const fn centroid_codes(&self) -> &'a [u8] {
        self.centroid_codes
    }

    /// The centroid of a list as an i8 record. None with one list, whose centroid is the mean.
    #[must_use]
    pub fn centroid(&self, list: u32) -> Option<I8Record<'a>> {
        let dimension = self.head.dimension;
        let at = record_offset(VectorKind::I8, list, dimension);
        let len = stride(VectorKind::I8, dimension);
        let bytes = slice(self.centroid_records, at, len.into())?;
        I8Record::parse(bytes, dimension, 0).ok()
    }

    /// The payload length that the lists ask of QUANT ([`quant::check_payload_length`]).
    #[must_use]
    pub const fn quant_length(&self) -> u64 {
        self.quant_length
    }

    fn check_mean(&self, offset: u64) -> Result<(), FormatError> {
        let wrong = self
            .mean()
            .enumerate()
            .find(|(_, value)| !value.is_finite());
        match wrong {
            None => Ok(()),
            Some((number, value)) => Err(FormatError::Float {
                rule: "R-IDX-3",
                what: "component of the mean",
                expected: Expected::Words("a finite number"),
                found: value.to_bits(),
                offset: offset.saturating_add((number as u64).saturating_mul(4)),
            }),
        }
    }

    fn check_directory(&self, offset: u64) -> Result<u64, FormatError> {
        let IndexHead {
            rows,
            dimension,
            lists,
            ..
        } = self.head;
        read_directory(rows, dimension, lists, self.directory, offset, |_| ())
    }

    fn check_centroids(&self, offset: u64) -> Result<(), FormatError> {
        let (dimension, lists) = (self.head.dimension, self.head.lists);
        let codes = offset.saturating_add(centroid_codes_offset(dimension, lists));
        quant::check_list(self.centroid_codes, lists, 0, dimension, codes)?;
        let records = offset.saturating_add(centroid_records_offset(dimension, lists));
        let len = usize::try_from(stride(VectorKind::I8, dimension)).unwrap_or(usize::MAX);
        for (bytes, list) in self.centroid_records.chunks(len).zip(0..lists) {
            let at = records.saturating_add(record_offset(VectorKind::I8, list, dimension));
            let record = I8Record::parse(bytes, dimension, at)?;
            ensure(
                record.row == list,
                "R-IDX-4",
                "row of a centroid record",
                Expected::Exactly(list.into()),
                record.row.into(),
                at,
            )?;
            record.check_centroid(self.head.metric, at)?;
        }
        Ok(())
    }
}

/// The parts of a payload, taken one after the other.
struct Parts<'a> {
    payload: &'a [u8],
    offset: u64,
    /// Where the part before ended.
    end: u64,
}

impl<'a> Parts<'a> {
    /// Takes a part, and checks that there are zeros before it.
    fn take(&mut self, from: u64, len: u64) -> Result<&'a [u8], FormatError> {
        let gap = slice(self.payload, self.end, from.saturating_sub(self.end));
        let at = self.offset.saturating_add(self.end);
        check_zero(gap.unwrap_or_default(), "R-NUM-3", "INDEX", at)?;
        self.end = from.saturating_add(len);
        Ok(slice(self.payload, from, len).unwrap_or_default())
    }
}
