//! Reading INDEX, QUANT and VEC: what stands where, and what is bad data (K-ABI-6).

use super::pack::float_stride;
use super::{File, u32_at};

/// K-ABI-6, or a range that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadData;

pub(crate) fn bytes(region: &[u8], at: u64, len: usize) -> Result<&[u8], BadData> {
    let at = usize::try_from(at).map_err(|_| BadData)?;
    let end = at.checked_add(len).ok_or(BadData)?;
    region.get(at..end).ok_or(BadData)
}

/// A record, the row of which is in range.
fn record<'a>(file: &File, region: &'a [u8], stride: usize, n: usize) -> Result<&'a [u8], BadData> {
    let record = bytes(region, (n * stride) as u64, stride)?;
    let row = u32_at(record, 0) as usize;
    if row >= file.rows {
        return Err(BadData);
    }
    Ok(record)
}

fn i8_stride(file: &File) -> usize {
    12 + 4 * file.d.div_ceil(4)
}

pub(crate) fn i8_record(file: &File, n: usize) -> Result<&[u8], BadData> {
    record(file, &file.vec_i8, i8_stride(file), n)
}

pub(crate) fn float_record(file: &File, n: usize) -> Result<&[u8], BadData> {
    record(file, &file.vec_float, float_stride(file.kind, file.d), n)
}

/// A list, or the centroids as one.
#[derive(Debug)]
pub(crate) struct List<'a> {
    pub(crate) region: &'a [u8],
    pub(crate) offset: u64,
    pub(crate) own: usize,
    pub(crate) second: usize,
    pub(crate) first: usize,
    pub(crate) base: f32,
}

impl List<'_> {
    pub(crate) fn owns(&self, n: usize) -> bool {
        self.first <= n && n < self.first + self.own
    }
}

// Where the parts of the INDEX are: R-IDX-2.

fn directory(file: &File) -> usize {
    (128 + 4 * file.d).next_multiple_of(64)
}

fn centroid_codes(file: &File) -> usize {
    (directory(file) + 32 * file.lists).next_multiple_of(64)
}

fn centroid_records(file: &File) -> usize {
    let (full, rest) = (file.lists / 32, file.lists % 32);
    let words = file.d.div_ceil(64);
    let group = |m: usize| m.div_ceil(4) * (32 * words + 16);
    (centroid_codes(file) + full * group(32) + group(rest)).next_multiple_of(64)
}

/// The list of a directory entry, which is not looked at where there is one list.
pub(crate) fn list(file: &File, l: usize, base: f32) -> Result<List<'_>, BadData> {
    if file.lists == 1 {
        return Ok(List {
            region: &file.quant,
            offset: 0,
            own: file.rows,
            second: 0,
            first: 0,
            base,
        });
    }
    let entry = bytes(&file.index, (directory(file) + 32 * l) as u64, 32)?;
    let list = List {
        region: &file.quant,
        offset: u64::from(u32_at(entry, 0)) | u64::from(u32_at(entry, 4)) << 32,
        own: u32_at(entry, 8) as usize,
        second: u32_at(entry, 12) as usize,
        first: u32_at(entry, 16) as usize,
        base,
    };
    if list.offset >= 1 << 48
        || list.first + list.own > file.rows
        || list.own + list.second > file.rows
    {
        return Err(BadData);
    }
    Ok(list)
}

/// Does a vector belong to two lists, or does an empty list start amid another's vectors? Then R-IDX-1 is broken, and
/// whose a vector is is not said.
pub(crate) fn overlap(file: &File) -> bool {
    let mut owned: Vec<(usize, usize)> = (0..file.lists)
        .filter_map(|l| list(file, l, 0.0).ok())
        .map(|list| (list.first, list.first + list.own))
        .collect();
    owned.sort_unstable();
    owned.windows(2).any(|pair| pair[0].1 > pair[1].0)
}

/// The codes of the centroids.
pub(crate) fn centroids(file: &File, base: f32) -> List<'_> {
    List {
        region: &file.index,
        offset: centroid_codes(file) as u64,
        own: file.lists,
        second: 0,
        first: 0,
        base,
    }
}

/// The record of a centroid.
pub(crate) fn centroid(file: &File, l: usize) -> Result<&[u8], BadData> {
    let stride = i8_stride(file);
    let at = centroid_records(file) + l * stride;
    let record = bytes(&file.index, at as u64, stride)?;
    if u32_at(record, 0) as usize != l {
        return Err(BadData);
    }
    Ok(record)
}
