//! Ids of rows, and files of ids.

use std::path::Path;

use super::error::{Place, SourceError, SourceProblem};
use super::fixed::check_row_count;
use super::input::{ByteFile, LineReader};
use super::json_row::{self, Fields, JsonId};
use super::npy_header::{self, NpyHeader, NpyType};
use super::{DEFAULT_ID_FIELD, MAX_ID_BYTES, MAX_LINE_BYTES, MAX_ROWS, matrix};

const ID_TYPES: &str = "i64, u64, i32 or u32 (little-endian)";

/// The name of a row. All ids of a source are of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Id {
    /// A number.
    U64(u64),
    /// A text of 1 to [`MAX_ID_BYTES`] bytes of UTF-8.
    Text(String),
}

impl Id {
    /// The kind of the id.
    #[must_use]
    pub fn id_type(&self) -> IdType {
        match self {
            Self::U64(_) => IdType::U64,
            Self::Text(_) => IdType::Text,
        }
    }
}

impl std::fmt::Display for Id {
    /// The id as it is. A text may hold control characters: neutralise them before a terminal sees them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::U64(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The kind of the ids of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdType {
    /// Numbers.
    U64,
    /// Texts.
    Text,
}

/// A text as an id.
fn text_id(text: &str) -> Result<Id, SourceProblem> {
    match text.len() {
        0 => Err(SourceProblem::EmptyId),
        1..=MAX_ID_BYTES => Ok(Id::Text(text.to_owned())),
        found => Err(SourceProblem::LongId {
            found: found as u64,
        }),
    }
}

/// The number that a text is, if it is one and nothing is lost: no sign, no leading zero.
fn number_of(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return None;
    }
    text.parse().ok()
}

/// Makes ids, and holds all ids of a source to one kind.
#[derive(Debug, Clone)]
pub(super) struct IdRule {
    wanted: Option<IdType>,
    first: Option<(IdType, Place)>,
}

impl IdRule {
    pub(super) fn new(wanted: Option<IdType>) -> Self {
        Self {
            wanted,
            first: None,
        }
    }

    /// Forgets the ids seen.
    pub(super) fn restart(&mut self) {
        self.first = None;
    }

    /// An id of JSON, which says whether it is a number or a text.
    pub(super) fn of_json(&mut self, id: JsonId, place: &Place) -> Result<Id, SourceProblem> {
        let id = match (id, self.wanted) {
            (JsonId::Number(number), Some(IdType::Text)) => Id::Text(number.to_string()),
            (JsonId::Number(number), _) => Id::U64(number),
            (JsonId::Text(text), Some(IdType::U64)) => wanted_number(&text)?,
            (JsonId::Text(text), _) => text_id(&text)?,
            (JsonId::LongText(found), _) => return Err(SourceProblem::LongId { found }),
            (JsonId::Other(found), _) => return Err(SourceProblem::BadId { found }),
        };
        self.check(&id, place)?;
        Ok(id)
    }

    /// An id of CSV, which is text: the first one says whether all are numbers.
    pub(super) fn of_untyped(&mut self, text: &str, place: &Place) -> Result<Id, SourceProblem> {
        let first = self.first.as_ref().map(|(first, _)| *first);
        let id = match (self.wanted, first) {
            (Some(IdType::U64), _) => wanted_number(text)?,
            (Some(IdType::Text), _) | (None, Some(IdType::Text)) => text_id(text)?,
            (None, _) => match number_of(text) {
                Some(number) => Id::U64(number),
                None => text_id(text)?,
            },
        };
        self.check(&id, place)?;
        Ok(id)
    }

    /// Checks that an id is valid, and of the kind of those before it.
    pub(super) fn check(&mut self, id: &Id, place: &Place) -> Result<(), SourceProblem> {
        if let Id::Text(text) = id
            && !(1..=MAX_ID_BYTES).contains(&text.len())
        {
            return text_id(text).map(drop);
        }
        let (first, first_place) = self
            .first
            .get_or_insert_with(|| (id.id_type(), place.clone()));
        match (*first, id.id_type()) {
            (IdType::U64, IdType::Text) => Err(SourceProblem::MixedIds {
                number: Box::new(first_place.clone()),
                text: Box::new(place.clone()),
            }),
            (IdType::Text, IdType::U64) => Err(SourceProblem::MixedIds {
                number: Box::new(place.clone()),
                text: Box::new(first_place.clone()),
            }),
            _ => Ok(()),
        }
    }
}

fn wanted_number(text: &str) -> Result<Id, SourceProblem> {
    match number_of(text) {
        Some(number) => Ok(Id::U64(number)),
        None => Err(SourceProblem::BadId {
            found: format!("{text:?}"),
        }),
    }
}

/// Reads a file of ids, in the order of the rows.
///
/// - `.npy`: an array of i64, u64, i32 or u32 with one axis, none below 0.
/// - `.jsonl`, `.ndjson`: one object a line with a field `id`, a text or a whole number of 0 or more.
/// - any other: one id a line, without the white space around it. If every line is a whole number that is written
///   without sign or leading zeros and fits 64 bits, the ids are numbers; else they are texts.
///
/// # Errors
///
/// The file cannot be read, has no ids or more than [`MAX_ROWS`], a line is blank (but after the last id), or an id
/// is no valid one.
pub fn read_ids(path: &Path) -> Result<Vec<Id>, SourceError> {
    match super::extension(path).as_deref() {
        Some("npy") => read_npy(path),
        Some("jsonl" | "ndjson") => read_jsonl(path),
        _ if super::first_bytes(path)?.starts_with(npy_header::MAGIC) => read_npy(path),
        _ => read_lines(path),
    }
}

/// Whether the ids of such a file ([`read_ids`]) stand one in each line and nothing else does: that of row 0 in the first.
#[must_use]
pub fn ids_stand_in_lines(path: &Path) -> bool {
    match super::extension(path).as_deref() {
        // A blank line of JSON is passed over.
        Some("npy" | "jsonl" | "ndjson") => false,
        _ => super::first_bytes(path).is_ok_and(|first| !first.starts_with(npy_header::MAGIC)),
    }
}

fn read_npy(path: &Path) -> Result<Vec<Id>, SourceError> {
    let mut file = ByteFile::open(path)?;
    let header = NpyHeader::read(&mut file, ID_TYPES)?;
    let size = match header.dtype {
        NpyType::I32 | NpyType::U32 => 4,
        NpyType::I64 | NpyType::U64 => 8,
        _ => return Err(header.wrong_type(&file, ID_TYPES)),
    };
    let [rows] = *header.shape.as_slice() else {
        return Err(header.wrong_shape(&file, 1));
    };
    check_row_count(rows).map_err(|problem| file.error(Place::default(), problem))?;
    let bytes = matrix::read_all(&mut file, header.start, rows, size)?;
    let mut ids = Vec::with_capacity(bytes.len() / size);
    for (row, bytes) in bytes.chunks_exact(size).enumerate() {
        let wide = matrix::wide(header.dtype, bytes);
        let id = u64::try_from(wide).map_err(|_| {
            let place = Place {
                row: Some(row as u64),
                ..Place::byte(header.start + (row * size) as u64)
            };
            let found = wide.to_string();
            file.error(place, SourceProblem::BadId { found })
        })?;
        ids.push(Id::U64(id));
    }
    Ok(ids)
}

fn check_id_count(reader: &LineReader, count: usize) -> Result<(), SourceError> {
    check_row_count(count as u64).map_err(|problem| SourceError::file(reader.path(), problem))
}

fn read_jsonl(path: &Path) -> Result<Vec<Id>, SourceError> {
    let mut reader = LineReader::open(path, MAX_LINE_BYTES)?;
    let mut rule = IdRule::new(None);
    let mut ids = Vec::new();
    let fields = Fields {
        vector: None,
        id: Some(DEFAULT_ID_FIELD),
    };
    while let Some((line, text)) = reader.next_line()? {
        let mut place = Place::row(ids.len() as u64, Some(line));
        let id = json_row::parse(text, fields, &mut Vec::new(), 0)
            .map_err(|fault| {
                place.column = fault.column;
                fault.problem
            })
            .and_then(|row| {
                row.id.ok_or_else(|| SourceProblem::MissingField {
                    name: DEFAULT_ID_FIELD.to_owned(),
                    found: json_row::names(text),
                })
            })
            .and_then(|id| rule.of_json(id, &place))
            .map_err(|problem| SourceError::at(path, place.clone(), problem))?;
        ids.push(id);
        if ids.len() as u64 > MAX_ROWS {
            break;
        }
    }
    check_id_count(&reader, ids.len())?;
    Ok(ids)
}

fn read_lines(path: &Path) -> Result<Vec<Id>, SourceError> {
    let mut reader = LineReader::open(path, MAX_LINE_BYTES)?;
    let mut ids: Vec<Id> = Vec::new();
    let mut numbers = true;
    while let Some((line, text)) = reader.next_line()? {
        let row = ids.len() as u64;
        // Lines and ids go together: the reader has skipped a blank line if they do not.
        if line != row + 1 {
            let place = Place::row(row, Some(row + 1));
            return Err(SourceError::at(path, place, SourceProblem::EmptyId));
        }
        let text = std::str::from_utf8(text.trim_ascii_start()).map_err(|_| SourceProblem::NotUtf8);
        let id = text
            .and_then(|text| match number_of(text) {
                Some(number) if numbers => Ok(Id::U64(number)),
                _ => text_id(text),
            })
            .map_err(|problem| SourceError::at(path, Place::row(row, Some(line)), problem))?;
        if numbers && id.id_type() == IdType::Text {
            numbers = false;
            // Nothing is lost: only numbers in their shortest form were taken as numbers.
            for id in &mut ids {
                *id = Id::Text(id.to_string());
            }
        }
        ids.push(id);
        if ids.len() as u64 > MAX_ROWS {
            break;
        }
    }
    check_id_count(&reader, ids.len())?;
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_in_their_shortest_form_are_numbers() {
        assert_eq!(number_of("0"), Some(0));
        assert_eq!(number_of("18446744073709551615"), Some(u64::MAX));
        for text in ["", "007", "+1", "-1", "1.0", "18446744073709551616", "１"] {
            assert_eq!(number_of(text), None, "{text}");
        }
    }
}
