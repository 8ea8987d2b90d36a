//! The records of VEC: each by itself, the i8 record against the vector as stored, and the row against ORDER.

use std::borrow::Cow;

use half::f16;
use rvf_types::vec::{self, FloatRecord, I8Record, record_offset, stride};
use rvf_types::{FormatError, ManifestHead, Metric, Order, SegmentEntry, VectorKind, limits};

use super::segments::bytes;
use super::work::Findings;
use crate::check::sum16;
use crate::error::HostError;
use crate::source::ByteSource;

/// Which row the record of a vector number must have (R-VEC-7).
#[derive(Debug, Clone, Copy)]
pub(super) enum Rows<'a> {
    /// One list: the number.
    Numbers,
    /// The one for which ORDER gives the number.
    Order(Order<'a>),
    /// ORDER is damaged, which was told: any row below their count.
    Below(u32),
}

impl Rows<'_> {
    fn check(&self, row: u32, number: u32, offset: u64) -> Result<(), FormatError> {
        match self {
            Self::Numbers => vec::check_row(row, number, offset),
            Self::Order(order) => order.check_record(row, number, offset),
            Self::Below(rows) => vec::check_row_below(row, *rows, offset),
        }
    }
}

/// The VEC segments whose bytes are right.
pub(super) struct Vectors<'a> {
    head: &'a ManifestHead,
    i8: Option<SegmentEntry>,
    float: Option<SegmentEntry>,
}

impl<'a> Vectors<'a> {
    pub(super) fn new(head: &'a ManifestHead) -> Self {
        Self {
            head,
            i8: None,
            float: None,
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.i8.is_none() && self.float.is_none()
    }

    pub(super) fn take(&mut self, entry: &SegmentEntry) {
        let Some(kind) = entry.vector_kind() else {
            return;
        };
        let head = self.head;
        if entry.payload_length != record_offset(kind, head.rows, head.dimension) {
            return;
        }
        match kind {
            VectorKind::I8 => self.i8 = Some(*entry),
            VectorKind::F16 | VectorKind::F32 => self.float = Some(*entry),
        }
    }

    /// Checks the records of `count` vectors from number `first` on by themselves, their rows, and the i8 records against
    /// the vectors as stored.
    pub(super) fn check(
        &self,
        source: &dyn ByteSource,
        rows: &Rows<'_>,
        first: u32,
        count: u32,
        findings: &Findings,
    ) -> Result<(), HostError> {
        let head = self.head;
        let integers = Piece::read(
            source,
            self.i8.as_ref(),
            VectorKind::I8,
            first,
            count,
            head.dimension,
        )?;
        let floats = Piece::read(
            source,
            self.float.as_ref(),
            head.vectors,
            first,
            count,
            head.dimension,
        )?;
        let mut stored = Vec::new();
        let mut expected = Vec::new();
        for number in first..first.saturating_add(count) {
            stored.clear();
            let float = floats.as_ref().and_then(|piece| {
                let (bytes, at) = piece.record(number);
                let record =
                    findings.passes(FloatRecord::parse(bytes, head.vectors, head.dimension, at))?;
                findings.passes(rows.check(record.row, number, at));
                findings.passes(record.check(at))?;
                match head.vectors {
                    VectorKind::F16 => {
                        stored.extend(record.f16_bits().map(|bits| f16::from_bits(bits).to_f32()))
                    }
                    _ => stored.extend(record.f32s()),
                }
                Some(at)
            });
            let integer = integers.as_ref().and_then(|piece| {
                let (bytes, at) = piece.record(number);
                let record = findings.passes(I8Record::parse(bytes, head.dimension, at))?;
                findings.passes(rows.check(record.row, number, at));
                findings.passes(record.check(at))?;
                Some((record, at))
            });
            if let Some((record, at)) = integer {
                if floats.is_none() && self.float.is_none() && head.vectors == VectorKind::I8 {
                    stored.extend(record.components().map(|x| record.scale * f32::from(x)));
                }
                if !stored.is_empty() {
                    check_quantised(&record, &stored, &mut expected, head.vectors, at, findings);
                }
            }
            let place = float.or(integer.map(|(_, at)| at));
            if let Some(at) = place.filter(|_| head.metric == Metric::Cosine && !stored.is_empty())
            {
                check_not_zero(&stored, at, findings);
            }
        }
        Ok(())
    }
}

/// Records from `first` on.
struct Piece<'s> {
    bytes: Cow<'s, [u8]>,
    offset: u64,
    stride: usize,
    first: u32,
}

impl<'s> Piece<'s> {
    fn read(
        source: &'s dyn ByteSource,
        entry: Option<&SegmentEntry>,
        kind: VectorKind,
        first: u32,
        count: u32,
        dimension: u32,
    ) -> Result<Option<Self>, HostError> {
        let Some(entry) = entry else { return Ok(None) };
        let offset = entry
            .payload_offset()
            .saturating_add(record_offset(kind, first, dimension));
        let bytes = bytes(source, offset, record_offset(kind, count, dimension))?;
        Ok(Some(Self {
            bytes,
            offset,
            stride: stride(kind, dimension) as usize,
            first,
        }))
    }

    /// The bytes of a vector's record, and its place in the file.
    fn record(&self, number: u32) -> (&[u8], u64) {
        let from = (number - self.first) as usize * self.stride;
        (
            self.bytes.get(from..).unwrap_or_default(),
            self.offset.saturating_add(from as u64),
        )
    }
}

/// R-VEC-3: scale and components are those of the vector as stored (R-VEC-4, R-VEC-6).
fn check_quantised(
    record: &I8Record<'_>,
    vector: &[f32],
    expected: &mut Vec<i8>,
    vectors: VectorKind,
    offset: u64,
    findings: &Findings,
) {
    let scale = quantise(vector, expected);
    if scale.to_bits() == record.scale.to_bits() && record.components().eq(expected.iter().copied())
    {
        return;
    }
    let (rule, what) = match vectors {
        VectorKind::I8 => (
            "R-VEC-3",
            "a record of VEC i8 is not what the rule makes of the vector that it stands for",
        ),
        _ => (
            "R-VEC-6",
            "a record of VEC i8 is not what the rule makes of the vector that is kept as floats",
        ),
    };
    findings.fault(&FormatError::Other { rule, what, offset });
}

/// R-VEC-3, written from its text alone: gives the scale and fills the components.
fn quantise(vector: &[f32], components: &mut Vec<i8>) -> f32 {
    components.clear();
    let largest = vector.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    if f64::from(largest) < limits::ZERO_VECTOR_SUM {
        components.resize(vector.len(), 0);
        return 0.0;
    }
    let whole = largest <= 127.0 && vector.iter().all(|x| f32::from(*x as i8) == *x);
    let scale = if whole {
        1.0
    } else {
        let bits = (largest / 127.0).to_bits();
        f32::from_bits(bits.div_ceil(256).saturating_mul(256))
    };
    components.extend(
        vector
            .iter()
            .map(|x| nearest((x / scale).clamp(-127.0, 127.0))),
    );
    scale
}

/// The nearest integer, ties to even, of a number of −127 to 127: the addition rounds it, to the last place of a number
/// between 2²³ and 2²⁴, which is 1. (`round_ties_even` is a call of the C library on many processors.)
fn nearest(x: f32) -> i8 {
    const MAGIC: f32 = 12_582_912.0;
    (x + MAGIC - MAGIC) as i8
}

/// R-LIM-2.
fn check_not_zero(vector: &[f32], offset: u64, findings: &Findings) {
    let sum = f64::from(sum16(vector, vector, |x, _| x * x));
    if sum < limits::ZERO_VECTOR_SUM {
        findings.fault(&FormatError::Other {
            rule: "R-LIM-2",
            what: "a zero vector, which has no direction, in a file whose metric is cosine",
            offset,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_is_round_ties_even() {
        for step in -127 * 1024..=127 * 1024 {
            let x = step as f32 / 1024.0;
            assert_eq!(f32::from(nearest(x)), x.round_ties_even());
        }
        assert_eq!(nearest(0.5_f32.next_up()), 1);
        assert_eq!(nearest(2.5_f32.next_down()), 2);
    }

    #[test]
    fn quantising_gives_what_the_rule_says() {
        let mut components = Vec::new();
        assert_eq!(quantise(&[3.0, -127.0], &mut components), 1.0);
        assert_eq!(components, [3, -127]);
        assert_eq!(quantise(&[0.0, 1e-31], &mut components), 0.0);
        assert_eq!(components, [0, 0]);
        // 254 / 127 = 2 has no bits to round.
        assert_eq!(quantise(&[254.0, 1.0, -3.0, 5.0], &mut components), 2.0);
        assert_eq!(components, [127, 0, -2, 2]);
        let scale = quantise(&[1.0, 0.4], &mut components);
        assert!(
            scale >= 1.0 / 127.0 && scale.to_bits().is_multiple_of(256) && scale < 1.00004 / 127.0
        );
        assert_eq!(components, [127, 51]);
    }
}
