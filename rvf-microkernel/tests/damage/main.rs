//! Bytes from outside never make the kernel panic, hang or read past their end. Every read is held against what was
//! checked by debug assertions, which are on in tests.

mod naive;
mod support;

use naive::pack::pack;
use naive::search::Ask;
use naive::{File, KINDS, METRICS};
use proptest::prelude::*;
use rvf_microkernel::{
    Backend, Error, Index, Mode, Params, Query, Region, Regions, Step, state_len,
};
use support::{Rng, bits, regions, run, run_starved};

fn params(k: u32, pool: u32, mode: Mode, ask: &Ask<'_>) -> Params {
    Params {
        mode,
        pool,
        filter: ask.filter.is_some(),
        deletes: ask.deletes.is_some(),
        ..Params::new(k)
    }
}

fn flip(bytes: &mut [u8], rng: &mut Rng, times: usize) {
    for _ in 0..times {
        if !bytes.is_empty() {
            let at = rng.below(bytes.len());
            bytes[at] ^= 1 << rng.below(8);
        }
    }
}

#[test]
fn damaged_payloads_give_an_error_or_the_same_hits_on_every_backend() {
    let mut rng = Rng::new(21);
    for round in 0..600 {
        let d = [1, 3, 64, 65, 100][round % 5];
        let kind = KINDS[round / 5 % 3];
        let mut file = pack(&rng.clustered(70, d), METRICS[round / 15 % 3], kind, 3);
        let times = 1 + rng.below(40);
        // The head decides how the rest is read; it has a test of its own.
        flip(&mut file.index[128..], &mut rng, times % 2);
        flip(&mut file.quant, &mut rng, times);
        flip(&mut file.vec_i8, &mut rng, times % 7);
        flip(&mut file.vec_float, &mut rng, times);
        let q: Vec<f32> = (0..d).map(|_| rng.normal()).collect();
        let ask = Ask {
            k: 5,
            slack: 1.0,
            pool: 5,
            filter: None,
            deletes: None,
        };
        for mode in [Mode::Coded, Mode::Exact] {
            let params = params(5, 5, mode, &ask);
            let answers: Vec<_> = Backend::available()
                .map(|backend| {
                    run(&file, &q, params, backend, &mut regions(&file, &ask))
                        .map(|(hits, stats)| (bits(&hits), stats))
                })
                .collect();
            assert!(
                answers.windows(2).all(|pair| pair[0] == pair[1]),
                "round {round} {mode:?}: {answers:?}"
            );
            assert!(
                answers[0]
                    .as_ref()
                    .err()
                    .is_none_or(|error| *error == Error::BadData)
            );
        }
    }
}

#[test]
fn every_flipped_bit_of_a_head_is_refused_or_read_as_another_sound_head() {
    let file = pack(&Rng::new(2).clustered(40, 70), 2, 1, 3);
    let q = vec![0.5; 70];
    let ask = Ask {
        k: 3,
        slack: 1.0,
        pool: 9,
        filter: None,
        deletes: None,
    };
    for bit in 0..128 * 8 {
        let mut damaged = file.clone();
        damaged.index[bit / 8] ^= 1 << (bit % 8);
        // A head that is still sound may ask for more than there is: then ranges are missing, which is an error here.
        for mode in [Mode::Coded, Mode::Exact] {
            let params = params(3, 9, mode, &ask);
            let _ = run(
                &damaged,
                &q,
                params,
                Backend::best(),
                &mut regions(&damaged, &ask),
            );
        }
    }
}

#[test]
fn regions_that_end_too_early_are_an_error_or_not_needed() {
    let mut rng = Rng::new(4);
    let filter = rng.bitmap(90, 2);
    for kind in KINDS {
        let whole = pack(&rng.clustered(90, 40), 0, kind, 3);
        let q = vec![0.25; 40];
        for mode in [Mode::Coded, Mode::Exact] {
            let cut: [fn(&mut File); 4] = [
                |file| file.index.truncate(file.index.len() - 1),
                |file| file.quant.truncate(file.quant.len() - 1),
                |file| drop(file.vec_i8.drain(..20)),
                |file| file.vec_float.truncate(10),
            ];
            for cut in cut {
                let mut file = whole.clone();
                cut(&mut file);
                let ask = Ask {
                    k: 90,
                    slack: 4.0,
                    pool: 90,
                    filter: Some(&filter),
                    deletes: None,
                };
                let _ = run(
                    &file,
                    &q,
                    params(90, 90, mode, &ask),
                    Backend::best(),
                    &mut regions(&file, &ask),
                );
                let short = Ask {
                    filter: Some(&filter[..3]),
                    ..ask
                };
                let answer = run(
                    &file,
                    &q,
                    params(90, 90, mode, &short),
                    Backend::best(),
                    &mut regions(&file, &short),
                );
                assert!(answer.is_err(), "a bitmap that is too short was read");
            }
        }
    }
}

#[test]
fn a_row_that_is_not_the_records_number_is_bad_data() {
    for kind in KINDS {
        let mut file = pack(&Rng::new(6).clustered(50, 16), 0, kind, 3);
        for at in (0..file.vec_i8.len()).step_by(12 + 16) {
            file.vec_i8[at..at + 4].copy_from_slice(&50_u32.to_le_bytes());
        }
        let ask = Ask {
            k: 5,
            slack: 1.0,
            pool: 5,
            filter: None,
            deletes: None,
        };
        let answer = run(
            &file,
            &[0.0; 16],
            params(5, 5, Mode::Coded, &ask),
            Backend::best(),
            &mut regions(&file, &ask),
        );
        assert_eq!(answer.err(), Some(Error::BadData));
    }
}

#[test]
fn a_mean_that_is_not_finite_is_bad_data() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut file = pack(&Rng::new(6).clustered(50, 16), 0, 0, 3);
        file.index[128 + 20..][..4].copy_from_slice(&value.to_le_bytes());
        let ask = Ask {
            k: 5,
            slack: 1.0,
            pool: 5,
            filter: None,
            deletes: None,
        };
        let answer = run(
            &file,
            &[0.0; 16],
            params(5, 5, Mode::Coded, &ask),
            Backend::best(),
            &mut regions(&file, &ask),
        );
        assert_eq!(answer.err(), Some(Error::BadData));
    }
}

#[test]
fn a_query_that_breaks_the_rules_is_refused() {
    let file = pack(&Rng::new(6).clustered(50, 16), 2, 0, 3);
    let index = Index::parse(&file.index).unwrap();
    let params = Params::new(3);
    let words = state_len(&index, &params).unwrap();
    let mut memory = vec![0; words];
    let mut begin = |vector: &[f32], words: usize| {
        Query::begin(
            &index,
            &params,
            vector,
            Backend::best(),
            &mut memory[..words],
        )
        .err()
    };
    assert_eq!(begin(&[1.0; 16], words), None);
    assert_eq!(begin(&[1.0; 16], words - 1), Some(Error::SmallBuffer));
    assert_eq!(begin(&[1.0; 15], words), Some(Error::BadQuery));
    assert_eq!(begin(&[f32::NAN; 16], words), Some(Error::BadQuery));
    assert_eq!(begin(&[2e15; 16], words), Some(Error::BadQuery));
    assert_eq!(begin(&[0.0; 16], words), Some(Error::BadQuery));
}

#[test]
fn nothing_at_hand_asks_for_the_head_and_hits_are_not_there_yet() {
    let file = pack(&Rng::new(6).clustered(50, 16), 0, 0, 3);
    let index = Index::parse(&file.index).unwrap();
    let params = Params::new(3);
    let mut memory = vec![0; state_len(&index, &params).unwrap()];
    let mut query =
        Query::begin(&index, &params, &[1.0; 16], Backend::best(), &mut memory).unwrap();
    for _ in 0..3 {
        assert_eq!(query.step(&mut Regions::default()), Ok(Step::Needs(1)));
        assert_eq!(query.needs()[0].region, Region::Index);
        assert_eq!(query.results(&mut []), Err(Error::State));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_head_is_refused_or_gives_lengths_that_fit(head in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Index::parse(&head).is_err());
    }

    #[test]
    fn the_window_and_what_is_fed_do_not_change_the_answer(
        seed in any::<u64>(),
        rows in 1_usize..400,
        d in 1_usize..130,
        k in 1_usize..40,
        wide in 0_u32..5_000,
        max_needs in 4_u32..40,
        feed in 1_usize..40,
        exact in any::<bool>(),
        kind in 0_u8..3,
        metric in 0_u8..3,
        bitmaps in 0_u8..4,
    ) {
        let mut rng = Rng::new(seed);
        let input = rng.clustered(rows, d);
        let file = pack(&input, metric, kind, seed);
        let q = rng.near(&input);
        let (filter, deletes) = (rng.bitmap(rows, 3), rng.bitmap(rows, 2));
        let pool = if kind == 0 { k } else { 2 * k };
        let ask = Ask {
            k,
            slack: 1.0,
            pool,
            filter: (bitmaps & 1 == 1).then_some(&filter[..]),
            deletes: (bitmaps & 2 == 2).then_some(&deletes[..]),
        };
        let mode = if exact { Mode::Exact } else { Mode::Coded };
        let params = params(k as u32, pool as u32, mode, &ask);
        let expected = run(&file, &q, params, Backend::best(), &mut regions(&file, &ask)).unwrap();
        let window = 32 * (8 * d.div_ceil(64) as u32 + 4) + wide;
        let starved = Params { window, max_needs, ..params };
        let found = run_starved(&file, &q, starved, Backend::best(), &ask, feed).unwrap();
        prop_assert_eq!(bits(&found.0), bits(&expected.0));
        prop_assert_eq!(found.1, expected.1);
    }
}
