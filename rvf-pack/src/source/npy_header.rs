//! The header of an `.npy` file, as the numpy enhancement proposal 1 and `numpy.lib.format` define it.
//!
//! `\x93NUMPY`, a major and a minor version byte, the length of the dictionary (u16 in version 1, u32 in versions
//! 2 and 3, little-endian), then the dictionary as a Python literal with exactly the keys `descr`,
//! `fortran_order` and `shape`, then the values.

use super::error::{Place, SourceError, SourceProblem};
use super::input::ByteFile;

pub(super) const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// numpy itself reads no more than 10,000 bytes unless told to.
const MAX_DICTIONARY_BYTES: usize = 64 << 10;

/// numpy itself has at most 64.
const MAX_AXES: usize = 64;

/// What the values of an array are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NpyType {
    F16,
    F32,
    F64,
    I8,
    U8,
    I32,
    U32,
    I64,
    U64,
}

/// A header of an array in C order whose values are little-endian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NpyHeader {
    pub(super) dtype: NpyType,
    /// The type as the file writes it.
    pub(super) descr: String,
    pub(super) shape: Vec<u64>,
    /// Offset of the first value.
    pub(super) start: u64,
}

impl NpyHeader {
    /// Reads the header, and leaves `file` at the first value.
    ///
    /// `expected` says in messages which types the caller reads.
    pub(super) fn read(file: &mut ByteFile, expected: &'static str) -> Result<Self, SourceError> {
        let (start, dictionary) = read_dictionary(file)?;
        let from = start - dictionary.len() as u64;
        let parsed = Dictionary::parse(&dictionary)
            .map_err(|(at, problem)| file.error(Place::byte(from + at as u64), problem))?;
        let fail = |problem| Err(file.error(Place::byte(from), problem));
        let dtype = match dtype(&parsed.descr) {
            Ok(dtype) => dtype,
            Err(remedy) => {
                return fail(SourceProblem::NpyType {
                    found: parsed.descr,
                    expected,
                    remedy,
                });
            }
        };
        if parsed.fortran_order {
            return fail(SourceProblem::FortranOrder);
        }
        Ok(Self {
            dtype,
            descr: parsed.descr,
            shape: parsed.shape,
            start,
        })
    }

    /// Rows and dimension of an array with two axes.
    pub(super) fn matrix_shape(&self, file: &ByteFile) -> Result<(u64, u64), SourceError> {
        match self.shape.as_slice() {
            [rows, dimension] => Ok((*rows, *dimension)),
            _ => Err(self.wrong_shape(file, 2)),
        }
    }

    pub(super) fn wrong_shape(&self, file: &ByteFile, expected: usize) -> SourceError {
        let found = self.shape.clone();
        let problem = SourceProblem::NpyShape { found, expected };
        file.error(Place::default(), problem)
    }

    pub(super) fn wrong_type(&self, file: &ByteFile, expected: &'static str) -> SourceError {
        let problem = SourceProblem::NpyType {
            found: self.descr.clone(),
            expected,
            remedy: "convert it with array.astype before it is saved",
        };
        file.error(Place::default(), problem)
    }
}

/// The dictionary, and the offset of what follows it.
fn read_dictionary(file: &mut ByteFile) -> Result<(u64, Vec<u8>), SourceError> {
    let magic_error = SourceProblem::Magic {
        expected: "the bytes 93 \"NUMPY\"",
    };
    let mut head = [0; 8];
    if file.len() < head.len() as u64 {
        return Err(file.error(Place::byte(0), magic_error));
    }
    file.read_exact(&mut head)?;
    let [magic @ .., major, minor] = head;
    if magic != *MAGIC {
        return Err(file.error(Place::byte(0), magic_error));
    }
    let length = match (major, minor) {
        (1, 0) => {
            let mut length = [0; 2];
            file.read_exact(&mut length)?;
            usize::from(u16::from_le_bytes(length))
        }
        (2 | 3, 0) => {
            let mut length = [0; 4];
            file.read_exact(&mut length)?;
            usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX)
        }
        found => return Err(file.error(Place::byte(6), SourceProblem::NpyVersion { found })),
    };
    if length > MAX_DICTIONARY_BYTES {
        let problem = SourceProblem::NpyHeader {
            expected: "a length of at most 65536 bytes",
        };
        return Err(file.error(Place::byte(8), problem));
    }
    let mut dictionary = vec![0; length];
    file.read_exact(&mut dictionary)?;
    Ok((file.at(), dictionary))
}

/// The type that a `descr` names, or what to do when it is one that is not read.
fn dtype(descr: &str) -> Result<NpyType, &'static str> {
    match descr {
        "<f2" => Ok(NpyType::F16),
        "<f4" => Ok(NpyType::F32),
        "<f8" => Ok(NpyType::F64),
        "|i1" | "<i1" | ">i1" => Ok(NpyType::I8),
        "|u1" | "<u1" | ">u1" => Ok(NpyType::U8),
        "<i4" => Ok(NpyType::I32),
        "<u4" => Ok(NpyType::U32),
        "<i8" => Ok(NpyType::I64),
        "<u8" => Ok(NpyType::U64),
        _ if descr.starts_with('>') => Err(
            "its bytes are big-endian: save array.astype(array.dtype.newbyteorder('<')) instead",
        ),
        _ if descr.starts_with("|O") => {
            Err("an array of objects cannot be read: save numpy.stack(array).astype('<f4') instead")
        }
        _ => Err("convert it with array.astype before it is saved"),
    }
}

/// The dictionary as it stands.
#[derive(Debug, PartialEq, Eq)]
struct Dictionary {
    descr: String,
    fortran_order: bool,
    shape: Vec<u64>,
}

/// Where in the dictionary, and what is wrong.
type Fault = (usize, SourceProblem);

impl Dictionary {
    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let mut at = Cursor { bytes, at: 0 };
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        at.expect(b'{', "a dictionary that starts with {")?;
        while !at.take(b'}') {
            let key_at = at.at;
            let key = at.string()?;
            at.expect(b':', "a : after a key")?;
            let new = match key {
                b"descr" => descr.replace(at.descr()?).is_none(),
                b"fortran_order" => fortran_order.replace(at.boolean()?).is_none(),
                b"shape" => shape.replace(at.shape()?).is_none(),
                _ => false,
            };
            if !new {
                let expected = "the keys 'descr', 'fortran_order' and 'shape', each once";
                return Err((key_at, SourceProblem::NpyHeader { expected }));
            }
            if !at.take(b',') && at.peek() != Some(b'}') {
                return Err(at.fault("a , or } after a value"));
            }
        }
        if at.peek().is_some() {
            return Err(at.fault("nothing but spaces after the dictionary"));
        }
        match (descr, fortran_order, shape) {
            (Some(descr), Some(fortran_order), Some(shape)) => Ok(Self {
                descr,
                fortran_order,
                shape,
            }),
            _ => Err(at.fault("the keys 'descr', 'fortran_order' and 'shape', each once")),
        }
    }
}

/// A place in the dictionary. White space before a token is skipped.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn fault(&self, expected: &'static str) -> Fault {
        (self.at, SourceProblem::NpyHeader { expected })
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_ascii_start().len();
        self.rest().first().copied()
    }

    fn take(&mut self, token: u8) -> bool {
        let found = self.peek() == Some(token);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, token: u8, expected: &'static str) -> Result<(), Fault> {
        if self.take(token) {
            return Ok(());
        }
        Err(self.fault(expected))
    }

    fn word(&mut self, word: &[u8]) -> bool {
        self.peek();
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    /// A string in single or double quotes. numpy writes none with an escape.
    fn string(&mut self) -> Result<&'a [u8], Fault> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else {
            return Err(self.fault("a text in quotes"));
        };
        let inner = self.rest().get(1..).unwrap_or_default();
        let Some(length) = inner.iter().position(|byte| *byte == quote) else {
            return Err(self.fault("a text that ends with the quote it starts with"));
        };
        let text = inner.get(..length).unwrap_or_default();
        if text.contains(&b'\\') {
            return Err(self.fault("a text without a backslash"));
        }
        self.at += length + 2;
        Ok(text)
    }

    /// The type, as text. That of a structured array is a list, and is returned as it begins.
    fn descr(&mut self) -> Result<String, Fault> {
        if let Some(b'[' | b'(' | b'{') = self.peek() {
            let problem = SourceProblem::NpyType {
                found: String::from_utf8_lossy(self.rest())
                    .chars()
                    .take(40)
                    .collect(),
                expected: "one number for each element",
                remedy: "a structured array cannot be read: save the field with the vectors alone",
            };
            return Err((self.at, problem));
        }
        Ok(String::from_utf8_lossy(self.string()?).into_owned())
    }

    fn boolean(&mut self) -> Result<bool, Fault> {
        if self.word(b"True") {
            return Ok(true);
        }
        if self.word(b"False") {
            return Ok(false);
        }
        Err(self.fault("True or False"))
    }

    /// A tuple of whole numbers: `()`, `(3,)`, `(3, 4)`.
    fn shape(&mut self) -> Result<Vec<u64>, Fault> {
        let mut shape = Vec::new();
        self.expect(b'(', "a shape that starts with (")?;
        while !self.take(b')') {
            if shape.len() == MAX_AXES {
                return Err(self.fault("at most 64 axes"));
            }
            shape.push(self.number()?);
            let comma = self.take(b',');
            if !comma && (self.peek() != Some(b')') || shape.len() == 1) {
                return Err(self.fault("a , between the axes of a shape"));
            }
        }
        Ok(shape)
    }

    fn number(&mut self) -> Result<u64, Fault> {
        self.peek();
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit());
        let mut value = 0_u64;
        let mut count = 0;
        for digit in digits {
            value = value
                .checked_mul(10)
                .and_then(|value| value.checked_add(u64::from(digit - b'0')))
                .ok_or_else(|| self.fault("axes that fit 64 bits"))?;
            count += 1;
        }
        if count == 0 {
            return Err(self.fault("a whole number for each axis"));
        }
        self.at += count;
        // Python 2 wrote long integers as 3L.
        if self.rest().first() == Some(&b'L') {
            self.at += 1;
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Dictionary, Fault> {
        Dictionary::parse(text.as_bytes())
    }

    #[test]
    fn what_numpy_writes_is_read() {
        let parsed = parse("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }   \n");
        let expected = Dictionary {
            descr: "<f4".into(),
            fortran_order: false,
            shape: vec![3, 4],
        };
        assert_eq!(parsed.unwrap(), expected);
    }

    #[test]
    fn any_order_and_spacing_and_old_long_integers_are_read() {
        let parsed = parse(" {\"shape\":(7L,),\n'fortran_order' : True ,'descr':'|u1'}").unwrap();
        assert_eq!(parsed.shape, [7]);
        assert!(parsed.fortran_order);
        assert_eq!(parsed.descr, "|u1");
        assert!(parse("{'descr': '<f4', 'fortran_order': False, 'shape': ()}").is_ok());
    }

    #[test]
    fn each_departure_from_the_format_is_refused() {
        for text in [
            "",
            "{",
            "{}",
            "'descr'",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), 'more': 1}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)} x",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (1, 2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 2)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': [1, 2]}",
            "{'descr': '<f4' 'fortran_order': False, 'shape': (1, 2)}",
            "{'descr': '<f4\\'', 'fortran_order': False, 'shape': (1, 2)}",
            "{'descr': '<f4, 'fortran_order': False, 'shape': (1, 2)}",
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 2)}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Dictionary::parse(&bytes);
        }

        #[test]
        fn no_pieces_of_a_header_make_it_panic(
            pieces in proptest::collection::vec(
                prop::sample::select(vec![
                    "{", "}", "'", "\"", "'descr'", ":", "'<f4'", ",", "(", ")", "True", "12", " ", "'shape'", "L",
                    "[", "\\", "'fortran_order'", "False",
                ]),
                0..40,
            )
        ) {
            let _ = parse(&pieces.concat());
        }

        #[test]
        fn every_shape_is_read_back(shape in proptest::collection::vec(any::<u64>(), 2..5)) {
            let axes: Vec<String> = shape.iter().map(u64::to_string).collect();
            let text = format!(
                "{{'descr': '<f8', 'fortran_order': False, 'shape': ({}), }}",
                axes.join(", ")
            );
            prop_assert_eq!(parse(&text).unwrap().shape, shape);
        }
    }
}
