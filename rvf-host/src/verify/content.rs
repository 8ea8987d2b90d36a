//! What the payloads hold: the rules that no hash can tell.

use rvf_types::vec::stride;
use rvf_types::wasm::{self, ModuleError};
use rvf_types::{Order, SegmentEntry, SegmentType, WasmHeader, ids, index};

use super::lists::{self, Lists};
use super::records::{Rows, Vectors};
use super::root::Opened;
use super::segments::bytes;
use super::work::{Findings, Pool};
use super::{Finding, Severity};
use crate::error::HostError;
use crate::memory::zeroed;
use crate::source::ByteSource;

/// Bytes of records that one task takes, about.
const PIECE: u64 = 4 << 20;

/// Most bytes to check an ORDER in that no record speaks for: less memory takes more passes over it.
const ORDER_MARKS: u64 = 4 << 20;

/// One task.
enum Part {
    Index(SegmentEntry),
    Ids(SegmentEntry),
    Module(SegmentEntry),
    /// Groups of codes.
    Codes(lists::Piece),
    /// Records of both kinds: the first vector number, and how many.
    Records(u32, u32),
}

/// Checks the content of the live segments whose bytes are right. `sound` tells which those are.
pub(super) fn check(
    source: &dyn ByteSource,
    opened: &Opened,
    sound: &[bool],
    pool: &Pool,
    findings: &Findings,
) -> Result<(), HostError> {
    let head = &opened.head;
    let mut parts = Vec::new();
    let mut vectors = Vectors::new(head);
    let (mut index, mut quant, mut order) = (None, None, None);
    for (entry, sound) in opened.manifest.entries.iter().zip(sound) {
        match entry.kind {
            // Its length can be held against the directory even where its bytes are not right.
            SegmentType::QUANT => quant = Some((entry, *sound)),
            _ if !sound => {}
            SegmentType::INDEX => {
                index = Some(entry);
                parts.push(Part::Index(*entry));
            }
            SegmentType::IDS => parts.push(Part::Ids(*entry)),
            SegmentType::WASM => parts.push(Part::Module(*entry)),
            SegmentType::VEC => vectors.take(entry),
            SegmentType::ORDER => order = Some(entry),
            _ => {}
        }
    }
    let lists = match quant {
        Some((entry, sound)) => Lists::read(source, head, index, entry, sound, findings)?,
        None => None,
    };
    if let Some(lists) = &lists {
        parts.extend(lists.pieces().map(Part::Codes));
    }
    let order_bytes = order.map(|entry| whole(source, entry)).transpose()?;
    let rows = match (order, &order_bytes) {
        _ if head.lists == 1 => Rows::Numbers,
        (Some(entry), Some(bytes)) => {
            let order = findings.passes(Order::parse(bytes, entry.payload_offset(), head.rows));
            order.map_or(Rows::Below(head.rows), Rows::Order)
        }
        _ => Rows::Below(head.rows),
    };
    if vectors.is_empty() {
        check_order_alone(&rows, head.rows, findings)?;
    } else {
        let step = rows_of(stride(head.vectors, head.dimension).into());
        parts.extend(ranges(head.rows, step).map(|(first, count)| Part::Records(first, count)));
    }
    pool.run(parts.len(), |number| match parts.get(number) {
        Some(Part::Index(entry)) => {
            let payload = whole(source, entry)?;
            findings.passes(index::Index::parse(&payload, entry.payload_offset(), head));
            Ok(())
        }
        Some(Part::Ids(entry)) => {
            let payload = whole(source, entry)?;
            let ids = findings.passes(ids::Ids::parse(&payload, entry.payload_offset(), head));
            ids.and_then(|ids| findings.passes(ids.check()));
            Ok(())
        }
        Some(Part::Module(entry)) => check_module(source, entry, findings),
        Some(Part::Codes(piece)) => match &lists {
            Some(lists) => lists.check(source, *piece, findings),
            None => Ok(()),
        },
        Some(Part::Records(first, count)) => vectors.check(source, &rows, *first, *count, findings),
        None => Ok(()),
    })?;
    match &lists {
        Some(lists) => lists.name_twice(source, findings),
        None => Ok(()),
    }
}

/// Checks ORDER by itself, where the records, which else tell that it is right, are damaged.
fn check_order_alone(rows: &Rows<'_>, count: u32, findings: &Findings) -> Result<(), HostError> {
    if let Rows::Order(order) = rows {
        let marks = u64::from(count.div_ceil(8)).min(ORDER_MARKS);
        findings.passes(order.check(&mut zeroed("the marks of rows", marks)?));
    }
    Ok(())
}

/// Rows of `size` bytes that make about a piece.
fn rows_of(size: u64) -> u32 {
    u32::try_from(PIECE / size.max(1))
        .unwrap_or(u32::MAX)
        .clamp(1, 1 << 20)
}

/// Ranges of at most `step` rows: first row and how many.
fn ranges(rows: u32, step: u32) -> impl Iterator<Item = (u32, u32)> {
    (0..rows.div_ceil(step)).map(move |number| {
        let first = number * step;
        (first, step.min(rows - first))
    })
}

fn whole<'s>(
    source: &'s dyn ByteSource,
    entry: &SegmentEntry,
) -> Result<std::borrow::Cow<'s, [u8]>, HostError> {
    bytes(source, entry.payload_offset(), entry.payload_length)
}

fn check_module(
    source: &dyn ByteSource,
    entry: &SegmentEntry,
    findings: &Findings,
) -> Result<(), HostError> {
    let payload = whole(source, entry)?;
    let at = entry.payload_offset();
    let Some(header) = findings.passes(WasmHeader::parse(&payload, entry.payload_length, at))
    else {
        return Ok(());
    };
    if let Some(kind) = entry.wasm_kind() {
        findings.passes(header.check_entry(kind, at));
    }
    let bytecode = payload.get(WasmHeader::LEN..).unwrap_or_default();
    if findings
        .passes(header.check_bytecode(bytecode, at))
        .is_none()
    {
        return Ok(());
    }
    if let Err(error) = wasm::check_module(&header, bytecode) {
        let within = match &error {
            ModuleError::Invalid { offset, .. } => Some(*offset),
            ModuleError::Format(error) => error.offset(),
            _ => None,
        };
        findings.add(Finding {
            severity: Severity::Fault,
            rule: error.rule(),
            offset: Some(entry.offset),
            what: match within {
                Some(_) => format!(
                    "the module in the segment at offset {}: {error}",
                    entry.offset
                ),
                None => error.to_string(),
            },
        });
    }
    Ok(())
}
