//! Bytes from outside never make the kernel panic, hang or read past their end. Every read is held against what was
//! checked by debug assertions, which are on in tests.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../naive/mod.rs"]
mod naive;
#[path = "../support/mod.rs"]
mod support;

mod bad_data;
mod flips;

use naive::pack::pack;
use naive::search::Ask;
use proptest::prelude::*;
use rvf_microkernel::{Backend, Error, Index, Params, Query, Region, Regions, Step, state_len};
use support::{Rng, mean};

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
            mean(&file),
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
    for bad in [f32::NAN, f32::NEG_INFINITY, 2e15] {
        for place in [0, 7, 15] {
            let mut vector = [1.0; 16];
            vector[place] = bad;
            assert_eq!(begin(&vector, words), Some(Error::BadQuery), "{bad}");
        }
    }
}

#[test]
fn a_bad_query_is_told_of_before_a_bad_mean() {
    let file = pack(&Rng::new(6).clustered(50, 16), 2, 0, 3);
    let index = Index::parse(&file.index).unwrap();
    let params = Params::new(3);
    let mut memory = vec![0; state_len(&index, &params).unwrap()];
    let mean: Vec<u8> = f32::NAN.to_le_bytes().repeat(16);
    let mut begin = |vector: &[f32; 16]| {
        Query::begin(&index, &mean, &params, vector, Backend::best(), &mut memory).err()
    };
    let mut nan = [1.0; 16];
    nan[15] = f32::NAN;
    for bad in [nan, [0.0; 16]] {
        assert_eq!(begin(&bad), Some(Error::BadQuery));
    }
    assert_eq!(begin(&[1.0; 16]), Some(Error::BadData));
}

#[test]
fn parameters_out_of_range_are_refused_in_each_mode() {
    let file = pack(&Rng::new(6).clustered(50, 16), 2, 1, 3);
    let index = Index::parse(&file.index).unwrap();
    for probes in [0, 1, 50, 65_536] {
        let params = Params {
            probes,
            ..support::params(&Ask::new(3), rvf_microkernel::Mode::Blocks)
        };
        assert_eq!(params.check(&index), Ok(()));
    }
    for mode in [
        rvf_microkernel::Mode::Coded,
        rvf_microkernel::Mode::Blocks,
        rvf_microkernel::Mode::Blocks,
    ] {
        let params = Params {
            mode,
            probes: 65_537,
            ..Params::new(3)
        };
        assert_eq!(params.check(&index), Err(Error::BadParam), "{mode:?}");
    }
}

#[test]
fn nothing_at_hand_asks_for_the_first_codes_and_hits_are_not_there_yet() {
    for lists in [1, 4] {
        let mut rng = Rng::new(6);
        let input = rng.clustered(50, 16);
        let plan = support::plan(&mut rng, &input, lists);
        let file = naive::pack::pack_lists(&input, 0, 0, 3, &plan);
        let index = Index::parse(&file.index).unwrap();
        let params = Params::new(3);
        let mut memory = vec![0; state_len(&index, &params).unwrap()];
        let mut query = Query::begin(
            &index,
            mean(&file),
            &params,
            &[1.0; 16],
            Backend::best(),
            &mut memory,
        )
        .unwrap();
        for _ in 0..3 {
            let step = query.step(&mut Regions::default()).unwrap();
            assert!(matches!(step, Step::Needs(1..)));
            let first = if lists == 1 {
                Region::Quant
            } else {
                Region::Index
            };
            assert_eq!(query.needs()[0].region, first);
            assert_eq!(query.results(&mut []), Err(Error::State));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_head_is_refused_or_gives_lengths_that_fit(head in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Index::parse(&head).is_err());
    }
}
