//! Constants, written shorter.
//!
//! Of a vector of four equal lanes the compiler makes `v128.const`, 18 bytes: the number and a splat take 4 to 8 and mean the same.
//! Of a float that is a small integer it makes 5 or 9: the integer and its conversion take 3. An f64 that is an f32 takes 9, and as
//! that, promoted, 6. An interpreter runs one instruction more for some of them, and a compiling engine makes the same code.

use wasmparser::{FunctionBody, Operator, Parser, Payload};

use crate::module::{self, bad, leb128, slice};
use crate::{Error, Result};

const I32_CONST: u8 = 0x41;
const F32_CONST: u8 = 0x43;
const I32X4_SPLAT: [u8; 2] = [0xFD, 0x11];
const F32_CONVERT_I32_S: u8 = 0xB2;
const F64_CONVERT_I32_S: u8 = 0xB7;
const F64_PROMOTE_F32: u8 = 0xBB;

/// The module, with such constants in their shorter forms.
pub(crate) fn shorten(bytes: &[u8]) -> Result<Vec<u8>> {
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
    let mut shorter = None;
    for operator in body
        .get_operators_reader()
        .map_err(bad)?
        .into_iter_with_offsets()
    {
        let (operator, offset) = operator.map_err(bad)?;
        if let Some(constant) = shorter.take() {
            out.extend(constant);
            start = offset;
        }
        shorter = shortened(&operator);
        if shorter.is_some() {
            out.extend(slice(bytes, place(start)?..place(offset)?)?);
        }
    }
    // A body ends with `end`, so nothing is left.
    out.extend(slice(bytes, place(start)?..place(body.range().end)?)?);
    Ok(out)
}

/// The same constant in fewer bytes, if there is such a way.
fn shortened(operator: &Operator<'_>) -> Option<Vec<u8>> {
    let integer = |number: i32, behind: &[u8]| {
        let mut constant = vec![I32_CONST];
        constant.extend(signed_leb128(number));
        constant.extend(behind);
        constant
    };
    match operator {
        Operator::V128Const { value } => {
            let number = value.i128().cast_unsigned();
            let lane = number as i32;
            let lanes = u128::from(lane.cast_unsigned()) * 0x1_0000_0001_0000_0001_0000_0001;
            (number == lanes).then(|| integer(lane, &I32X4_SPLAT))
        }
        Operator::F32Const { value } => {
            let number = small_integer(f32::from_bits(value.bits()).into())?;
            Some(integer(number, &[F32_CONVERT_I32_S]))
        }
        Operator::F64Const { value } => {
            let value = f64::from_bits(value.bits());
            if let Some(number) = small_integer(value) {
                return Some(integer(number, &[F64_CONVERT_I32_S]));
            }
            let single = value as f32;
            // A NaN is not equal to itself, and stays.
            (f64::from(single) == value).then(|| {
                let mut constant = vec![F32_CONST];
                constant.extend(single.to_le_bytes());
                constant.push(F64_PROMOTE_F32);
                constant
            })
        }
        _ => None,
    }
}

/// The integer of one byte that a number is, bit for bit: −0 is none.
fn small_integer(value: f64) -> Option<i32> {
    let number = value as i32;
    let is_same = f64::from(number).to_bits() == value.to_bits();
    (is_same && (-64..64).contains(&number)).then_some(number)
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
        assert_eq!(shorten(&before).unwrap(), after);
    }

    #[test]
    fn floats_are_written_shorter_where_they_mean_the_same() {
        let single = |value: f32| {
            shortened(&Operator::F32Const {
                value: value.into(),
            })
        };
        let double = |value: f64| {
            shortened(&Operator::F64Const {
                value: value.into(),
            })
        };
        assert_eq!(single(1.0), Some(vec![0x41, 1, 0xB2]));
        assert_eq!(single(-64.0), Some(vec![0x41, 0x40, 0xB2]));
        assert_eq!(double(0.0), Some(vec![0x41, 0, 0xB7]));
        // 0.5 and +∞ as f32, promoted.
        assert_eq!(double(0.5), Some(vec![0x43, 0, 0, 0, 0x3F, 0xBB]));
        assert_eq!(
            double(f64::INFINITY),
            Some(vec![0x43, 0, 0, 0x80, 0x7F, 0xBB])
        );
        // −0 is no integer, but an f32.
        assert_eq!(double(-0.0), Some(vec![0x43, 0, 0, 0, 0x80, 0xBB]));
        for other in [-0.0, 0.5, 64.0, 1e15, f32::INFINITY, f32::NAN] {
            assert_eq!(single(other), None, "{other}");
        }
        for other in [0.1, 1e300, f64::NAN] {
            assert_eq!(double(other), None, "{other}");
        }
    }
}
