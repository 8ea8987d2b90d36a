//! Fixed grids of bytes: fields are read and written at offsets that the compiler checks.

use crate::error::{Expected, FormatError};
use byteorder::{ByteOrder, LittleEndian};

/// A structure of `N` bytes that was read from a file.
#[derive(Clone, Copy)]
pub(crate) struct Grid<'a, const N: usize> {
    bytes: &'a [u8; N],
    /// Where it starts in the file.
    offset: u64,
    /// Its name, for errors.
    what: &'static str,
}

impl<'a, const N: usize> Grid<'a, N> {
    /// Takes the first `N` bytes of `bytes`.
    pub(crate) fn new(
        bytes: &'a [u8],
        what: &'static str,
        offset: u64,
    ) -> Result<Self, FormatError> {
        Self::of_rule("R-NUM-2", bytes, what, offset)
    }

    /// As `new`, with the rule that too few bytes break.
    pub(crate) fn of_rule(
        rule: &'static str,
        bytes: &'a [u8],
        what: &'static str,
        offset: u64,
    ) -> Result<Self, FormatError> {
        let expected = N as u64;
        let found = bytes.len() as u64;
        let short = FormatError::TooShort {
            rule,
            what,
            expected,
            found,
            offset,
        };
        let bytes = bytes.first_chunk().ok_or(short)?;
        Ok(Self {
            bytes,
            offset,
            what,
        })
    }

    pub(crate) fn array<const AT: usize, const LEN: usize>(&self) -> [u8; LEN] {
        const { assert!(AT + LEN <= N) };
        // The lines above make the other arm unreachable.
        match self.bytes.get(AT..).and_then(<[u8]>::first_chunk::<LEN>) {
            Some(field) => *field,
            None => [0; LEN],
        }
    }

    pub(crate) fn u8<const AT: usize>(&self) -> u8 {
        let [byte] = self.array::<AT, 1>();
        byte
    }

    pub(crate) fn u16<const AT: usize>(&self) -> u16 {
        LittleEndian::read_u16(&self.array::<AT, 2>())
    }

    pub(crate) fn u32<const AT: usize>(&self) -> u32 {
        LittleEndian::read_u32(&self.array::<AT, 4>())
    }

    pub(crate) fn u64<const AT: usize>(&self) -> u64 {
        LittleEndian::read_u64(&self.array::<AT, 8>())
    }

    /// The place of a field in the file.
    pub(crate) const fn at(&self, field: u64) -> u64 {
        self.offset.saturating_add(field)
    }

    /// Checks the magic of the structure at `AT`.
    pub(crate) fn magic<const AT: usize>(
        &self,
        rule: &'static str,
        expected: [u8; 4],
    ) -> Result<(), FormatError> {
        let found = self.array::<AT, 4>();
        if found == expected {
            return Ok(());
        }
        Err(FormatError::Magic {
            rule,
            what: self.what,
            expected,
            found,
            offset: self.at(AT as u64),
        })
    }

    /// Checks that `LEN` bytes at `AT` are zero.
    pub(crate) fn zero<const AT: usize, const LEN: usize>(
        &self,
        rule: &'static str,
    ) -> Result<(), FormatError> {
        check_zero(
            &self.array::<AT, LEN>(),
            rule,
            self.what,
            self.at(AT as u64),
        )
    }

    /// Checks a field, whose value is `found`, against the one value that it may have.
    pub(crate) fn exactly<const AT: usize>(
        &self,
        rule: &'static str,
        what: &'static str,
        found: u64,
        expected: u64,
    ) -> Result<(), FormatError> {
        ensure(
            found == expected,
            rule,
            what,
            Expected::Exactly(expected),
            found,
            self.at(AT as u64),
        )
    }

    /// Checks the CRC-32 of the bytes before the last four, which hold it.
    pub(crate) fn crc<const AT: usize>(&self, rule: &'static str) -> Result<(), FormatError> {
        const { assert!(AT + 4 == N) };
        let expected = self.u32::<AT>();
        let found = crc32(&self.array::<0, AT>());
        if found == expected {
            return Ok(());
        }
        Err(FormatError::Crc {
            rule,
            what: self.what,
            expected,
            found,
            offset: self.offset,
        })
    }
}

/// A structure of `N` bytes that is being written; what is not put is zero.
pub(crate) struct Sheet<const N: usize>([u8; N]);

impl<const N: usize> Sheet<N> {
    pub(crate) const fn new() -> Self {
        Self([0; N])
    }

    pub(crate) fn put<const AT: usize, const LEN: usize>(mut self, value: [u8; LEN]) -> Self {
        const { assert!(AT + LEN <= N) };
        if let Some(field) = self
            .0
            .get_mut(AT..)
            .and_then(<[u8]>::first_chunk_mut::<LEN>)
        {
            *field = value;
        }
        self
    }

    pub(crate) fn u8<const AT: usize>(self, value: u8) -> Self {
        self.put::<AT, 1>([value])
    }

    pub(crate) fn u16<const AT: usize>(self, value: u16) -> Self {
        self.put::<AT, 2>(value.to_le_bytes())
    }

    pub(crate) fn u32<const AT: usize>(self, value: u32) -> Self {
        self.put::<AT, 4>(value.to_le_bytes())
    }

    pub(crate) fn u64<const AT: usize>(self, value: u64) -> Self {
        self.put::<AT, 8>(value.to_le_bytes())
    }

    /// Puts the CRC-32 of all but the last four bytes into these.
    pub(crate) fn crc<const AT: usize>(self) -> [u8; N] {
        const { assert!(AT + 4 == N) };
        let crc = self.0.first_chunk::<AT>().map_or(0, |bytes| crc32(bytes));
        self.u32::<AT>(crc).finish()
    }

    pub(crate) const fn finish(self) -> [u8; N] {
        self.0
    }
}

/// CRC-32 of IEEE 802.3 (R-HASH-1).
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// Checks that all bytes are zero; `offset` is the place of the first in the file.
pub(crate) fn check_zero(
    bytes: &[u8],
    rule: &'static str,
    what: &'static str,
    offset: u64,
) -> Result<(), FormatError> {
    match bytes.iter().position(|&byte| byte != 0) {
        None => Ok(()),
        Some(at) => Err(FormatError::NotZero {
            rule,
            what,
            found: bytes.get(at).copied().unwrap_or_default(),
            offset: offset.saturating_add(at as u64),
        }),
    }
}

/// An error for a field, unless `holds`.
pub(crate) const fn ensure(
    holds: bool,
    rule: &'static str,
    what: &'static str,
    expected: Expected,
    found: u64,
    offset: u64,
) -> Result<(), FormatError> {
    if holds {
        Ok(())
    } else {
        Err(FormatError::Field {
            rule,
            what,
            expected,
            found,
            offset,
        })
    }
}

/// The bytes `from..from + len`, if they are there.
pub(crate) fn slice(bytes: &[u8], from: u64, len: u64) -> Option<&[u8]> {
    let from = usize::try_from(from).ok()?;
    let len = usize::try_from(len).ok()?;
    bytes.get(from..)?.get(..len)
}

/// `n` rounded up to a multiple of `to`, a power of two.
pub(crate) const fn round_up(n: u64, to: u64) -> Option<u64> {
    n.checked_next_multiple_of(to)
}
