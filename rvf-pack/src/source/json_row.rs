//! One line of JSON, read straight into a vector and an id, without a tree of the rest.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::MAX_ID_BYTES;
use super::error::SourceProblem;

/// Names of the fields that are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    pub(super) vector: Option<&'a str>,
    pub(super) id: Option<&'a str>,
}

/// What a line holds beside the values.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// The number of values of the vector, if there is one.
    pub(super) components: Option<usize>,
    pub(super) id: Option<JsonId>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum JsonId {
    Number(u64),
    Text(String),
    /// A text longer than an id may be, in bytes.
    LongText(u64),
    /// What else was found.
    Other(String),
}

/// What is wrong with a line, and where in it.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) column: Option<u64>,
    pub(super) component: Option<u64>,
    pub(super) problem: SourceProblem,
}

/// What a field of an object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An array of one or more numbers.
    Numbers,
    /// Another array.
    Array,
    /// No array.
    Other,
}

/// Reads a line. The first `most` values of the vector are appended to `vector`; the rest is counted.
pub(super) fn parse(
    line: &[u8],
    fields: Fields<'_>,
    vector: &mut Vec<f32>,
    most: usize,
) -> Result<Row, Fault> {
    let mut state = State::default();
    let mut row = Row::default();
    let visitor = RowVisitor {
        fields,
        vector,
        most,
        row: &mut row,
        state: &mut state,
    };
    let mut json = serde_json::Deserializer::from_slice(line);
    let result = json.deserialize_any(visitor).and_then(|()| json.end());
    match result {
        Ok(()) => Ok(row),
        Err(error) => Err(fault(line, &error, state)),
    }
}

/// The fields of an object, in order, and what they hold.
pub(super) fn kinds(line: &[u8]) -> Result<Vec<(String, Kind)>, Fault> {
    let mut state = State::default();
    let mut json = serde_json::Deserializer::from_slice(line);
    let result = json.deserialize_map(KindsVisitor { state: &mut state });
    let result = result.and_then(|kinds| json.end().map(|()| kinds));
    result.map_err(|error| fault(line, &error, state))
}

/// The names of the fields of an object that [`parse`] could read.
pub(super) fn names(line: &[u8]) -> Vec<String> {
    let fields = kinds(line).unwrap_or_default();
    fields.into_iter().map(|(name, _)| name).collect()
}

/// What the visitors know when they fail.
#[derive(Debug, Default)]
struct State {
    /// The component being read.
    component: Option<usize>,
    problem: Option<SourceProblem>,
}

impl State {
    fn fail<E: serde::de::Error>(&mut self, problem: SourceProblem) -> E {
        self.problem = Some(problem);
        E::custom("")
    }

    fn repeated<E: serde::de::Error>(&mut self, name: Option<&str>) -> E {
        let name = name.unwrap_or_default().to_owned();
        self.fail(SourceProblem::RepeatedField { name })
    }
}

fn fault(line: &[u8], error: &serde_json::Error, state: State) -> Fault {
    // The line has no line feed in it but as white space; without one the column is that of the line.
    let column = (error.line() == 1 && error.column() > 0).then_some(error.column());
    let problem = state.problem.unwrap_or_else(|| {
        match column.and_then(|column| not_finite_token(line, column)) {
            Some(value) => SourceProblem::NotFinite { value },
            None => SourceProblem::Json {
                message: message(error),
            },
        }
    });
    Fault {
        column: column.map(|column| column as u64),
        component: state.component.map(|component| component as u64),
        problem,
    }
}

/// What `serde_json` says, without the place, which the caller says.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    }
}

/// The token at an error, if it is one that JSON does not have, or a number beyond the range of 64 bits.
fn not_finite_token(line: &[u8], column: usize) -> Option<String> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let at = column.min(line.len());
    let (before, after) = line.split_at_checked(at)?;
    let start = at
        - before
            .iter()
            .rev()
            .take_while(|byte| is_token(byte))
            .count();
    let end = at + after.iter().take_while(|byte| is_token(byte)).count();
    let token = std::str::from_utf8(line.get(start..end)?).ok()?;
    // Rust reads "nan", "inf" and "infinity" in any case, and numbers out of range as infinite.
    let value: f64 = token.parse().ok()?;
    (!value.is_finite()).then(|| token.to_owned())
}

/// Reads a whole line.
struct RowVisitor<'a> {
    fields: Fields<'a>,
    vector: &'a mut Vec<f32>,
    most: usize,
    row: &'a mut Row,
    state: &'a mut State,
}

/// The methods of a visitor that takes what is neither an array nor an object.
macro_rules! visit_scalars {
    ($self:ident, $found:ident => $result:expr) => {
        fn visit_bool<E: serde::de::Error>($self, value: bool) -> Result<Self::Value, E> {
            let $found = if value { "true" } else { "false" };
            $result
        }

        fn visit_unit<E: serde::de::Error>($self) -> Result<Self::Value, E> {
            let $found = "null";
            $result
        }
    };
}

impl<'de> Visitor<'de> for RowVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(NameSeed(self.fields))? {
            match name {
                Name::Vector => {
                    if self.row.components.is_some() {
                        return Err(self.state.repeated(self.fields.vector));
                    }
                    let count = map.next_value_seed(VectorSeed {
                        vector: self.vector,
                        most: self.most,
                        state: self.state,
                    })?;
                    self.row.components = Some(count);
                }
                Name::Id => {
                    if self.row.id.is_some() {
                        return Err(self.state.repeated(self.fields.id));
                    }
                    self.row.id = Some(map.next_value_seed(IdSeed)?);
                }
                Name::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let vector = VectorSeed {
            vector: self.vector,
            most: self.most,
            state: self.state,
        };
        self.row.components = Some(vector.visit_seq(seq)?);
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        Err(self.state.fail(SourceProblem::NotARow { found: "a text" }))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        let found = "a single number";
        Err(self.state.fail(SourceProblem::NotARow { found }))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.visit_f64(0.0)
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.visit_f64(0.0)
    }

    visit_scalars!(self, found => Err(self.state.fail(SourceProblem::NotARow { found })));
}

enum Name {
    Vector,
    Id,
    Other,
}

/// Reads the name of a field without keeping it.
struct NameSeed<'a>(Fields<'a>);

impl<'de> DeserializeSeed<'de> for NameSeed<'_> {
    type Value = Name;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Name, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for NameSeed<'_> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        Ok(match name {
            _ if Some(name) == self.0.vector => Name::Vector,
            _ if Some(name) == self.0.id => Name::Id,
            _ => Name::Other,
        })
    }
}

/// Reads a vector, and counts its values.
struct VectorSeed<'a> {
    vector: &'a mut Vec<f32>,
    most: usize,
    state: &'a mut State,
}

impl<'de> DeserializeSeed<'de> for VectorSeed<'_> {
    type Value = usize;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<usize, D::Error> {
        json.deserialize_any(self)
    }
}

impl VectorSeed<'_> {
    fn no_array<E: serde::de::Error>(self, found: &str) -> E {
        let found = format!("{found} instead of an array");
        self.state.fail(SourceProblem::NotANumber { found })
    }
}

impl<'de> Visitor<'de> for VectorSeed<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<usize, A::Error> {
        let mut count = 0;
        loop {
            self.state.component = Some(count);
            match seq.next_element_seed(ElementSeed)? {
                None => break,
                Some(Element::Other(found)) => {
                    let found = found.to_owned();
                    return Err(self.state.fail(SourceProblem::NotANumber { found }));
                }
                Some(Element::Number(wide)) => {
                    #[allow(clippy::cast_possible_truncation, reason = "rounding is meant")]
                    let value = wide as f32;
                    if !value.is_finite() {
                        let value = format!("{wide:?}");
                        return Err(self.state.fail(SourceProblem::NotFinite { value }));
                    }
                    if count < self.most {
                        self.vector.push(value);
                    }
                }
            }
            count += 1;
        }
        self.state.component = None;
        Ok(count)
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<usize, A::Error> {
        Err(self.no_array("an object"))
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<usize, E> {
        Err(self.no_array("a text"))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<usize, E> {
        Err(self.no_array("a single number"))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<usize, E> {
        Err(self.no_array("a single number"))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<usize, E> {
        Err(self.no_array("a single number"))
    }

    visit_scalars!(self, found => Err(self.no_array(found)));
}

enum Element {
    Number(f64),
    Other(&'static str),
}

/// Reads a value of which only numbers matter.
struct ElementSeed;

impl<'de> DeserializeSeed<'de> for ElementSeed {
    type Value = Element;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Element, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ElementSeed {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_f64<E>(self, value: f64) -> Result<Element, E> {
        Ok(Element::Number(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Element, E> {
        #[allow(clippy::cast_precision_loss, reason = "rounding is meant")]
        Ok(Element::Number(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Element, E> {
        #[allow(clippy::cast_precision_loss, reason = "rounding is meant")]
        Ok(Element::Number(value as f64))
    }

    fn visit_str<E>(self, _: &str) -> Result<Element, E> {
        Ok(Element::Other("a text"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Element, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Element::Other("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Element, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Element::Other("an object"))
    }

    visit_scalars!(self, found => Ok(Element::Other(found)));
}

/// Reads an id.
struct IdSeed;

impl<'de> DeserializeSeed<'de> for IdSeed {
    type Value = JsonId;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<JsonId, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for IdSeed {
    type Value = JsonId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a whole number")
    }

    fn visit_u64<E>(self, value: u64) -> Result<JsonId, E> {
        Ok(JsonId::Number(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<JsonId, E> {
        Ok(JsonId::Other(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<JsonId, E> {
        Ok(JsonId::Other(format!("{value:?}")))
    }

    fn visit_str<E>(self, text: &str) -> Result<JsonId, E> {
        Ok(match text.len() {
            0..=MAX_ID_BYTES => JsonId::Text(text.to_owned()),
            found => JsonId::LongText(found as u64),
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<JsonId, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(JsonId::Other("an array".to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonId, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(JsonId::Other("an object".to_owned()))
    }

    visit_scalars!(self, found => Ok(JsonId::Other(found.to_owned())));
}

/// Reads the names of the fields, and what they hold.
struct KindsVisitor<'a> {
    state: &'a mut State,
}

impl<'de> Visitor<'de> for KindsVisitor<'_> {
    type Value = Vec<(String, Kind)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut kinds = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let kind = map.next_value_seed(KindSeed { state: self.state })?;
            kinds.push((name, kind));
        }
        Ok(kinds)
    }
}

struct KindSeed<'a> {
    state: &'a mut State,
}

impl<'de> DeserializeSeed<'de> for KindSeed<'_> {
    type Value = Kind;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Kind, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for KindSeed<'_> {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut kind = Kind::Numbers;
        let mut count = 0;
        loop {
            self.state.component = Some(count);
            match seq.next_element_seed(ElementSeed)? {
                None => break,
                Some(Element::Number(_)) => {}
                Some(Element::Other(_)) => kind = Kind::Array,
            }
            count += 1;
        }
        self.state.component = None;
        Ok(if count == 0 { Kind::Array } else { kind })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Kind::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Kind, E> {
        Ok(Kind::Other)
    }

    visit_scalars!(self, _found => Ok(Kind::Other));
}
