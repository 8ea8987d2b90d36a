//! What a search asks for, and what it makes of what it is given: K-ABI-1 to K-ABI-4.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use proptest::prelude::*;
use rvf_microkernel::{
    Backend, Data, Error, Index, Mode, Need, Params, Query, Region, Regions, Step, state_len,
};

use crate::naive::pack::pack_lists;
use crate::naive::search::{Ask, visited};
use crate::naive::{File, u32_at};
use crate::support::{Question, Rng, least_window, mean, params, plan, regions, run_watched};

/// All that a search asks for, with small windows.
fn needs(question: &Question<'_>, feed: usize) -> Vec<Need> {
    let mut all = Vec::new();
    let params = Params {
        window: least_window(question.file, &question.ask),
        max_needs: 16,
        ..question.params()
    };
    run_watched(
        question.file,
        question.q,
        params,
        Backend::best(),
        &question.ask,
        feed,
        &mut |needs| all.extend_from_slice(needs),
    )
    .unwrap();
    all
}

fn file(rng: &mut Rng, rows: usize, d: usize, kind: u8, lists: usize) -> (File, Vec<f32>) {
    let input = rng.clustered(rows, d);
    let plan = plan(rng, &input, lists);
    let q = rng.near(&input);
    (pack_lists(&input, 0, kind, 5, &plan), q)
}

#[test]
fn coded_search_asks_for_the_groups_of_the_visited_lists_alone() {
    let mut rng = Rng::new(47);
    let (file, q) = file(&mut rng, 700, 30, 2, 11);
    // Where the directory stands, and from where to where a list goes.
    let directory = (128_usize + 4 * 30).next_multiple_of(64);
    let start = |l: usize| u32_at(&file.index, directory + 32 * l) as usize;
    let end = |l: usize| {
        if l + 1 < 11 {
            start(l + 1)
        } else {
            file.quant.len()
        }
    };
    for probes in [1, 2, 5, 0] {
        let question = Question {
            file: &file,
            q: &q,
            ask: Ask {
                probes,
                ..Ask::new(5)
            },
            mode: Mode::Coded,
        };
        let lists = visited(&file, &q, &question.ask).unwrap();
        for need in needs(&question, 2) {
            let inside = |&l: &usize| {
                start(l) <= need.offset as usize
                    && need.offset as usize + need.len as usize <= end(l)
            };
            assert!(
                need.region != Region::Quant || probes == 0 || lists.iter().any(inside),
                "{need:?}, visited: {lists:?}"
            );
        }
    }
}

/// Gives the filter, and what leads to the first group.
struct Filter<'a>(Regions<'a>);

impl<'a> Data<'a> for Filter<'a> {
    fn get(&mut self, region: Region, offset: u64, len: u32) -> Option<&'a [u8]> {
        match region {
            Region::Filter | Region::Index => self.0.get(region, offset, len),
            _ => None,
        }
    }
}

#[test]
fn a_filter_without_the_range_behind_it_brings_the_same_needs_again() {
    let mut rng = Rng::new(53);
    for lists in [1, 4] {
        let (file, q) = file(&mut rng, 200, 20, 0, lists);
        let filter = rng.bitmap(200, 2);
        let ask = Ask {
            filter: Some(&filter),
            ..Ask::new(5)
        };
        let params = params(&ask, Mode::Coded);
        let index = Index::parse(&file.index).unwrap();
        let mut memory = vec![0; state_len(&index, &params).unwrap()];
        let mut query = Query::begin(
            &index,
            mean(&file),
            &params,
            &q,
            Backend::best(),
            &mut memory,
        )
        .unwrap();
        let mut data = Filter(regions(&file, &ask));
        let mut before = Vec::new();
        for round in 0..4 {
            let Step::Needs(_) = query.step(&mut data).unwrap() else {
                panic!("done without data");
            };
            assert!(round == 0 || before == query.needs());
            before = query.needs().to_vec();
        }
    }
}

#[test]
fn a_window_below_a_group_or_the_filter_is_refused() {
    let mut rng = Rng::new(59);
    for (rows, d, lists) in [(300, 1, 1), (300, 65, 3), (9_000, 2, 5)] {
        let (file, _) = file(&mut rng, rows, d, 2, lists);
        let filter = rng.bitmap(rows, 2);
        let index = Index::parse(&file.index).unwrap();
        let plain = Ask::new(3);
        let filtered = Ask {
            filter: Some(&filter),
            ..Ask::new(3)
        };
        for ask in [&plain, &filtered] {
            for mode in [Mode::Coded, Mode::Blocks] {
                let least = least_window(&file, ask);
                let with = |window: u32| Params {
                    window,
                    ..params(ask, mode)
                };
                assert_eq!(with(least).check(&index), Ok(()));
                assert_eq!(with(least - 1).check(&index), Err(Error::Window));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_window_and_what_is_fed_do_not_change_the_answer(
        seed in any::<u64>(),
        rows in 1_usize..400,
        lists in 1_usize..30,
        d in 1_usize..130,
        k in 1_usize..40,
        probes in 0_usize..10,
        wide in 0_u32..5_000,
        max_needs in 4_u32..40,
        feed in 1_usize..40,
        kind in 0_u8..3,
        metric in 0_u8..3,
        filtered in any::<bool>(),
    ) {
        let mut rng = Rng::new(seed);
        let input = rng.clustered(rows, d);
        let plan = plan(&mut rng, &input, lists.min(rows));
        let file = pack_lists(&input, metric, kind, seed, &plan);
        let q = rng.near(&input);
        let filter = rng.bitmap(rows, 3);
        let question = Question {
            file: &file,
            q: &q,
            ask: Ask {
                probes,
                pool: if kind == 0 { k } else { 2 * k },
                filter: filtered.then_some(&filter[..]),
                ..Ask::new(k)
            },
            mode: Mode::Coded,
        };
        let expected = question.expected();
        prop_assert!(expected.is_ok());
        prop_assert_eq!(question.by(Backend::best()), expected.clone());
        let window = least_window(&file, &question.ask) + wide;
        prop_assert_eq!(question.starved(window, max_needs, feed), expected);
    }
}
