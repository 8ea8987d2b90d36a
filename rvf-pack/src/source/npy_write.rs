//! Writes `.npy` files: the header first, then rows as they come.

use std::io::{self, Write};
use std::marker::PhantomData;

use half::f16;

use super::npy_header::MAGIC;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for half::f16 {}
    impl Sealed for i8 {}
}

/// A type of value that an [`NpyWriter`] writes: `f32`, [`half::f16`] or `i8`.
pub trait NpyElement: sealed::Sealed + Copy {
    /// The type as numpy names it.
    const DESCR: &'static str;

    /// Appends the value, little-endian.
    fn put(self, bytes: &mut Vec<u8>);
}

impl NpyElement for f32 {
    const DESCR: &'static str = "<f4";

    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_le_bytes());
    }
}

impl NpyElement for f16 {
    const DESCR: &'static str = "<f2";

    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_le_bytes());
    }
}

impl NpyElement for i8 {
    const DESCR: &'static str = "|i1";

    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_le_bytes());
    }
}

/// Writes a two-axis array in C order. [`finish`](Self::finish) checks that all rows came.
#[derive(Debug)]
pub struct NpyWriter<W, T> {
    to: W,
    dimension: usize,
    rows_left: u64,
    buffer: Vec<u8>,
    element: PhantomData<T>,
}

impl<W: Write, T: NpyElement> NpyWriter<W, T> {
    /// Writes the header for `rows` rows of `dimension` values.
    ///
    /// # Errors
    ///
    /// `dimension` is 0, or `to` cannot be written.
    pub fn new(mut to: W, rows: u64, dimension: usize) -> io::Result<Self> {
        if dimension == 0 {
            return Err(invalid(
                "expected a dimension of at least 1, found 0".into(),
            ));
        }
        to.write_all(&header(T::DESCR, rows, dimension))?;
        Ok(Self {
            to,
            dimension,
            rows_left: rows,
            buffer: Vec::new(),
            element: PhantomData,
        })
    }

    /// Writes one or more whole rows.
    ///
    /// # Errors
    ///
    /// `values` is no whole number of rows, or has more rows than are left; or the output cannot be written.
    pub fn write_rows(&mut self, values: &[T]) -> io::Result<()> {
        const AT_ONCE: usize = 16 << 10;
        if !values.len().is_multiple_of(self.dimension) {
            return Err(invalid(format!(
                "expected whole rows of {} values, found {} values",
                self.dimension,
                values.len()
            )));
        }
        let rows = (values.len() / self.dimension) as u64;
        let left = self.rows_left.checked_sub(rows);
        self.rows_left = left.ok_or_else(|| {
            let expected = self.rows_left;
            invalid(format!(
                "expected at most {expected} rows more, found {rows}"
            ))
        })?;
        for piece in values.chunks(AT_ONCE) {
            self.buffer.clear();
            for value in piece {
                value.put(&mut self.buffer);
            }
            self.to.write_all(&self.buffer)?;
        }
        Ok(())
    }

    /// Flushes, and gives the output back.
    ///
    /// # Errors
    ///
    /// Rows are missing, or the output cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        if self.rows_left > 0 {
            let left = self.rows_left;
            return Err(invalid(format!("expected {left} rows more, found the end")));
        }
        self.to.flush()?;
        Ok(self.to)
    }
}

/// Starts an `.npy` file of `f32` rows.
///
/// # Errors
///
/// See [`NpyWriter::new`].
pub fn write_npy_f32<W: Write>(
    to: W,
    rows: u64,
    dimension: usize,
) -> io::Result<NpyWriter<W, f32>> {
    NpyWriter::new(to, rows, dimension)
}

/// Starts an `.npy` file of `f16` rows.
///
/// # Errors
///
/// See [`NpyWriter::new`].
pub fn write_npy_f16<W: Write>(
    to: W,
    rows: u64,
    dimension: usize,
) -> io::Result<NpyWriter<W, f16>> {
    NpyWriter::new(to, rows, dimension)
}

/// Starts an `.npy` file of `i8` rows.
///
/// # Errors
///
/// See [`NpyWriter::new`].
pub fn write_npy_i8<W: Write>(to: W, rows: u64, dimension: usize) -> io::Result<NpyWriter<W, i8>> {
    NpyWriter::new(to, rows, dimension)
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// The same bytes as `numpy.save` writes.
fn header(descr: &str, rows: u64, dimension: usize) -> Vec<u8> {
    /// numpy leaves room for the first axis to grow to this many digits.
    const AXIS_DIGITS: usize = 21;
    const ALIGNMENT: usize = 64;
    /// Magic, version, and length of the dictionary.
    const BEFORE: usize = 10;
    let mut text =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows}, {dimension}), }}");
    let growth = AXIS_DIGITS.saturating_sub(rows.to_string().len());
    text.extend(std::iter::repeat_n(' ', growth));
    let used = BEFORE + text.len() + 1;
    text.extend(std::iter::repeat_n(' ', ALIGNMENT - used % ALIGNMENT));
    text.push('\n');
    // At most two hundred bytes: two numbers of twenty digits, and padding.
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}
