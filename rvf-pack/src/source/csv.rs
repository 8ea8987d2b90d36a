//! `.csv`: comma-separated values (RFC 4180), a vector in one column or a component in each.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};

use ::csv::{ByteRecord, ErrorKind, Position, Reader, ReaderBuilder};

use super::error::{Place, SourceError, SourceProblem};
use super::fixed::checked_dimension;
use super::id::IdRule;
use super::input::LineFeeder;
use super::{
    Batch, DEFAULT_ID_FIELD, DEFAULT_VECTOR_FIELDS, Source, SourceInfo, SourceOptions, SourceType,
};

#[derive(Debug)]
pub(super) struct CsvSource {
    records: Records,
    columns: Columns,
    info: SourceInfo,
    id_rule: IdRule,
    next_row: u64,
}

/// What the columns are.
#[derive(Debug)]
struct Columns {
    /// Names, if there is a header.
    names: Option<Vec<String>>,
    /// The number of columns.
    count: usize,
    id: Option<usize>,
    vector: VectorColumns,
}

#[derive(Debug)]
enum VectorColumns {
    /// One column holds the whole vector.
    One(usize),
    /// Each of these columns is a component.
    Components(Vec<usize>),
}

/// The records of a file, with the lines that they start on.
#[derive(Debug)]
struct Records {
    path: PathBuf,
    reader: Reader<LineFeeder>,
    limit: u64,
    record: ByteRecord,
    line: u64,
}

impl Records {
    fn open(path: &Path, limit: u64) -> Result<Self, SourceError> {
        const BUFFER_BYTES: usize = 64 << 10;
        let reader = ReaderBuilder::new()
            .has_headers(false)
            // Records of the wrong length are found here, where a message can say more.
            .flexible(true)
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(LineFeeder::open(path, limit)?);
        Ok(Self {
            path: path.to_path_buf(),
            reader,
            limit,
            record: ByteRecord::new(),
            line: 0,
        })
    }

    /// Reads the next record; false at the end.
    fn read(&mut self) -> Result<bool, SourceError> {
        let place = Place::line(self.reader.get_ref().lines() + 1);
        self.reader.get_mut().start_record();
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => Ok(false),
            Ok(true) => {
                // The parser's own count is off after blank lines, and where lines end with CR LF.
                let inner = self
                    .record
                    .as_slice()
                    .iter()
                    .filter(|b| **b == b'\n')
                    .count();
                let last = self.reader.get_ref().lines();
                self.line = last.saturating_sub(inner as u64);
                Ok(true)
            }
            Err(error) if self.reader.get_ref().is_exhausted() => {
                drop(error);
                let problem = SourceProblem::LineTooLong { limit: self.limit };
                Err(SourceError::at(&self.path, place, problem))
            }
            Err(error) => {
                let message = error.to_string();
                Err(match error.into_kind() {
                    ErrorKind::Io(error) => SourceError::io(&self.path, place, error),
                    _ => SourceError::at(&self.path, place, SourceProblem::Csv { message }),
                })
            }
        }
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.line = 0;
        self.reader
            .seek_raw(SeekFrom::Start(0), Position::new())
            .map_err(|error| SourceError::io(&self.path, Place::default(), error.into()))
    }
}

impl CsvSource {
    pub(super) fn open(path: &Path, options: &SourceOptions) -> Result<Self, SourceError> {
        let mut records = Records::open(path, options.max_line_bytes)?;
        let no_rows = || SourceError::file(path, SourceProblem::NoRows);
        if !records.read()? {
            return Err(no_rows());
        }
        let mut place = Place::line(records.line);
        let columns = Columns::new(&records.record, options, &mut place)
            .map_err(|problem| SourceError::at(path, place, problem))?;
        if columns.names.is_some() && !records.read()? {
            return Err(no_rows());
        }
        let mut place = Place::row(0, Some(records.line));
        let dimension = columns
            .dimension(&records.record, options, &mut place)
            .map_err(|problem| SourceError::at(path, place, problem))?;
        let info = SourceInfo {
            dimension,
            rows: None,
            has_ids: columns.id.is_some(),
            dtype: SourceType::Text,
            ignored_columns: columns.ignored(),
        };
        let mut source = Self {
            records,
            columns,
            info,
            id_rule: IdRule::new(options.id_type),
            next_row: 0,
        };
        source.rewind()?;
        Ok(source)
    }

    /// Appends the row of the current record to a batch.
    fn push(&mut self, place: &mut Place, batch: &mut Batch) -> Result<(), SourceProblem> {
        let record = &self.records.record;
        let dimension = self.info.dimension;
        self.columns.check_count(record)?;
        let found = self
            .columns
            .read_vector(record, &mut batch.vectors, dimension, place)?;
        if found != dimension {
            return Err(SourceProblem::RowDimension {
                expected: dimension as u64,
                found: i64::try_from(found).unwrap_or(i64::MAX),
            });
        }
        if let Some(column) = self.columns.id {
            let field = record.get(column).unwrap_or_default().trim_ascii();
            let id = std::str::from_utf8(field)
                .map_err(|_| SourceProblem::NotUtf8)
                .and_then(|text| self.id_rule.of_untyped(text, place));
            batch
                .ids
                .push(id.inspect_err(|_| self.columns.settle(column, place))?);
        }
        super::count_row(&mut self.next_row)
    }
}

impl Columns {
    /// Finds out from the first record what the columns are.
    fn new(
        first: &ByteRecord,
        options: &SourceOptions,
        place: &mut Place,
    ) -> Result<Self, SourceProblem> {
        let count = first.len();
        if !is_header(first, options)? {
            let asked_id = options.id_field.as_ref().filter(|_| !options.ignore_ids);
            if let Some(name) = options.vector_field.as_ref().or(asked_id) {
                let (name, found) = (name.clone(), Vec::new());
                return Err(SourceProblem::MissingField { name, found });
            }
            return Ok(Self {
                names: None,
                count,
                id: None,
                vector: VectorColumns::Components((0..count).collect()),
            });
        }
        let names = names(first)?;
        let id = match &options.id_field {
            Some(name) if options.ignore_ids => find(&names, name, true)?,
            Some(name) => Some(require(&names, name)?),
            None => find(&names, DEFAULT_ID_FIELD, false)?,
        };
        let vector = match &options.vector_field {
            Some(name) => Some(require(&names, name)?),
            None => find_default_vector(&names)?,
        };
        let vector = match vector {
            Some(column) => VectorColumns::One(column),
            None => VectorColumns::Components((0..count).filter(|c| Some(*c) != id).collect()),
        };
        if let VectorColumns::Components(columns) = &vector {
            if columns.is_empty() {
                let (candidates, found) = (Vec::new(), names);
                return Err(SourceProblem::WhichVector { candidates, found });
            }
            let unnamed = |column: &&usize| names.get(**column).is_some_and(String::is_empty);
            if let Some(column) = columns.iter().find(unnamed) {
                place.column = Some(*column as u64 + 1);
                return Err(SourceProblem::UnnamedColumn);
            }
            // The first row of a file without a header must not be lost. But where a column is called "id", numbers in
            // order beside it, 0, 1, 2, are names.
            let fields = || columns.iter().filter_map(|column| first.get(*column));
            let are_names = id.is_some() && counts_up(fields());
            if options.csv_header.is_none() && fields().any(is_number) && !are_names {
                return Err(SourceProblem::HeaderOrRow);
            }
        }
        Ok(Self {
            names: Some(names),
            count,
            id: id.filter(|_| !options.ignore_ids),
            vector,
        })
    }

    fn ignored(&self) -> Vec<String> {
        let is_read = |column: usize| match &self.vector {
            _ if self.id == Some(column) => true,
            VectorColumns::One(vector) => *vector == column,
            VectorColumns::Components(columns) => columns.contains(&column),
        };
        let names = self.names.iter().flatten().enumerate();
        names
            .filter(|(column, _)| !is_read(*column))
            .map(|(_, name)| name.clone())
            .collect()
    }

    /// Finds out the dimension from the first row.
    fn dimension(
        &self,
        record: &ByteRecord,
        options: &SourceOptions,
        place: &mut Place,
    ) -> Result<usize, SourceProblem> {
        self.check_count(record)?;
        let dimension = match &self.vector {
            VectorColumns::Components(columns) => columns.len(),
            VectorColumns::One(column) => {
                let found = self.read_vector(record, &mut Vec::new(), 0, place)?;
                let cell = record.get(*column).unwrap_or_default().trim_ascii();
                let others = self.count - 1 - usize::from(self.id.is_some());
                if found == 1
                    && !cell.starts_with(b"[")
                    && others > 0
                    && options.vector_field.is_none()
                {
                    self.settle(*column, place);
                    let name = place.field.clone().unwrap_or_default();
                    return Err(SourceProblem::OneNumberVector { name });
                }
                found
            }
        };
        checked_dimension(dimension as u64)
    }

    fn check_count(&self, record: &ByteRecord) -> Result<(), SourceProblem> {
        if record.len() == self.count {
            return Ok(());
        }
        Err(SourceProblem::RaggedRow {
            expected: self.count as u64,
            found: record.len() as u64,
        })
    }

    /// Reads the vector of a record: appends the first `most` values, and counts all.
    fn read_vector(
        &self,
        record: &ByteRecord,
        vector: &mut Vec<f32>,
        most: usize,
        place: &mut Place,
    ) -> Result<usize, SourceProblem> {
        match &self.vector {
            VectorColumns::One(column) => {
                let cell = record.get(*column).unwrap_or_default();
                read_cell(cell, vector, most).map_err(|(component, problem)| {
                    self.settle(*column, place);
                    place.component = component.map(|component| component as u64);
                    problem
                })
            }
            VectorColumns::Components(columns) => {
                for (component, column) in columns.iter().enumerate() {
                    let value = number(record.get(*column).unwrap_or_default());
                    let value = value.inspect_err(|_| {
                        self.settle(*column, place);
                        place.component = Some(component as u64);
                    })?;
                    if component < most {
                        vector.push(value);
                    }
                }
                Ok(columns.len())
            }
        }
    }

    /// Puts a column into `place`.
    fn settle(&self, column: usize, place: &mut Place) {
        place.column = Some(column as u64 + 1);
        let name = self.names.as_ref().and_then(|names| names.get(column));
        place.field = name.cloned();
    }
}

/// Whether the first record names the columns.
fn is_header(first: &ByteRecord, options: &SourceOptions) -> Result<bool, SourceProblem> {
    if let Some(is_header) = options.csv_header {
        return Ok(is_header);
    }
    if !first.iter().all(is_number) {
        return Ok(true);
    }
    // What some programs write when columns have no names.
    if first.len() > 1 && first.get(0) == Some(b"0") && counts_up(first.iter()) {
        return Err(SourceProblem::HeaderOrRow);
    }
    Ok(false)
}

/// A number, finite or not: a row with NaN must be refused, not taken as names.
fn is_number(field: &[u8]) -> bool {
    let text = std::str::from_utf8(field.trim_ascii());
    text.is_ok_and(|text| text.parse::<f64>().is_ok())
}

/// Whether the fields are whole numbers, each one more than the one before.
fn counts_up<'a>(fields: impl Iterator<Item = &'a [u8]>) -> bool {
    let mut last: Option<u64> = None;
    for field in fields {
        let number = std::str::from_utf8(field)
            .ok()
            .and_then(|text| text.parse().ok());
        let follows = last.is_none_or(|last| number == last.checked_add(1));
        if number.is_none() || !follows {
            return false;
        }
        last = number;
    }
    true
}

fn names(header: &ByteRecord) -> Result<Vec<String>, SourceProblem> {
    header
        .iter()
        .map(|field| match std::str::from_utf8(field) {
            Ok(name) => Ok(name.trim().to_owned()),
            Err(_) => Err(SourceProblem::NotUtf8),
        })
        .collect()
}

/// The column of a name, which must not be there twice.
fn find(names: &[String], name: &str, exact: bool) -> Result<Option<usize>, SourceProblem> {
    let mut columns = names.iter().enumerate().filter(|(_, found)| {
        if exact {
            *found == name
        } else {
            found.eq_ignore_ascii_case(name)
        }
    });
    let first = columns.next();
    if columns.next().is_some() {
        let name = name.to_owned();
        return Err(SourceProblem::RepeatedField { name });
    }
    Ok(first.map(|(column, _)| column))
}

fn require(names: &[String], name: &str) -> Result<usize, SourceProblem> {
    find(names, name, true)?.ok_or_else(|| SourceProblem::MissingField {
        name: name.to_owned(),
        found: names.to_vec(),
    })
}

fn find_default_vector(names: &[String]) -> Result<Option<usize>, SourceProblem> {
    for name in DEFAULT_VECTOR_FIELDS {
        let column = find(names, name, false)?;
        if column.is_some() {
            return Ok(column);
        }
    }
    Ok(None)
}

/// Reads a whole vector: numbers between commas, semicolons or white space, maybe in brackets.
///
/// Appends the first `most` values to `vector`, and returns the number of all; or the component that is wrong.
fn read_cell(
    cell: &[u8],
    vector: &mut Vec<f32>,
    most: usize,
) -> Result<usize, (Option<usize>, SourceProblem)> {
    let text = std::str::from_utf8(cell).map_err(|_| (None, SourceProblem::NotUtf8))?;
    let text = text.trim();
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let text = inner.unwrap_or(text).trim();
    if text.is_empty() {
        return match inner {
            Some(_) => Ok(0),
            None => Err((None, not_a_number(text))),
        };
    }
    let mut count = 0;
    let mut push = |token: &str| {
        let value = number(token.as_bytes()).map_err(|problem| (Some(count), problem))?;
        if count < most {
            vector.push(value);
        }
        count += 1;
        Ok(())
    };
    if text.contains(',') {
        text.split(',').try_for_each(&mut push)?;
    } else if text.contains(';') {
        text.split(';').try_for_each(&mut push)?;
    } else {
        text.split_whitespace().try_for_each(&mut push)?;
    }
    Ok(count)
}

/// A finite number in decimal.
fn number(field: &[u8]) -> Result<f32, SourceProblem> {
    let field = field.trim_ascii();
    let text = std::str::from_utf8(field).map_err(|_| SourceProblem::NotUtf8)?;
    let wide: f64 = text.parse().map_err(|_| not_a_number(text))?;
    #[allow(clippy::cast_possible_truncation, reason = "rounding is meant")]
    let value = wide as f32;
    if value.is_finite() {
        return Ok(value);
    }
    let value = text.to_owned();
    Err(SourceProblem::NotFinite { value })
}

fn not_a_number(text: &str) -> SourceProblem {
    let found = match text {
        "" => "an empty field".to_owned(),
        _ => format!("{text:?}"),
    };
    SourceProblem::NotANumber { found }
}

impl Source for CsvSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next_batch(&mut self, max_rows: usize, batch: &mut Batch) -> Result<usize, SourceError> {
        batch.start(self.next_row);
        while batch.lines.len() < max_rows.max(1) {
            if !self.records.read()? {
                super::end_of_text(&mut self.info, self.next_row)
                    .map_err(|problem| SourceError::file(&self.records.path, problem))?;
                break;
            }
            let mut place = Place::row(self.next_row, Some(self.records.line));
            self.push(&mut place, batch)
                .map_err(|problem| SourceError::at(&self.records.path, place, problem))?;
            batch.lines.push(self.records.line);
        }
        Ok(batch.lines.len())
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.id_rule.restart();
        self.next_row = 0;
        self.records.rewind()?;
        if self.columns.names.is_some() {
            self.records.read()?;
        }
        Ok(())
    }
}
