//! Each case of K-ABI-6, by one change to a sound file.
#![allow(clippy::unwrap_used, reason = "a test")]

use rvf_microkernel::{Backend, Error, Mode};

use crate::naive::pack::{Plan, pack, pack_lists};
use crate::naive::search::Ask;
use crate::naive::{File, KINDS, u32_at};
use crate::support::{Question, Rng};

const D: usize = 16;
const ROWS: u32 = 50;
const STRIDE: usize = 12 + D;
/// 128 bytes of head and 64 of the mean.
const DIRECTORY: usize = 192;

/// Three lists: 40 own vectors, none, and 10; 5 second entries, 1, and 3.
fn lists(kind: u8) -> File {
    let input = Rng::new(6).clustered(ROWS as usize, D);
    let plan = Plan {
        own: vec![(10..50).collect(), Vec::new(), (0..10).collect()],
        second: vec![(0..5).collect(), vec![7], vec![10, 20, 30]],
    };
    pack_lists(&input, 0, kind, 3, &plan)
}

/// The answer, the same by all backends, and fed in pieces; the naive search agrees.
fn answer(file: &File, mode: Mode) -> Option<Error> {
    let question = Question {
        file,
        q: &[0.0; D],
        ask: Ask {
            slack: 16.0,
            ..Ask::new(ROWS as usize)
        },
        mode,
    };
    question.backends_agree();
    question.starved_agrees();
    question.by(Backend::best()).err()
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Changes a u32 of the INDEX of the file with three lists.
fn with_index(at: usize, value: u32) -> Option<Error> {
    let mut file = lists(0);
    put(&mut file.index, at, value);
    answer(&file, Mode::Coded)
}

#[test]
fn the_sound_file_is_answered() {
    for kind in KINDS {
        assert_eq!(answer(&lists(kind), Mode::Coded), None);
        assert_eq!(answer(&lists(kind), Mode::Blocks), None);
    }
}

#[test]
fn a_row_that_is_not_below_the_rows_is_bad_data() {
    for kind in KINDS {
        for value in [ROWS, u32::MAX] {
            let mut file = lists(kind);
            put(&mut file.vec_i8, 30 * STRIDE, value);
            assert_eq!(answer(&file, Mode::Coded), Some(Error::BadData));
            let exact = (kind == 0).then_some(Error::BadData);
            assert_eq!(answer(&file, Mode::Blocks), exact);
        }
        if kind != 0 {
            let mut file = lists(kind);
            let stride = file.vec_float.len() / ROWS as usize;
            put(&mut file.vec_float, 30 * stride, ROWS);
            assert_eq!(answer(&file, Mode::Coded), Some(Error::BadData));
            assert_eq!(answer(&file, Mode::Blocks), Some(Error::BadData));
        }
    }
}

#[test]
fn with_one_list_a_row_that_is_not_the_records_number_is_bad_data() {
    for kind in KINDS {
        let mut file = pack(&Rng::new(6).clustered(ROWS as usize, D), 0, kind, 3);
        put(&mut file.vec_i8, 30 * STRIDE, 31);
        assert_eq!(answer(&file, Mode::Coded), Some(Error::BadData));
        let mut file = lists(kind);
        put(&mut file.vec_i8, 30 * STRIDE, 31);
        assert_eq!(answer(&file, Mode::Coded), None);
    }
}

#[test]
fn a_centroid_record_of_another_list_is_bad_data() {
    let file = lists(0);
    // Behind the directory and three codes: a tile of 32 bytes and 16 of correction words.
    let records = file.index.len() - 3 * STRIDE;
    assert_eq!(records, DIRECTORY + 128 + 64);
    for list in 0..3 {
        assert_eq!(u32_at(&file.index, records + list * STRIDE), list as u32);
        for value in [(list as u32 + 1) % 3, 3, u32::MAX] {
            let answer = with_index(records + list * STRIDE, value);
            assert_eq!(answer, Some(Error::BadData), "list {list} has row {value}");
        }
    }
}

#[test]
fn a_directory_entry_out_of_range_is_bad_data() {
    let bad = Some(Error::BadData);
    for (list, own, second, first) in [(0, 40, 5, 0), (1, 0, 1, 40), (2, 10, 3, 40)] {
        let at = DIRECTORY + 32 * list;
        let file = lists(0);
        assert_eq!(u32_at(&file.index, at + 8), own);
        assert_eq!(u32_at(&file.index, at + 12), second);
        assert_eq!(u32_at(&file.index, at + 16), first);
        // Own vectors that end behind the last row.
        assert_eq!(with_index(at + 8, ROWS - first + 1), bad);
        assert_eq!(with_index(at + 8, u32::MAX), bad);
        assert_eq!(with_index(at + 16, ROWS - own + 1), bad);
        assert_eq!(with_index(at + 16, u32::MAX), bad);
        // More entries than rows.
        assert_eq!(with_index(at + 12, ROWS - own + 1), bad);
        assert_eq!(with_index(at + 12, u32::MAX), bad);
        // 2⁴⁸, and what lies behind the QUANT.
        assert_eq!(with_index(at + 4, 1 << 16), bad);
        assert_eq!(with_index(at + 4, u32::MAX), bad);
        assert_eq!(with_index(at + 4, 1), bad);
        assert_eq!(with_index(at, u32::MAX), bad);
    }
}

#[test]
fn a_number_of_a_second_entry_that_is_not_below_the_rows_is_bad_data() {
    for kind in KINDS {
        let file = lists(kind);
        // The last group of list 2: 13 entries in 4 tiles, at the end of the QUANT.
        let group: usize = 4 * (32 + 16 + 16);
        let numbers = file.quant.len() - group.next_multiple_of(64) + 4 * (32 + 16);
        assert_eq!(u32_at(&file.quant, numbers + 4 * 10), 0);
        for value in [ROWS, u32::MAX] {
            let mut damaged = file.clone();
            put(&mut damaged.quant, numbers + 4 * 10, value);
            assert_eq!(answer(&damaged, Mode::Coded), Some(Error::BadData));
            // The numbers of own entries follow from the directory.
            let mut damaged = file.clone();
            put(&mut damaged.quant, numbers, value);
            assert_eq!(answer(&damaged, Mode::Coded), None);
            // What fills up the last tile is not looked at.
            let mut damaged = file.clone();
            put(&mut damaged.quant, numbers + 4 * 13, value);
            assert_eq!(answer(&damaged, Mode::Coded), None);
        }
    }
}

#[test]
fn a_mean_that_is_not_finite_or_too_far_away_is_bad_data() {
    for file in [
        pack(&Rng::new(6).clustered(ROWS as usize, D), 0, 0, 3),
        lists(0),
    ] {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
            let mut file = file.clone();
            put(&mut file.index, 128 + 20, value.to_bits());
            assert_eq!(answer(&file, Mode::Coded), Some(Error::BadData));
        }
    }
}
