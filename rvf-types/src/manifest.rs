//! The manifest: what the file is made of (section 5 of the format).
//!
//! [`Manifest`] reads the payload where it lies, without allocation. [`ManifestBuf`] owns its parts
//! and writes them. [`Manifest::check_file`] holds the rules that need the root and no other byte.

mod check;
mod dead;
mod effort;
mod entry;
mod head;
#[cfg(feature = "alloc")]
mod owned;
mod plan;

pub use dead::DeadExtent;
pub use effort::{DEFAULT_RECALL, Effort, EffortChoice, RECALL_PROPERTY};
pub use entry::SegmentEntry;
pub use head::{ManifestHead, Predecessor};
#[cfg(feature = "alloc")]
pub use owned::ManifestBuf;
pub use plan::{Measured, Plan};

use crate::bytes::{ensure, slice};
use crate::error::{Expected, FormatError};
use crate::header::SegmentType;
use crate::kinds::VectorKind;
use crate::limits::{DEAD_LEN, EFFORT_LEN, ENTRY_LEN, MANIFEST_HEAD_LEN, MAX_MANIFEST_LEN};
use crate::wasm::WasmKind;

/// A manifest's payload, checked by itself: every part of it is well formed and in order.
///
/// Made by [`Manifest::parse`]. Whether it fits its file is for [`Manifest::check_file`].
#[derive(Debug, Clone, Copy)]
pub struct Manifest<'a> {
    head: ManifestHead,
    /// How many properties the head says there are.
    property_count: u32,
    entries: &'a [u8],
    dead: &'a [u8],
    efforts: &'a [u8],
    properties: &'a [u8],
    /// Where the entries, the dead extents, the efforts and the properties start in the file.
    offsets: [u64; 4],
}

impl<'a> Manifest<'a> {
    /// Reads the payload of a MANIFEST segment. `offset` is the payload's place in the file.
    ///
    /// # Errors
    /// The first of these that is broken: R-LIM-3 for a payload that is too long; R-MAN-1 for magic,
    /// layout, ranges, counts, the entries' own fields and the properties; R-NUM-3 for reserved
    /// bytes; R-SEG-4 for unknown types; R-HASH-5; R-MAN-3 for segments that are missing or too
    /// many; R-MAN-4 (R-WASM-1 for modules) for payload lengths; R-MAN-2 for entries or dead extents
    /// out of order; R-MAN-8.
    pub fn parse(payload: &'a [u8], offset: u64) -> Result<Self, FormatError> {
        let len = payload.len() as u64;
        let at = offset;
        ensure(
            len <= MAX_MANIFEST_LEN,
            "R-LIM-3",
            "payload length of the manifest",
            Expected::AtMost(MAX_MANIFEST_LEN),
            len,
            at,
        )?;
        let head = ManifestHead::parse(payload, offset)?;
        let counts = head::Counts::parse(payload, offset)?;
        let lengths = [
            u64::from(counts.segments).saturating_mul(ENTRY_LEN),
            u64::from(counts.dead).saturating_mul(DEAD_LEN),
            u64::from(counts.efforts).saturating_mul(EFFORT_LEN),
            u64::from(counts.property_bytes),
        ];
        // Four products of a u32 and at most 96: no sum of them saturates.
        let total = lengths
            .iter()
            .fold(MANIFEST_HEAD_LEN, |sum, part| sum.saturating_add(*part));
        ensure(
            total == len,
            "R-MAN-1",
            "payload length of the manifest",
            Expected::Exactly(total),
            len,
            at,
        )?;
        let mut from = MANIFEST_HEAD_LEN;
        let mut offsets = [0; 4];
        let mut parts: [&[u8]; 4] = [&[]; 4];
        for ((part, place), length) in parts.iter_mut().zip(&mut offsets).zip(lengths) {
            *place = offset.saturating_add(from);
            *part = slice(payload, from, length).unwrap_or_default();
            from = from.saturating_add(length);
        }
        let [entries, dead, efforts, properties] = parts;
        let manifest = Self {
            head,
            property_count: counts.properties,
            entries,
            dead,
            efforts,
            properties,
            offsets,
        };
        manifest.check_parts()?;
        Ok(manifest)
    }

    /// The head.
    #[must_use]
    pub const fn head(&self) -> &ManifestHead {
        &self.head
    }

    /// The live segments in the order of their offsets.
    pub fn entries(
        &self,
    ) -> impl DoubleEndedIterator<Item = SegmentEntry> + ExactSizeIterator + Clone + use<'a> {
        let (entries, _) = self.entries.as_chunks::<{ SegmentEntry::LEN }>();
        entries.iter().map(SegmentEntry::decode)
    }

    /// Entry `number`, if there is one.
    #[must_use]
    pub fn entry(&self, number: usize) -> Option<SegmentEntry> {
        self.entries
            .as_chunks()
            .0
            .get(number)
            .map(SegmentEntry::decode)
    }

    /// The entries of one type, in the order of their offsets.
    pub fn of_type(
        &self,
        kind: SegmentType,
    ) -> impl Iterator<Item = SegmentEntry> + Clone + use<'a> {
        self.entries().filter(move |entry| entry.kind == kind)
    }

    /// The first entry of a type: the one of INDEX, QUANT, IDS and ORDER (R-MAN-3).
    #[must_use]
    pub fn find(&self, kind: SegmentType) -> Option<SegmentEntry> {
        self.of_type(kind).next()
    }

    /// The VEC segment of an element type.
    #[must_use]
    pub fn vectors(&self, kind: VectorKind) -> Option<SegmentEntry> {
        self.of_type(SegmentType::VEC)
            .find(|entry| entry.sub_kind == u32::from(kind.byte()))
    }

    /// The WASM segments with what their entries say of them.
    pub fn modules(&self) -> impl Iterator<Item = (SegmentEntry, WasmKind)> + Clone + use<'a> {
        self.of_type(SegmentType::WASM)
            .filter_map(|entry| Some((entry, WasmKind::from_word(entry.sub_kind)?)))
    }

    /// The extents of dead segments in the order of their offsets.
    pub fn dead(
        &self,
    ) -> impl DoubleEndedIterator<Item = DeadExtent> + ExactSizeIterator + Clone + use<'a> {
        let (dead, _) = self.dead.as_chunks::<{ DeadExtent::LEN }>();
        dead.iter().map(DeadExtent::decode)
    }

    /// What the file was measured to do, in the order of k, then of recall.
    pub fn efforts(
        &self,
    ) -> impl DoubleEndedIterator<Item = Effort> + ExactSizeIterator + Clone + use<'a> {
        let (efforts, _) = self.efforts.as_chunks::<{ Effort::LEN }>();
        efforts.iter().map(Effort::decode)
    }

    /// The properties: pairs of key and value, in the order of the keys.
    #[must_use]
    pub const fn properties(&self) -> Properties<'a> {
        Properties {
            rest: self.properties,
            offset: self.offsets[3],
        }
    }

    /// The value of a property.
    #[must_use]
    pub fn property(&self, key: &str) -> Option<&'a str> {
        self.properties()
            .find_map(|(found, value)| (found == key).then_some(value))
    }

    /// The effort that answers a wish for `recall` (0 to 1) at `k` hits (R-MAN-8).
    #[must_use]
    pub fn choose_effort(&self, k: u32, recall: f64) -> EffortChoice {
        EffortChoice::choose(self.efforts(), self.head.vectors, k, recall)
    }

    fn check_parts(&self) -> Result<(), FormatError> {
        let [entries, dead, efforts, _] = self.offsets;
        self.check_entries(entries)?;
        self.check_composition()?;
        self.check_lengths()?;
        self.check_order(entries)?;
        self.check_dead(dead)?;
        self.check_efforts(efforts)?;
        self.check_properties()
    }
}

/// The properties of a manifest: pairs of key and value.
#[derive(Debug, Clone, Copy)]
pub struct Properties<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Properties<'a> {
    /// Takes the next property off; none at the end.
    pub(super) fn advance(&mut self) -> Result<Option<(&'a str, &'a str)>, FormatError> {
        const RULE: &str = "R-MAN-1";
        if self.rest.is_empty() {
            return Ok(None);
        }
        let head = crate::bytes::Grid::<8>::new(self.rest, "head of a property", self.offset)?;
        let key_length = u64::from(head.u16::<0>());
        let value_length = u64::from(head.u32::<4>());
        head.zero::<2, 2>("R-NUM-3")?;
        ensure(
            key_length > 0,
            RULE,
            "length of a property's key",
            Expected::AtLeast(1),
            0,
            self.offset,
        )?;
        let value_at = key_length.saturating_add(8);
        let end = value_at.saturating_add(value_length);
        let (Some(key), Some(value)) = (
            slice(self.rest, 8, key_length),
            slice(self.rest, value_at, value_length),
        ) else {
            return Err(FormatError::Field {
                rule: RULE,
                what: "length of a property",
                expected: Expected::AtMost(self.rest.len() as u64),
                found: end,
                offset: self.offset,
            });
        };
        let key = text(key, "key of a property", self.offset.saturating_add(8))?;
        let value = text(
            value,
            "value of a property",
            self.offset.saturating_add(value_at),
        )?;
        let from = usize::try_from(end).unwrap_or(usize::MAX);
        self.rest = self.rest.get(from..).unwrap_or_default();
        self.offset = self.offset.saturating_add(end);
        Ok(Some((key, value)))
    }
}

impl<'a> Iterator for Properties<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        // The properties were checked when the manifest was parsed.
        self.advance().ok().flatten()
    }
}

fn text<'a>(bytes: &'a [u8], what: &'static str, offset: u64) -> Result<&'a str, FormatError> {
    core::str::from_utf8(bytes).map_err(|error| FormatError::Utf8 {
        rule: "R-MAN-1",
        what,
        offset: offset.saturating_add(error.valid_up_to() as u64),
    })
}
