//! The records of the VEC payloads (section 7 of the format).

use crate::bytes::{Grid, check_zero, ensure, slice};
use crate::error::{Expected, FormatError};
use crate::kinds::{Metric, VectorKind};
use crate::limits::{MAX_COMPONENT, MAX_COMPONENT_F16};

/// Bytes before the components of an i8 record: row, scale, sum of squares.
pub const I8_HEAD_LEN: u64 = 12;
/// Largest scale of an i8 record: that of a vector with a component of 10¹⁵ (R-LIM-1, R-VEC-3).
pub const MAX_I8_SCALE: f32 =
    f32::from_bits((MAX_COMPONENT / 127.0).to_bits().next_multiple_of(256));
/// What a writer that keeps i8 alone takes for larger components (R-LIM-1): 127 times the largest scale of 16
/// significant bits for which that is at most 10¹⁵. So what the record stands for can be packed and asked again.
pub const MAX_I8_VALUE: f32 = f32::from_bits((MAX_COMPONENT / 127.0).to_bits() & !0xFF) * 127.0;
/// Bytes before the components of an f16 or f32 record: row.
pub const FLOAT_HEAD_LEN: u64 = 4;

/// Bytes of a record (R-VEC-1, R-VEC-5), for a dimension of at most 65,536.
#[must_use]
pub const fn stride(kind: VectorKind, dimension: u32) -> u32 {
    match kind {
        VectorKind::I8 => dimension.div_ceil(4).saturating_mul(4).saturating_add(12),
        VectorKind::F16 => dimension.div_ceil(2).saturating_mul(4).saturating_add(4),
        VectorKind::F32 => dimension.saturating_mul(4).saturating_add(4),
    }
}

/// The payload length of a VEC segment.
#[must_use]
pub const fn payload_length(kind: VectorKind, rows: u32, dimension: u32) -> u64 {
    record_offset(kind, rows, dimension)
}

/// Where record `number` starts in the payload.
#[must_use]
pub const fn record_offset(kind: VectorKind, number: u32, dimension: u32) -> u64 {
    (number as u64).saturating_mul(stride(kind, dimension) as u64)
}

/// A record of VEC i8.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct I8Record<'a> {
    /// The row.
    pub row: u32,
    /// The scale: the vector is scale × components.
    pub scale: f32,
    /// The sum of the squares of the integer components.
    pub sum_of_squares: u32,
    /// The components, as bytes of two's complement.
    components: &'a [u8],
}

impl<'a> I8Record<'a> {
    /// Reads the record that `bytes` start with and checks its form: length, padding, scale.
    /// `offset` is its place in the file. [`I8Record::check`] holds the rest.
    ///
    /// # Errors
    /// R-VEC-1 for a record that is cut short or padding that is not zero, R-VEC-3 for a scale that the rule can't give.
    pub fn parse(bytes: &'a [u8], dimension: u32, offset: u64) -> Result<Self, FormatError> {
        let record = cut(bytes, VectorKind::I8, dimension, "R-VEC-1", offset)?;
        let head = Grid::<12>::new(record, "record of VEC i8", offset)?;
        let components = slice(record, I8_HEAD_LEN, dimension.into()).unwrap_or_default();
        let end = I8_HEAD_LEN.saturating_add(dimension.into());
        check_tail(record, end, "R-VEC-1", offset)?;
        let scale = f32::from_bits(head.u32::<4>());
        // 16 significant bits remain in a scale (R-VEC-3): its lower 8 bits are zero.
        if !(scale.is_finite() && scale.is_sign_positive() && scale.to_bits() & 0xFF == 0) {
            return Err(FormatError::Float {
                rule: "R-VEC-3",
                what: "scale of a record",
                expected: Expected::Words("a finite number of 16 significant bits, 0 or more"),
                found: scale.to_bits(),
                offset: head.at(4),
            });
        }
        Ok(Self {
            row: head.u32::<0>(),
            scale,
            sum_of_squares: head.u32::<8>(),
            components,
        })
    }

    /// The components, −127 to 127 (which [`I8Record::check`] checks).
    pub fn components(&self) -> impl ExactSizeIterator<Item = i8> + Clone + use<'a> {
        self.components
            .iter()
            .map(|&byte| i8::from_le_bytes([byte]))
    }

    /// Checks the components, the sum of squares and the scale. `offset` is the record's place in the file.
    /// Its row is for [`check_row`].
    ///
    /// # Errors
    /// R-VEC-2 for a component of −128 or a sum that is wrong, R-LIM-1 for a scale that is too large, R-VEC-3 for components under a scale of 0.
    pub fn check(&self, offset: u64) -> Result<(), FormatError> {
        self.check_with(false, offset)
    }

    /// As [`check`](Self::check), of a centroid record: its sum of squares may hold a bias, unless the metric is the inner
    /// product (R-IDX-4).
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    pub fn check_centroid(&self, metric: Metric, offset: u64) -> Result<(), FormatError> {
        self.check_with(metric != Metric::InnerProduct && self.scale > 0.0, offset)
    }

    fn check_with(&self, biased: bool, offset: u64) -> Result<(), FormatError> {
        let place = |at: usize| offset.saturating_add(I8_HEAD_LEN).saturating_add(at as u64);
        if let Some(at) = self.components().position(|component| component == i8::MIN) {
            return Err(FormatError::Field {
                rule: "R-VEC-2",
                what: "component of a record",
                expected: Expected::Words("-127 to 127"),
                found: 128,
                offset: place(at),
            });
        }
        // At most 65,536 · 127², below 2³¹.
        let sum = self.components().fold(0_u32, |sum, c| {
            let c = u32::from(c.unsigned_abs());
            sum.saturating_add(c.saturating_mul(c))
        });
        let (is_right, expected) = if biased {
            let least = Expected::AtLeast(sum.into());
            (sum <= self.sum_of_squares, least)
        } else {
            (sum == self.sum_of_squares, Expected::Exactly(sum.into()))
        };
        ensure(
            is_right,
            "R-VEC-2",
            "sum of squares of a record",
            expected,
            self.sum_of_squares.into(),
            offset.saturating_add(8),
        )?;
        if self.scale > MAX_I8_SCALE {
            return Err(FormatError::Float {
                rule: "R-LIM-1",
                what: "scale of a record",
                expected: Expected::Words("at most that of components up to 1e15"),
                found: self.scale.to_bits(),
                offset: offset.saturating_add(4),
            });
        }
        ensure(
            self.scale > 0.0 || sum == 0,
            "R-VEC-3",
            "sum of squares of a record whose scale is 0",
            Expected::Exactly(0),
            sum.into(),
            offset.saturating_add(8),
        )
    }
}

/// A record of VEC f16 or f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloatRecord<'a> {
    /// The row.
    pub row: u32,
    /// The components' bytes, little-endian: 2 (f16) or 4 (f32) each.
    pub components: &'a [u8],
    kind: VectorKind,
}

impl<'a> FloatRecord<'a> {
    /// Reads the record that `bytes` start with and checks its form: length and padding.
    /// `kind` is F16 or F32; `offset` is the record's place in the file.
    ///
    /// # Errors
    /// R-VEC-5 for a record that is cut short, padding that is not zero, or a kind of I8.
    pub fn parse(
        bytes: &'a [u8],
        kind: VectorKind,
        dimension: u32,
        offset: u64,
    ) -> Result<Self, FormatError> {
        const RULE: &str = "R-VEC-5";
        let size: u64 = match kind {
            VectorKind::F16 => 2,
            VectorKind::F32 => 4,
            VectorKind::I8 => {
                let what = "a record of VEC i8 is no record of floats; read it as an i8 record";
                return Err(FormatError::Other {
                    rule: RULE,
                    what,
                    offset,
                });
            }
        };
        let record = cut(bytes, kind, dimension, RULE, offset)?;
        let head = Grid::<4>::new(record, "record of VEC", offset)?;
        let length = u64::from(dimension).saturating_mul(size);
        let components = slice(record, FLOAT_HEAD_LEN, length).unwrap_or_default();
        check_tail(record, FLOAT_HEAD_LEN.saturating_add(length), RULE, offset)?;
        Ok(Self {
            row: head.u32::<0>(),
            components,
            kind,
        })
    }

    /// The components of an f32 record; none for f16.
    pub fn f32s(&self) -> impl ExactSizeIterator<Item = f32> + Clone + use<'a> {
        let bytes = if self.kind == VectorKind::F32 {
            self.components
        } else {
            &[]
        };
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
    }

    /// The bits of the components of an f16 record; none for f32.
    pub fn f16_bits(&self) -> impl ExactSizeIterator<Item = u16> + Clone + use<'a> {
        let bytes = if self.kind == VectorKind::F16 {
            self.components
        } else {
            &[]
        };
        bytes
            .as_chunks()
            .0
            .iter()
            .map(|bytes| u16::from_le_bytes(*bytes))
    }

    /// Checks the components. `offset` is the record's place in the file. Its row is for [`check_row`].
    ///
    /// # Errors
    /// R-LIM-1 for a component that is not finite or too large.
    pub fn check(&self, offset: u64) -> Result<(), FormatError> {
        let place = |at: usize, size: u64| {
            offset
                .saturating_add(FLOAT_HEAD_LEN)
                .saturating_add((at as u64).saturating_mul(size))
        };
        // The comparison is false for NaN.
        let wrong = self
            .f32s()
            .enumerate()
            .find(|(_, x)| !matches!(x.abs(), y if y <= MAX_COMPONENT));
        if let Some((at, x)) = wrong {
            return Err(FormatError::Float {
                rule: "R-LIM-1",
                what: "component of a record",
                expected: Expected::Words("a finite number of at most 1e15"),
                found: x.to_bits(),
                offset: place(at, 4),
            });
        }
        // An exponent of all ones is an infinity or a NaN; every other f16 is at most 65,504.
        match self
            .f16_bits()
            .enumerate()
            .find(|(_, bits)| bits & 0x7C00 == 0x7C00)
        {
            None => Ok(()),
            Some((at, bits)) => Err(FormatError::Field {
                rule: "R-LIM-1",
                what: "bits of a component of a record",
                expected: Expected::Words("those of a finite f16"),
                found: bits.into(),
                offset: place(at, 2),
            }),
        }
    }
}

/// Writes the record of VEC i8 with this row, scale and components into `out`.
///
/// # Errors
/// R-VEC-1 if `out` is not a record's stride long, R-VEC-2 for a component of −128.
pub fn write_i8(
    out: &mut [u8],
    row: u32,
    scale: f32,
    components: &[i8],
) -> Result<(), FormatError> {
    let dimension = check_room(out, VectorKind::I8, components.len(), "R-VEC-1")?;
    out.fill(0);
    let mut sum = 0_u32;
    for (place, &component) in out.iter_mut().skip(12).zip(components) {
        let [byte] = component.to_le_bytes();
        *place = byte;
        let size = u32::from(component.unsigned_abs());
        sum = sum.saturating_add(size.saturating_mul(size));
    }
    let head = crate::bytes::Sheet::<12>::new()
        .u32::<0>(row)
        .u32::<4>(scale.to_bits())
        .u32::<8>(sum);
    if let Some(place) = out.first_chunk_mut() {
        *place = head.finish();
    }
    I8Record::parse(out, dimension, 0)?.check(0)
}

/// Writes the record of VEC f32 with this row and components into `out`.
///
/// # Errors
/// R-VEC-5 if `out` is not a record's stride long, R-LIM-1 for a component that is out of range.
pub fn write_f32(out: &mut [u8], row: u32, components: &[f32]) -> Result<(), FormatError> {
    let dimension = check_room(out, VectorKind::F32, components.len(), "R-VEC-5")?;
    let words = core::iter::once(row).chain(components.iter().map(|x| x.to_bits()));
    for (place, word) in out.as_chunks_mut().0.iter_mut().zip(words) {
        *place = word.to_le_bytes();
    }
    FloatRecord::parse(out, VectorKind::F32, dimension, 0)?.check(0)
}

/// Writes the record of VEC f16 with this row and these components, given as bits, into `out`.
///
/// # Errors
/// R-VEC-5 if `out` is not a record's stride long, R-LIM-1 for a component that is not finite.
pub fn write_f16(out: &mut [u8], row: u32, components: &[u16]) -> Result<(), FormatError> {
    let dimension = check_room(out, VectorKind::F16, components.len(), "R-VEC-5")?;
    out.fill(0);
    if let Some(place) = out.first_chunk_mut() {
        *place = row.to_le_bytes();
    }
    let places = out.as_chunks_mut().0.iter_mut().skip(2);
    for (place, bits) in places.zip(components) {
        *place = bits.to_le_bytes();
    }
    FloatRecord::parse(out, VectorKind::F16, dimension, 0)?.check(0)
}

fn check_room(
    out: &[u8],
    kind: VectorKind,
    components: usize,
    rule: &'static str,
) -> Result<u32, FormatError> {
    let most = crate::limits::MAX_DIMENSION;
    let dimension = u32::try_from(components).unwrap_or(u32::MAX);
    ensure(
        (1..=most).contains(&dimension),
        "R-LIM-1",
        "dimension",
        Expected::Between(1, most.into()),
        dimension.into(),
        0,
    )?;
    let len = u64::from(stride(kind, dimension));
    let found = out.len() as u64;
    ensure(
        found == len,
        rule,
        "length of a record",
        Expected::Exactly(len),
        found,
        0,
    )?;
    Ok(dimension)
}

fn cut<'a>(
    bytes: &'a [u8],
    kind: VectorKind,
    dimension: u32,
    rule: &'static str,
    offset: u64,
) -> Result<&'a [u8], FormatError> {
    let expected = u64::from(stride(kind, dimension));
    slice(bytes, 0, expected).ok_or(FormatError::TooShort {
        rule,
        what: "record of VEC",
        expected,
        found: bytes.len() as u64,
        offset,
    })
}

/// The padding of a record, from `end` of its components on.
fn check_tail(record: &[u8], end: u64, rule: &'static str, offset: u64) -> Result<(), FormatError> {
    let tail = usize::try_from(end)
        .ok()
        .and_then(|end| record.get(end..))
        .unwrap_or_default();
    check_zero(tail, rule, "record of VEC", offset.saturating_add(end))
}

/// Checks the row of a record against the one that it must have: with one list its own number, with more the row
/// that [`Order`](crate::order::Order) gives that number for. `offset` is the record's place in the file.
///
/// # Errors
/// R-VEC-7 for another row.
pub const fn check_row(row: u32, expected: u32, offset: u64) -> Result<(), FormatError> {
    ensure(
        row == expected,
        "R-VEC-7",
        "row of a record",
        Expected::Exactly(expected as u64),
        row as u64,
        offset,
    )
}

/// Checks that the row of a record is one: what a reader that sees one record alone can tell. `offset` is its place in
/// the file.
///
/// # Errors
/// R-VEC-7 for a row that is not below rows.
pub const fn check_row_below(row: u32, rows: u32, offset: u64) -> Result<(), FormatError> {
    ensure(
        row < rows,
        "R-VEC-7",
        "row of a record",
        Expected::AtMost((rows as u64).saturating_sub(1)),
        row as u64,
        offset,
    )
}

/// Checks one component of the input against the limit for vectors that are kept as `kind` (R-LIM-1).
#[must_use]
pub fn is_component(x: f32, kind: VectorKind) -> bool {
    let most = if kind == VectorKind::F16 {
        MAX_COMPONENT_F16
    } else {
        MAX_COMPONENT
    };
    x.abs() <= most
}
