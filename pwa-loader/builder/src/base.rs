//! A packed file in memory, as the greater part of a store.

use std::ops::Range;

use rvf_microkernel::{Index, Regions};
use rvf_types::ids::{Id, Ids};
use rvf_types::{
    Effort, IdKind, Manifest, ManifestHead, Metric, Order, Root, SegmentEntry, SegmentHeader,
    SegmentType, VectorKind, digest, limits,
};

use crate::bits::Bits;
use crate::error::{Error, reserved};

/// A file, all of it at hand.
#[derive(Debug)]
pub(crate) struct Base {
    bytes: Vec<u8>,
    head: ManifestHead,
    index: Index,
    index_at: Range<usize>,
    quant: Range<usize>,
    vec_i8: Range<usize>,
    /// Empty where vectors are i8 alone.
    vec_float: Range<usize>,
    /// Empty with one list.
    order: Range<usize>,
    ids: Option<Range<usize>>,
    efforts: Vec<Effort>,
    usual_recall: f64,
    /// Which rows are live, by vector number.
    live: Bits,
}

impl Base {
    /// Opens a file. `check`: every segment is held against its digests; not for bytes that this library has just written.
    pub(crate) fn open(bytes: Vec<u8>, check: bool) -> Result<Self, Error> {
        let root = Root::parse(cut(&bytes, 0, limits::ROOT_LEN)?)?;
        root.check_file_length(bytes.len() as u64)?;
        let record = root.record();
        let at = record.manifest_offset;
        let header = SegmentHeader::parse(cut(&bytes, at, limits::HEADER_LEN)?, at)?;
        record.check_manifest_header(&header)?;
        let payload = cut(&bytes, at + limits::HEADER_LEN, header.payload_length)?;
        let block_log = limits::MANIFEST_BLOCK_LOG;
        digest::check_payload(&header, payload, block_log, &record.manifest_hash, at)?;
        let manifest = Manifest::parse(payload, at + limits::HEADER_LEN)?;
        manifest.check_file(record, header.id)?;

        if check {
            // Of all segments: the file is given out again as it is.
            for entry in manifest.entries() {
                check_segment(&bytes, &entry)?;
            }
        }
        let head = *manifest.head();
        let segment = |entry: Option<SegmentEntry>| -> Result<Range<usize>, Error> {
            match entry {
                Some(entry) => extent(&bytes, &entry),
                None => Ok(0..0),
            }
        };
        let index_at = segment(manifest.find(SegmentType::INDEX))?;
        let quant = segment(manifest.find(SegmentType::QUANT))?;
        let vec_i8 = segment(manifest.vectors(VectorKind::I8))?;
        let vec_float = match head.vectors {
            VectorKind::I8 => 0..0,
            kind => segment(manifest.vectors(kind))?,
        };
        let order = segment(manifest.find(SegmentType::ORDER))?;
        let ids = match head.id_kind {
            IdKind::None => None,
            _ => Some(segment(manifest.find(SegmentType::IDS))?),
        };
        let index = Index::parse(part(&bytes, &index_at))?;
        let recall = manifest.property(rvf_types::manifest::RECALL_PROPERTY);
        let recall = recall.and_then(|text| text.parse::<f64>().ok());
        let usual_recall = recall
            .filter(|recall| *recall > 0.0 && *recall <= 1.0)
            .unwrap_or(rvf_types::DEFAULT_RECALL);
        let mut efforts = reserved(manifest.efforts().count())?;
        efforts.extend(manifest.efforts());
        let live = Bits::all(head.rows, true)?;
        Ok(Self {
            index,
            index_at,
            quant,
            vec_i8,
            vec_float,
            order,
            ids,
            efforts,
            usual_recall,
            live,
            head,
            bytes,
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) const fn head(&self) -> &ManifestHead {
        &self.head
    }

    pub(crate) const fn metric(&self) -> Metric {
        self.head.metric
    }

    pub(crate) const fn index(&self) -> &Index {
        &self.index
    }

    /// The mean, behind the head of the INDEX.
    pub(crate) fn mean(&self) -> &[u8] {
        let index = part(&self.bytes, &self.index_at);
        index.get(rvf_microkernel::HEAD_LEN..).unwrap_or_default()
    }

    pub(crate) fn efforts(&self) -> &[Effort] {
        &self.efforts
    }

    pub(crate) const fn usual_recall(&self) -> f64 {
        self.usual_recall
    }

    /// The rows that are not deleted, by vector number.
    pub(crate) const fn live(&self) -> &Bits {
        &self.live
    }

    pub(crate) fn regions<'a>(&'a self, filter: &'a [u8]) -> Regions<'a> {
        Regions {
            index: part(&self.bytes, &self.index_at),
            quant: part(&self.bytes, &self.quant),
            vec_i8: part(&self.bytes, &self.vec_i8),
            vec_float: part(&self.bytes, &self.vec_float),
            filter,
        }
    }

    /// The vector number of a row.
    pub(crate) fn number(&self, row: u32) -> Option<u32> {
        if row >= self.head.rows {
            return None;
        }
        if self.order.is_empty() {
            return Some(row);
        }
        let order = Order::parse(part(&self.bytes, &self.order), 0, self.head.rows).ok()?;
        order.get(row).filter(|number| *number < self.head.rows)
    }

    /// The row of a vector number.
    pub(crate) fn row(&self, number: u32) -> Option<u32> {
        let stride = self.index.record_len() as usize;
        let at = (number as usize).checked_mul(stride)?;
        let row = self.exact().get(at..)?.first_chunk()?;
        Some(u32::from_le_bytes(*row))
    }

    /// Deletes a row. False if it is gone already.
    pub(crate) fn delete(&mut self, row: u32) -> bool {
        self.number(row)
            .is_some_and(|number| self.live.clear(number))
    }

    pub(crate) fn is_live(&self, row: u32) -> bool {
        self.number(row).is_some_and(|number| self.live.has(number))
    }

    /// The most exact record of a row.
    pub(crate) fn record(&self, row: u32) -> Option<&[u8]> {
        let stride = self.index.record_len() as usize;
        let at = (self.number(row)? as usize).checked_mul(stride)?;
        self.exact().get(at..)?.get(..stride)
    }

    /// The most exact records of the vectors with these numbers.
    pub(crate) fn records(&self, numbers: Range<u32>) -> &[u8] {
        let stride = self.index.record_len() as usize;
        let (from, to) = (
            numbers.start as usize * stride,
            numbers.end as usize * stride,
        );
        self.exact().get(from..to).unwrap_or_default()
    }

    fn exact(&self) -> &[u8] {
        let range = match self.head.vectors {
            VectorKind::I8 => &self.vec_i8,
            VectorKind::F16 | VectorKind::F32 => &self.vec_float,
        };
        part(&self.bytes, range)
    }

    /// The ids as the file has them: numbers as 8 bytes each, or texts as their length in two bytes and themselves.
    /// Nothing where an id is the number of its row.
    pub(crate) fn ids(&self) -> Result<(IdKind, Vec<u8>), Error> {
        let mut out = Vec::new();
        let Some(range) = &self.ids else {
            return Ok((IdKind::None, out));
        };
        let ids = Ids::parse(part(&self.bytes, range), range.start as u64, &self.head)?;
        out.try_reserve(range.len()).map_err(|_| Error::Memory)?;
        for row in 0..self.head.rows {
            match ids.get(row)? {
                Some(Id::U64(number)) => out.extend_from_slice(&number.to_le_bytes()),
                Some(Id::Utf8(text)) => {
                    out.extend_from_slice(&(text.len() as u16).to_le_bytes());
                    out.extend_from_slice(text.as_bytes());
                }
                None => return Err(Error::Format(format!("row {row} has no id"))),
            }
        }
        Ok((self.head.id_kind, out))
    }
}

/// Holds a segment against its hash.
fn check_segment(bytes: &[u8], entry: &SegmentEntry) -> Result<(), Error> {
    let at = entry.offset;
    let header = SegmentHeader::parse(cut(bytes, at, limits::HEADER_LEN)?, at)?;
    let payload = cut(bytes, entry.payload_offset(), entry.payload_length)?;
    digest::check_payload(&header, payload, entry.block_log, &entry.hash, at)?;
    Ok(())
}

/// Where the payload of a segment stands.
fn extent(bytes: &[u8], entry: &SegmentEntry) -> Result<Range<usize>, Error> {
    let at = entry.offset;
    let header = SegmentHeader::parse(cut(bytes, at, limits::HEADER_LEN)?, at)?;
    entry.check_header(&header)?;
    let from = entry.payload_offset();
    let payload = cut(bytes, from, entry.payload_length)?;
    let from = from as usize;
    Ok(from..from + payload.len())
}

fn part<'a>(bytes: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    bytes.get(range.clone()).unwrap_or_default()
}

fn cut(bytes: &[u8], from: u64, length: u64) -> Result<&[u8], Error> {
    let short = || {
        Error::Format(format!(
            "expected {length} bytes at byte {from}, found the end of the file at byte {}; it is cut short",
            bytes.len()
        ))
    };
    let from = usize::try_from(from).map_err(|_| short())?;
    let length = usize::try_from(length).map_err(|_| short())?;
    let rest = bytes.get(from..).ok_or_else(short)?;
    rest.get(..length).ok_or_else(short)
}
