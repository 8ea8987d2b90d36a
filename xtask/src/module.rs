//! What is in a wasm module: sections, functions, imports, and the engine features that it needs.

use std::collections::HashMap;
use std::ops::Range;

use wasmparser::{
    ExportSectionReader, KnownCustom, Name, Parser, Payload, TypeRef, Validator, WasmFeatures,
};

use crate::{Error, Result};

/// Bytes of one section, its header included.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) custom: bool,
    pub(crate) bytes: usize,
}

/// Bytes of one function's body, its length field included.
#[derive(Debug)]
pub(crate) struct Function {
    /// The demangled name, or the index where the module gives none.
    pub(crate) name: String,
    pub(crate) bytes: usize,
}

/// A module, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) sections: Vec<Section>,
    pub(crate) functions: Vec<Function>,
    /// Each import as `module.name`.
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    pub(crate) has_start: bool,
}

pub(crate) fn bad(error: wasmparser::BinaryReaderError) -> Error {
    Error::new(format!("the module cannot be parsed: {error}"))
}

impl Module {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self> {
        let mut module = Self::default();
        let mut names: HashMap<u32, String> = HashMap::new();
        let mut imported_functions = 0_u32;
        let mut bodies = Vec::new();
        let mut end_of_last = HEADER_LENGTH;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(bad)?;
            if let Some((id, range)) = section_range(&payload)? {
                let (name, custom) = match &payload {
                    Payload::CustomSection(reader) => (reader.name().to_owned(), true),
                    _ => (section_name(id).to_owned(), false),
                };
                module.sections.push(Section {
                    name,
                    custom,
                    bytes: range.end.saturating_sub(end_of_last),
                });
                end_of_last = range.end;
            }
            match payload {
                Payload::ImportSection(reader) => {
                    for import in reader.into_imports() {
                        let import = import.map_err(bad)?;
                        if matches!(import.ty, TypeRef::Func(_)) {
                            imported_functions = imported_functions.saturating_add(1);
                        }
                        module
                            .imports
                            .push(format!("{}.{}", import.module, import.name));
                    }
                }
                Payload::ExportSection(reader) => {
                    for export in reader {
                        module.exports.push(export.map_err(bad)?.name.to_owned());
                    }
                }
                Payload::StartSection { .. } => module.has_start = true,
                Payload::CodeSectionEntry(body) => {
                    let length = body.as_bytes().len();
                    bodies.push(length.saturating_add(leb128(length).len()));
                }
                Payload::CustomSection(reader) => {
                    if let KnownCustom::Name(reader) = reader.as_known() {
                        for part in reader {
                            if let Name::Function(map) = part.map_err(bad)? {
                                for naming in map {
                                    let naming = naming.map_err(bad)?;
                                    names.insert(naming.index, readable(naming.name));
                                }
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        for (index, bytes) in (imported_functions..).zip(bodies) {
            let name = names
                .remove(&index)
                .unwrap_or_else(|| format!("function {index}"));
            module.functions.push(Function { name, bytes });
        }
        Ok(module)
    }
}

/// The magic number and the version.
pub(crate) const HEADER_LENGTH: usize = 8;

/// Bytes of a module.
pub(crate) fn slice(bytes: &[u8], range: Range<usize>) -> Result<&[u8]> {
    bytes
        .get(range)
        .ok_or_else(|| Error::new("a section reaches past the end of the module"))
}

/// The module with what `content` makes of each section, given its id, its payload and where it lies; none leaves it out.
pub(crate) fn rebuilt(
    bytes: &[u8],
    mut content: impl FnMut(u8, &Payload<'_>, Range<usize>) -> Result<Option<Vec<u8>>>,
) -> Result<Vec<u8>> {
    let header = bytes
        .get(..HEADER_LENGTH)
        .ok_or_else(|| Error::new("the module is shorter than its header"))?;
    let mut out = header.to_vec();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(bad)?;
        let Some((id, range)) = section_range(&payload)? else {
            continue;
        };
        if let Some(content) = content(id, &payload, range)? {
            out.push(id);
            // The linker pads lengths to five bytes; the shortest form means the same.
            out.extend(leb128(content.len()));
            out.extend(content);
        }
    }
    Ok(out)
}

/// The module without its custom sections (names, producers, features): the bytes that an engine runs.
pub(crate) fn strip(bytes: &[u8]) -> Result<Vec<u8>> {
    rebuilt(bytes, |id, payload, range| {
        Ok(match payload {
            _ if id == CUSTOM_SECTION => None,
            Payload::ExportSection(exports) => {
                Some(wanted_exports(exports, &|range| slice(bytes, range))?)
            }
            _ => Some(slice(bytes, range)?.to_vec()),
        })
    })
}

/// The export section without what the compiler exports unasked: no host needs to know where the data end.
fn wanted_exports<'a>(
    exports: &ExportSectionReader<'_>,
    slice: &impl Fn(Range<usize>) -> Result<&'a [u8]>,
) -> Result<Vec<u8>> {
    let mut starts = Vec::new();
    for export in exports.clone().into_iter_with_offsets() {
        let (start, export) = export.map_err(bad)?;
        starts.push((start, export.name != "__data_end"));
    }
    let ends = starts.iter().skip(1).map(|&(start, _)| start);
    let ends = ends.chain([exports.range().end]);
    let mut entries = Vec::new();
    let mut count = 0;
    for (&(start, wanted), end) in starts.iter().zip(ends) {
        if wanted {
            let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
            entries.extend_from_slice(slice(at(start)..at(end))?);
            count += 1;
        }
    }
    let mut content = leb128(count);
    content.extend(entries);
    Ok(content)
}

/// The features beyond WebAssembly 1.0 that an engine must have to run the module: each one without which it
/// does not validate.
pub(crate) fn required_features(bytes: &[u8]) -> Result<Vec<&'static str>> {
    let all = FEATURES
        .iter()
        .fold(WasmFeatures::MVP, |set, (_, feature)| set.union(*feature));
    Validator::new_with_features(all)
        .validate_all(bytes)
        .map_err(|error| Error::new(format!("the module is not valid: {error}")))?;
    let needed = |feature: WasmFeatures| {
        Validator::new_with_features(all.difference(feature))
            .validate_all(bytes)
            .is_err()
    };
    Ok(FEATURES
        .iter()
        .filter(|(_, feature)| needed(*feature))
        .map(|(name, _)| *name)
        .collect())
}

/// Features that a compiler might use, by the names that compilers give them.
const FEATURES: [(&str, WasmFeatures); 10] = [
    ("mutable-globals", WasmFeatures::MUTABLE_GLOBAL),
    ("sign-ext", WasmFeatures::SIGN_EXTENSION),
    ("nontrapping-fptoint", WasmFeatures::SATURATING_FLOAT_TO_INT),
    ("bulk-memory", WasmFeatures::BULK_MEMORY),
    ("multivalue", WasmFeatures::MULTI_VALUE),
    ("reference-types", WasmFeatures::REFERENCE_TYPES),
    ("simd128", WasmFeatures::SIMD),
    ("relaxed-simd", WasmFeatures::RELAXED_SIMD),
    ("tail-call", WasmFeatures::TAIL_CALL),
    ("extended-const", WasmFeatures::EXTENDED_CONST),
];

const CUSTOM_SECTION: u8 = 0;

/// Where a section's content lies, if the payload is a section, and its id.
fn section_range(payload: &Payload<'_>) -> Result<Option<(u8, Range<usize>)>> {
    let Some((id, range)) = payload.as_section() else {
        return Ok(None);
    };
    match (usize::try_from(range.start), usize::try_from(range.end)) {
        (Ok(start), Ok(end)) => Ok(Some((id, start..end))),
        _ => Err(Error::new("a section reaches past the end of the module")),
    }
}

fn section_name(id: u8) -> &'static str {
    match id {
        1 => "type",
        2 => "import",
        3 => "function",
        4 => "table",
        5 => "memory",
        6 => "global",
        7 => "export",
        8 => "start",
        9 => "element",
        10 => "code",
        11 => "data",
        12 => "data count",
        13 => "tag",
        _ => "other",
    }
}

fn readable(symbol: &str) -> String {
    // `#` leaves the hash out.
    format!("{:#}", rustc_demangle::demangle(symbol))
}

/// An unsigned number in the shortest LEB128 form.
pub(crate) fn leb128(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return out;
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::{Module, required_features, strip};

    const HEADER: [u8; 8] = *b"\0asm\x01\0\0\0";
    /// One type: a function of nothing that gives nothing.
    const TYPE: [u8; 6] = [1, 4, 1, 0x60, 0, 0];
    /// A custom section `x` with one byte in it.
    const CUSTOM: [u8; 5] = [0, 3, 1, b'x', 9];

    fn join(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    /// A module of one function with this body (locals and code).
    fn with_body(body: &[u8]) -> Vec<u8> {
        let length = u8::try_from(body.len()).unwrap();
        join(&[
            &HEADER,
            &TYPE,
            &[3, 2, 1, 0],
            &[10, length + 2, 1, length],
            body,
        ])
    }

    #[test]
    fn stripping_takes_out_custom_sections_and_padding_and_nothing_else() {
        let padded_type = [1, 0x84, 0x80, 0x80, 0x80, 0, 1, 0x60, 0, 0];
        let module = join(&[&HEADER, &CUSTOM, &padded_type, &CUSTOM]);
        assert_eq!(strip(&module).unwrap(), join(&[&HEADER, &TYPE]));
    }

    #[test]
    fn stripping_twice_changes_nothing_more() {
        let once = strip(&with_body(&[0, 0x0b])).unwrap();
        assert_eq!(strip(&once).unwrap(), once);
    }

    #[test]
    fn section_bytes_add_up_to_the_module() {
        let bytes = join(&[&with_body(&[0, 0x0b]), &CUSTOM]);
        let module = Module::parse(&bytes).unwrap();
        let sum: usize = module.sections.iter().map(|section| section.bytes).sum();
        assert_eq!(sum + HEADER.len(), bytes.len());
        assert_eq!(
            module
                .sections
                .iter()
                .filter(|section| section.custom)
                .count(),
            1
        );
        assert_eq!(module.functions.len(), 1);
        assert_eq!(module.functions[0].bytes, 3);
    }

    #[test]
    fn imports_are_named() {
        let import = [2, 7, 1, 1, b'a', 1, b'f', 0, 0];
        let module = Module::parse(&join(&[&HEADER, &TYPE, &import])).unwrap();
        assert_eq!(module.imports, ["a.f"]);
    }

    #[test]
    fn features_are_those_without_which_the_module_is_invalid() {
        assert!(
            required_features(&with_body(&[0, 0x0b]))
                .unwrap()
                .is_empty()
        );
        // i32.const 0, i32.extend8_s, drop
        let sign = with_body(&[0, 0x41, 0, 0xc0, 0x1a, 0x0b]);
        assert_eq!(required_features(&sign).unwrap(), ["sign-ext"]);
        // i32.const 0, i8x16.splat, drop
        let simd = with_body(&[0, 0x41, 0, 0xfd, 0x0f, 0x1a, 0x0b]);
        assert_eq!(required_features(&simd).unwrap(), ["simd128"]);
    }

    #[test]
    fn a_module_cut_inside_a_section_is_an_error() {
        let module = with_body(&[0, 0x0b]);
        // Header, types, functions: a module may end after each of them.
        let ends = [HEADER.len(), 14, 18];
        for length in (0..module.len()).filter(|length| !ends.contains(length)) {
            assert!(strip(&module[..length]).is_err(), "cut at {length}");
        }
    }
}
