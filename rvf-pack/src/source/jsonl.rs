//! `.jsonl`: one JSON object a line, with a vector and maybe an id; or one array of numbers a line.

use std::path::Path;

use super::error::{Place, SourceError, SourceProblem};
use super::fixed::checked_dimension;
use super::id::IdRule;
use super::input::LineReader;
use super::json_row::{self, Fields, Kind};
use super::{
    Batch, DEFAULT_ID_FIELD, DEFAULT_VECTOR_FIELDS, MAX_DIMENSION, Source, SourceInfo,
    SourceOptions, SourceType,
};

#[derive(Debug)]
pub(super) struct JsonlSource {
    reader: LineReader,
    rows: Rows,
}

/// All but the reader, so that a line can be held while the rest changes.
#[derive(Debug)]
struct Rows {
    info: SourceInfo,
    /// The field with the vector, once an object has been seen.
    vector_field: Option<String>,
    /// The field with the id; none if ids are not to be read.
    id_field: Option<String>,
    id_rule: IdRule,
    next_row: u64,
}

impl JsonlSource {
    pub(super) fn open(path: &Path, options: &SourceOptions) -> Result<Self, SourceError> {
        let mut reader = LineReader::open(path, options.max_line_bytes)?;
        let id_field = options.id_field.as_deref().unwrap_or(DEFAULT_ID_FIELD);
        let mut rows = Rows {
            info: SourceInfo {
                dimension: MAX_DIMENSION,
                rows: None,
                has_ids: false,
                dtype: SourceType::Text,
                ignored_columns: Vec::new(),
            },
            vector_field: options.vector_field.clone(),
            id_field: (!options.ignore_ids).then(|| id_field.to_owned()),
            id_rule: IdRule::new(options.id_type),
            next_row: 0,
        };
        let Some((line, text)) = reader.next_line()? else {
            return Err(SourceError::file(path, SourceProblem::NoRows));
        };
        let mut place = Place::row(0, Some(line));
        rows.first_line(text, options, &mut place)
            .map_err(|problem| SourceError::at(path, place, problem))?;
        reader.rewind()?;
        Ok(Self { reader, rows })
    }
}

impl Rows {
    /// Finds out from the first line what the fields and the dimension are.
    fn first_line(
        &mut self,
        line: &[u8],
        options: &SourceOptions,
        place: &mut Place,
    ) -> Result<(), SourceProblem> {
        let asked = options.id_field.as_ref().filter(|_| !options.ignore_ids);
        if starts_with(line, b'{') {
            let kinds = json_row::kinds(line).map_err(|fault| settle(fault, place))?;
            let names: Vec<String> = kinds.iter().map(|(name, _)| name.clone()).collect();
            let vector = self.vector_field.clone().map_or_else(
                || find_vector(&kinds, self.id_field.as_deref()),
                |named| Ok(named.clone()),
            )?;
            let has = |field: &String| names.contains(field);
            self.info.has_ids = self.id_field.as_ref().is_some_and(has);
            if let Some(name) = asked.filter(|name| !has(name)) {
                let (name, found) = (name.clone(), names);
                return Err(SourceProblem::MissingField { name, found });
            }
            let id = self.id_field.as_ref().filter(|_| self.info.has_ids);
            let is_read = |name: &String| *name == vector || Some(name) == id;
            self.info.ignored_columns = names.iter().filter(|n| !is_read(n)).cloned().collect();
            self.vector_field = Some(vector);
        } else if let Some(name) = asked.filter(|_| starts_with(line, b'[')) {
            let (name, found) = (name.clone(), Vec::new());
            return Err(SourceProblem::MissingField { name, found });
        }
        let fields = self.fields();
        let row = json_row::parse(line, fields, &mut Vec::new(), 0);
        let row = row.map_err(|fault| settle(fault, place))?;
        let Some(components) = row.components else {
            return Err(self.no_vector(line));
        };
        self.info.dimension = checked_dimension(components as u64)?;
        Ok(())
    }

    fn fields(&self) -> Fields<'_> {
        Fields {
            vector: self.vector_field.as_deref(),
            id: self.id_field.as_deref(),
        }
    }

    fn no_vector(&self, line: &[u8]) -> SourceProblem {
        SourceProblem::MissingField {
            name: self.vector_field.clone().unwrap_or_default(),
            found: json_row::names(line),
        }
    }

    /// Appends the row on a line to a batch.
    fn push(
        &mut self,
        line: &[u8],
        place: &mut Place,
        batch: &mut Batch,
    ) -> Result<(), SourceProblem> {
        let dimension = self.info.dimension;
        // Only where arrays came before the first object.
        if self.vector_field.is_none() && starts_with(line, b'{') {
            let kinds = json_row::kinds(line).map_err(|fault| settle(fault, place))?;
            self.vector_field = Some(find_vector(&kinds, self.id_field.as_deref())?);
        }
        let row = json_row::parse(line, self.fields(), &mut batch.vectors, dimension);
        let row = row.map_err(|fault| settle(fault, place))?;
        match row.components {
            None => return Err(self.no_vector(line)),
            Some(found) if found != dimension => {
                return Err(SourceProblem::RowDimension {
                    expected: dimension as u64,
                    found: i64::try_from(found).unwrap_or(i64::MAX),
                });
            }
            Some(_) => {}
        }
        if let Some(name) = &self.id_field {
            let name = name.clone();
            match (row.id, self.info.has_ids) {
                (Some(id), true) => batch.ids.push(self.id_rule.of_json(id, place)?),
                (None, true) => return Err(SourceProblem::MissingId { name }),
                (Some(_), false) => return Err(SourceProblem::UnexpectedId { name }),
                (None, false) => {}
            }
        }
        Ok(())
    }
}

/// Whether `first` is the first byte after white space.
fn starts_with(line: &[u8], first: u8) -> bool {
    line.trim_ascii_start().first() == Some(&first)
}

/// Puts where in the line a fault is into `place`.
fn settle(fault: json_row::Fault, place: &mut Place) -> SourceProblem {
    place.column = fault.column;
    place.component = fault.component;
    fault.problem
}

fn find_vector(kinds: &[(String, Kind)], id_field: Option<&str>) -> Result<String, SourceProblem> {
    for name in DEFAULT_VECTOR_FIELDS {
        // Any array: if it holds something else than numbers, reading it says what.
        if kinds
            .iter()
            .any(|(field, kind)| field == name && *kind != Kind::Other)
        {
            return Ok(name.to_owned());
        }
    }
    let mut candidates: Vec<String> = kinds
        .iter()
        .filter(|(name, kind)| *kind == Kind::Numbers && Some(name.as_str()) != id_field)
        .map(|(name, _)| name.clone())
        .collect();
    match (candidates.pop(), candidates.is_empty()) {
        (Some(name), true) => Ok(name),
        (last, _) => {
            candidates.extend(last);
            let found = kinds.iter().map(|(name, _)| name.clone()).collect();
            Err(SourceProblem::WhichVector { candidates, found })
        }
    }
}

impl Source for JsonlSource {
    fn info(&self) -> &SourceInfo {
        &self.rows.info
    }

    fn next_batch(&mut self, max_rows: usize, batch: &mut Batch) -> Result<usize, SourceError> {
        let rows = &mut self.rows;
        batch.start(rows.next_row);
        let path = self.reader.path().to_path_buf();
        while batch.lines.len() < max_rows.max(1) {
            let Some((line, text)) = self.reader.next_line()? else {
                super::end_of_text(&mut rows.info, rows.next_row)
                    .map_err(|problem| SourceError::file(&path, problem))?;
                break;
            };
            let mut place = Place::row(rows.next_row, Some(line));
            rows.push(text, &mut place, batch)
                .and_then(|()| super::count_row(&mut rows.next_row))
                .map_err(|problem| SourceError::at(&path, place, problem))?;
            batch.lines.push(line);
        }
        Ok(batch.lines.len())
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.rows.id_rule.restart();
        self.rows.next_row = 0;
        self.reader.rewind()
    }
}
