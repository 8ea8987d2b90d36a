//! Where the vectors to search for come from.

use std::io::{BufRead, Read};
use std::path::Path;

use rvf_pack::source::{self, MAX_DIMENSION};
use serde::de::{self, DeserializeSeed, SeqAccess, Visitor};

use crate::failure::Failure;
use crate::target::plain_io;
use crate::view::{neutral, shown_path};

/// Reads every vector of a file of any format that `pack` reads, and hands each to `each` until that says stop.
pub(crate) fn from_file(
    path: &Path,
    mut each: impl FnMut(u64, &[f32]) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    const ROWS_AT_ONCE: usize = 256;
    let options = source::SourceOptions {
        ignore_ids: true,
        ..source::SourceOptions::default()
    };
    let mut rows = source::open(path, &options)?;
    let mut batch = source::Batch::default();
    while rows.next_batch(ROWS_AT_ONCE, &mut batch)? > 0 {
        let dimension = rows.info().dimension.max(1);
        for (row, vector) in (batch.first_row..).zip(batch.vectors.chunks_exact(dimension)) {
            if !each(row, vector)? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The vector given on the command line: a JSON array, or numbers with commas or spaces between.
pub(crate) fn from_text(text: &str) -> Result<Vec<f32>, Failure> {
    let text = text.trim();
    if text.starts_with('[') {
        let mut parser = serde_json::Deserializer::from_str(text);
        let vector = JsonVector
            .deserialize(&mut parser)
            .and_then(|vector| parser.end().map(|()| vector))
            .map_err(|error| not_json("--vector", &error))?;
        return Ok(vector);
    }
    numbers(text).map_err(|problem| {
        Failure::usage(format!("--vector: {problem}")).remedy(
            "write '[0.1, 0.2, …]', or - to read vectors from standard input, or --vectors FILE",
        )
    })
}

/// Vectors from a stream, each handed over as soon as it has come: JSON arrays one after the other, or one vector
/// a line as numbers with commas or spaces between.
pub(crate) fn from_stream(
    mut stream: impl BufRead,
    mut each: impl FnMut(u64, &[f32]) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    const NAME: &str = "standard input";
    let fail =
        |error: std::io::Error| Failure::new(format!("cannot read {NAME}: {}", plain_io(&error)));
    let first = loop {
        let buffer = stream.fill_buf().map_err(fail)?;
        let Some(byte) = buffer.first().copied() else {
            return Err(
                Failure::new(format!("expected a vector on {NAME}, found nothing"))
                    .remedy("write '[0.1, 0.2, …]', one vector a line"),
            );
        };
        if !byte.is_ascii_whitespace() {
            break byte;
        }
        stream.consume(1);
    };
    if first == b'[' {
        return from_json_stream(NAME, stream, each);
    }
    let mut line = String::new();
    let (mut number, mut query) = (0_u64, 0);
    loop {
        line.clear();
        number += 1;
        let read = Read::take(&mut stream, LONGEST_LINE)
            .read_line(&mut line)
            .map_err(fail)?;
        if read == 0 {
            return Ok(());
        }
        if line.trim().is_empty() {
            continue;
        }
        let vector = numbers(&line).map_err(|problem| {
            Failure::new(format!("{NAME}, line {number}: {problem}"))
                .remedy("write one vector a line, as '[0.1, 0.2, …]' or '0.1 0.2 …'")
        })?;
        if !each(query, &vector)? {
            return Ok(());
        }
        query += 1;
    }
}

/// Enough for the largest dimension with 32 characters a component.
const LONGEST_LINE: u64 = MAX_DIMENSION as u64 * 32;

fn from_json_stream(
    name: &str,
    stream: impl BufRead,
    mut each: impl FnMut(u64, &[f32]) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let mut parser = serde_json::Deserializer::from_reader(stream);
    let mut query = 0;
    // `end` looks past white space for the next byte, and fails when there is one.
    while query == 0 || parser.end().is_err() {
        let vector = JsonVector
            .deserialize(&mut parser)
            .map_err(|error| not_json(name, &error).at_least_failed())?;
        if !each(query, &vector)? {
            return Ok(());
        }
        query += 1;
    }
    Ok(())
}

fn not_json(name: &str, error: &serde_json::Error) -> Failure {
    Failure::usage(format!("{name}: expected an array of numbers: {error}"))
        .remedy("write the vector as '[0.1, 0.2, …]'")
}

fn numbers(text: &str) -> Result<Vec<f32>, String> {
    let mut vector = Vec::new();
    let words = text.split(|c: char| c == ',' || c == ';' || c.is_whitespace());
    for word in words.filter(|word| !word.is_empty()) {
        let component = vector.len();
        let value: f64 = word.parse().map_err(|_| {
            let short: String = word.chars().take(40).collect();
            format!(
                "component {component} (from 0): expected a number, found \"{}\"",
                neutral(&short)
            )
        })?;
        vector.push(narrow(value));
        if vector.len() > MAX_DIMENSION {
            return Err(format!(
                "expected at most {MAX_DIMENSION} components, found more"
            ));
        }
    }
    if vector.is_empty() {
        return Err("expected numbers, found none".to_owned());
    }
    Ok(vector)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded to the nearest f32, as in the readers of files; a search refuses what becomes infinite"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

/// An array of numbers, no longer than a vector may be.
struct JsonVector;

impl<'de> DeserializeSeed<'de> for JsonVector {
    type Value = Vec<f32>;

    fn deserialize<D: de::Deserializer<'de>>(self, from: D) -> Result<Vec<f32>, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for JsonVector {
    type Value = Vec<f32>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an array of 1 to {MAX_DIMENSION} numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<f32>, A::Error> {
        let mut vector = Vec::new();
        while let Some(value) = items.next_element::<f64>()? {
            if vector.len() == MAX_DIMENSION {
                return Err(de::Error::custom(format_args!(
                    "more than {MAX_DIMENSION} components"
                )));
            }
            vector.push(narrow(value));
        }
        Ok(vector)
    }
}

/// Lines of a text file, for lists of ids and rows: trimmed, with their numbers, blank ones left out.
pub(crate) fn read_lines(path: &Path) -> Result<Vec<(usize, String)>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!(
            "cannot read {}: {}",
            shown_path(path),
            plain_io(&error)
        ))
        .remedy("name a text file that exists, one entry a line")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = (1..).zip(text.lines().map(str::trim));
    Ok(lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| (number, line.to_owned()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(text: &str) -> Result<Vec<Vec<f32>>, Failure> {
        let mut all = Vec::new();
        from_stream(text.as_bytes(), |query, vector| {
            assert_eq!(query, all.len() as u64);
            all.push(vector.to_vec());
            Ok(true)
        })?;
        Ok(all)
    }

    #[test]
    fn a_vector_is_read_however_it_is_written() {
        let expected = vec![1.0, -0.5, 2e-3];
        for text in [
            "[1, -0.5, 2e-3]",
            "1 -0.5 2e-3",
            " 1,-0.5,2e-3 ",
            "[1,-0.5,\n 0.002]",
        ] {
            assert_eq!(from_text(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_vector_is_refused() {
        for text in ["", "[1, 2", "[1] [2]", "[1, \"a\"]", "a b", "[[1]]", "{}"] {
            assert!(from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_stream_holds_one_vector_or_many() {
        let two = vec![vec![1.0, 2.0], vec![3.0, 4.0]];
        for text in [
            "[1,2]\n[3,4]\n",
            "[1,\n2] [3,4]",
            "\n [1,2][3,4]  \n\n",
            "1 2\n\n3,4",
            "1 2\n3 4\n",
        ] {
            assert_eq!(stream(text).unwrap(), two, "{text}");
        }
        assert_eq!(stream("[1,2]").unwrap(), two[..1]);
        for text in ["", " \n", "[1,2] x", "[1,2", "1 2\nx y\n"] {
            assert!(stream(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_vector_without_end_is_refused_in_time() {
        let long = "1,".repeat(MAX_DIMENSION + 1);
        assert!(from_text(&long).is_err());
        assert!(from_text(&format!("[{}1]", long)).is_err());
    }
}
