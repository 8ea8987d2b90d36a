//! Vector constants of four equal lanes, written shorter.
//!
//! The compiler makes `v128.const` of every constant vector, 18 bytes; the number and a splat take 4 to 8 and mean the
//! same. An interpreter runs one instruction for either, and a compiling engine makes the same code.

use wasmparser::{FunctionBody, Operator, Parser, Payload};

use crate::module::{self, bad, leb128, slice};
use crate::{Error, Result};

const I32_CONST: u8 = 0x41;
const I32X4_SPLAT: [u8; 2] = [0xFD, 0x11];

/// The module, with such constants as splats.
pub(crate) fn splat_constants(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::CodeSectionEntry(body) = payload.map_err(bad)? {
            let body = rewrite(&body, bytes)?;
            bodies.extend(leb128(body.len()));
            bodies.extend(body);
        }
    }
    module::rebuilt(bytes, |_, payload, range| {
        Ok(Some(match payload {
            Payload::CodeSectionStart { count, .. } => {
                [leb128(place((*count).into())?), std::mem::take(&mut bodies)].concat()
            }
            _ => slice(bytes, range)?.to_vec(),
        }))
    })
}

/// A function's body, its length field left out. (Branches name blocks, not bytes, so nothing else changes.)
fn rewrite(body: &FunctionBody<'_>, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    // What is not copied yet starts here.
    let mut start = body.range().start;
    let mut splat = None;
    for operator in body
        .get_operators_reader()
        .map_err(bad)?
        .into_iter_with_offsets()
    {
        let (operator, offset) = operator.map_err(bad)?;
        if let Some(number) = splat.take() {
            out.push(I32_CONST);
            out.extend(signed_leb128(number));
            out.extend(I32X4_SPLAT);
            start = offset;
        }
        if let Operator::V128Const { value } = operator {
            let number = value.i128().cast_unsigned();
            let lane = number as i32;
            if number == u128::from(lane.cast_unsigned()) * 0x1_0000_0001_0000_0001_0000_0001 {
                out.extend(slice(bytes, place(start)?..place(offset)?)?);
                splat = Some(lane);
            }
        }
    }
    // A body ends with `end`, so no splat is left.
    out.extend(slice(bytes, place(start)?..place(body.range().end)?)?);
    Ok(out)
}

fn place(offset: u64) -> Result<usize> {
    usize::try_from(offset)
        .map_err(|_| Error::new("the module is larger than this machine's memory"))
}

fn signed_leb128(mut number: i32) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = number as u8 & 0x7F;
        number >>= 7;
        if number == i32::from(byte) << 25 >> 31 {
            out.push(byte);
            return out;
        }
        out.push(byte | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_numbers_are_written_as_the_specification_says() {
        // The examples of the DWARF standard (7.6), and the ends of the range.
        for (number, bytes) in [
            (2, &[0x02][..]),
            (-2, &[0x7E]),
            (127, &[0xFF, 0x00]),
            (-127, &[0x81, 0x7F]),
            (128, &[0x80, 0x01]),
            (-128, &[0x80, 0x7F]),
            (i32::MAX, &[0xFF, 0xFF, 0xFF, 0xFF, 0x07]),
            (i32::MIN, &[0x80, 0x80, 0x80, 0x80, 0x78]),
        ] {
            assert_eq!(signed_leb128(number), bytes, "{number}");
        }
    }

    #[test]
    fn equal_lanes_become_a_splat_and_others_stay() {
        // (func (result v128) v128.const of a lane, four times) and the same with another last lane.
        let function = |lanes: [i32; 4]| {
            let lanes = lanes.iter().flat_map(|lane| lane.to_le_bytes());
            let mut body = vec![0, 0xFD, 0x0C];
            body.extend(lanes);
            body.push(0x0B);
            let mut out = leb128(body.len());
            out.extend(body);
            out
        };
        let module = |bodies: &[Vec<u8>]| {
            let mut out = b"\0asm\x01\0\0\0".to_vec();
            let types = vec![1, 0x60, 0, 1, 0x7B];
            let functions = vec![2, 0, 0];
            let mut code = vec![2];
            code.extend(bodies.concat());
            for (id, section) in [(1, types), (3, functions), (10, code)] {
                out.push(id);
                out.extend(leb128(section.len()));
                out.extend(section);
            }
            out
        };
        let other = function([-16_384, -16_384, -16_384, 1]);
        let splat = vec![8, 0, 0x41, 0x80, 0x80, 0x7F, 0xFD, 0x11, 0x0B];
        let before = module(&[function([-16_384; 4]), other.clone()]);
        let after = module(&[splat[..].to_vec(), other]);
        assert_eq!(splat_constants(&before).unwrap(), after);
    }
}
