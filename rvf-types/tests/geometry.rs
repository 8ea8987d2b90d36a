//! Sizes and places against sums that are worked out the plain way.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails")]

use rvf_types::{IdKind, VectorKind, header, ids, index, quant, vec};

#[test]
fn groups_of_a_list_follow_each_other_and_fill_it() {
    for dimension in [1, 63, 64, 65, 384, 65_536] {
        let words = (0..dimension).step_by(64).count() as u64;
        for (own, second) in [0_u32, 1, 3, 31, 32, 33, 64, 100]
            .into_iter()
            .flat_map(|own| [0, 1, 4, 31, 33].map(|second| (own, second)))
        {
            let mut end = 0;
            let entries: Vec<u32> = (0..own + second).collect();
            let mut groups = quant::groups(own, second, dimension);
            for chunk in entries.chunks(32) {
                let group = groups.next().unwrap();
                let count = chunk.len() as u64;
                let seconds = chunk.iter().any(|&entry| entry >= own);
                assert_eq!((group.tiles, group.first), (end, chunk[0].into()));
                assert_eq!(u64::from(group.entries), count);
                let owned = chunk.iter().filter(|&&entry| entry < own).count();
                assert_eq!(group.own, owned as u32);
                let places = chunk.chunks(4).count() as u64 * 4;
                assert_eq!(group.corrections, end + places * words * 8);
                let behind = group.corrections + 4 * places;
                assert_eq!(group.numbers, seconds.then_some(behind));
                end = behind + if seconds { 4 * places } else { 0 };
                assert_eq!((group.end, group.length()), (end, end - group.tiles));
                assert_eq!(
                    quant::group_length(group.entries, seconds, dimension),
                    group.length()
                );
                // A word of an entry stands behind those of the tiles before, of the words before, of the codes before.
                for (place, word) in [(0, 0), (group.entries - 1, words as u32 - 1)] {
                    let within =
                        (place / 4) as u64 * 4 * words + u64::from(word) * 4 + u64::from(place % 4);
                    assert_eq!(
                        group.word_offset(place, word),
                        Some(group.tiles + 8 * within)
                    );
                }
                assert_eq!(group.word_offset(0, words as u32), None);
                assert_eq!(group.correction_offset(places as u32), None);
                assert_eq!(group.number_offset(0), group.numbers);
            }
            assert_eq!(groups.next(), None);
            assert_eq!(end, quant::list_length(own, second, dimension));
            assert_eq!(
                end.next_multiple_of(64),
                quant::padded_length(own, second, dimension)
            );
        }
    }
}

#[test]
fn a_list_is_written_as_the_text_says() {
    // 34 own entries of 2 words, and 3 second ones: a full group, and one of 5 entries in 2 tiles, 3 of them second.
    let codes: Vec<u64> = (0..37).flat_map(|entry| [entry, 1000 + entry]).collect();
    let corrections: Vec<u32> = (0..37).map(|entry| entry << 14).collect();
    let list = quant::write_list(100, &codes, &corrections, 50, &[7, 99, 3]).unwrap();
    let mut want: Vec<u8> = Vec::new();
    let word = |want: &mut Vec<u8>, word: u64| want.extend_from_slice(&word.to_le_bytes());
    for tile in 0..8 {
        (0..4).for_each(|i| word(&mut want, tile * 4 + i));
        (0..4).for_each(|i| word(&mut want, 1000 + tile * 4 + i));
    }
    (0..32_u32).for_each(|entry| want.extend_from_slice(&(entry << 14).to_le_bytes()));
    for w in [
        32, 33, 34, 35, 1032, 1033, 1034, 1035, 36, 0, 0, 0, 1036, 0, 0, 0,
    ] {
        word(&mut want, w);
    }
    (32..37_u32).for_each(|entry| want.extend_from_slice(&(entry << 14).to_le_bytes()));
    want.extend_from_slice(&[0; 12]);
    for number in [82_u32, 83, 7, 99, 3, 0, 0, 0] {
        want.extend_from_slice(&number.to_le_bytes());
    }
    assert_eq!(want.len() as u64, quant::list_length(34, 3, 100));
    want.resize(want.len().next_multiple_of(64), 0);
    assert_eq!(list, want);
    assert_eq!(quant::check_list(&list, 34, 3, 100, 0), Ok(()));

    let group = quant::group(34, 3, 100, 1).unwrap();
    let view = quant::GroupView::new(group, &list[group.tiles as usize..], 0).unwrap();
    assert!(view.numbers().eq([82, 83, 7, 99, 3]));
    assert!(view.corrections().eq((32..37).map(|entry| entry << 14)));
    assert!(view.words(3).eq([35, 1035]));
    assert!(view.words(5).eq([0, 0]));
    assert_eq!(view.words(8).count(), 0);
}

#[test]
fn a_group_of_parts_that_do_not_fit_is_not_written() {
    let rule = |length: usize, codes: usize, corrections: usize, numbers: Option<usize>| {
        let numbers = numbers.map(|count| vec![0; count]);
        let (codes, corrections) = (vec![0; codes], vec![0; corrections]);
        quant::write_group(
            &mut vec![0; length],
            65,
            &codes,
            &corrections,
            numbers.as_deref(),
        )
        .map_err(|error| error.rule())
    };
    assert_eq!(rule(64 + 16, 6, 3, None), Ok(()));
    assert_eq!(rule(64 + 32, 6, 3, Some(3)), Ok(()));
    for (length, codes, corrections, numbers) in [
        (64 + 12, 6, 3, None),
        (64 + 16, 5, 3, None),
        (64 + 16, 6, 3, Some(3)),
        (64 + 32, 6, 3, Some(2)),
        (0, 0, 0, None),
        (9 * (64 + 16), 66, 33, None),
    ] {
        assert_eq!(rule(length, codes, corrections, numbers), Err("R-QNT-1"));
    }
    let list = quant::write_list(64, &[0], &[0], 0, &[1, 2]);
    assert_eq!(
        list.unwrap_err().rule(),
        "R-QNT-1",
        "more second entries than entries"
    );
}

#[test]
fn strides_are_those_of_the_text() {
    for (dimension, i8, f16, f32) in [
        (1, 16, 8, 8),
        (2, 16, 8, 12),
        (3, 16, 12, 16),
        (384, 396, 772, 1540),
    ] {
        assert_eq!(vec::stride(VectorKind::I8, dimension), i8);
        assert_eq!(vec::stride(VectorKind::F16, dimension), f16);
        assert_eq!(vec::stride(VectorKind::F32, dimension), f32);
    }
    assert_eq!(
        vec::payload_length(VectorKind::F32, u32::MAX, 65_536),
        4_294_967_295 * 262_148
    );
    assert_eq!(index::payload_length(384, 1), 128 + 1536 + 32);
    assert_eq!(index::payload_length(3, 1), 192 + 32);
    // 3 entries, filled up to 128; a tile and its 4 words, filled up to 64; 3 records.
    assert_eq!(index::centroid_codes_offset(3, 3), 192 + 128);
    assert_eq!(index::centroid_records_offset(3, 3), 192 + 128 + 64);
    assert_eq!(index::payload_length(3, 3), 192 + 128 + 64 + 3 * 16);
    assert_eq!(quant::list_length(50_000, 0, 384), 50_000 * 52);
    assert_eq!(
        quant::list_length(64, 32, 384),
        2 * (256 * 6 + 128) + 256 * 6 + 256
    );
}

#[test]
fn a_segment_ends_on_the_next_multiple_of_64() {
    for length in 0..300_u64 {
        let end = (64 + length).next_multiple_of(64);
        assert_eq!(header::extent(length), Some(end));
        assert_eq!(64 + length + header::padding(length) as u64, end);
    }
    assert_eq!(header::extent(u64::MAX), None);
    assert_eq!(header::extent(u64::MAX - 127), Some(u64::MAX - 63));
}

#[test]
fn lengths_of_ids_are_those_of_real_payloads() {
    for rows in [1_u32, 63, 64, 65, 200] {
        let numbers: Vec<u64> = (0..rows.into()).collect();
        let length = ids::write_u64(&numbers).unwrap().len() as u64;
        assert_eq!(ids::payload_lengths(IdKind::U64, rows), (length, length));
        let long: Vec<String> = (0..rows).map(|row| format!("{row:0512}")).collect();
        let (least, most) = ids::payload_lengths(IdKind::Utf8, rows);
        assert_eq!(ids::write_utf8(&long).unwrap().len() as u64, most);
        let short: Vec<String> = (0..rows).map(|row| format!("{row}")).collect();
        let length = ids::write_utf8(&short).unwrap().len() as u64;
        assert!((least..=most).contains(&length));
        if rows == 1 {
            assert_eq!(length, least);
        }
    }
}

#[test]
fn a_correction_word_holds_the_upper_bits_of_two_floats() {
    for word in [0, 0x3F80_1FC0, 0xBF80_0001, u32::MAX, 0x8000_3FFF] {
        let found = quant::Correction::from_word(word);
        assert_eq!(found.word(), word);
        assert_eq!(found.beta.to_bits(), word / (1 << 14) * (1 << 14));
        assert_eq!(found.alpha.to_bits(), word % (1 << 14) * (1 << 17));
        assert!(found.alpha.is_sign_positive());
    }
    let one = quant::Correction {
        beta: 1.0,
        alpha: 1.0,
    };
    assert_eq!(quant::Correction::parse(one.word(), 0), Ok(one));
}
