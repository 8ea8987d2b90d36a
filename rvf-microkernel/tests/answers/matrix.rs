//! Every metric, kind, number of lists and way to ask, over dimensions around those at which the code changes.

use rvf_microkernel::Mode;

use crate::naive::pack::pack_lists;
use crate::naive::search::Ask;
use crate::naive::{KINDS, METRICS};
use crate::support::{Question, Rng, plan};

const LISTS: [usize; 4] = [1, 2, 7, 40];

/// k, probes, slack, pool.
const CASES: [(usize, usize, f32, usize); 8] = [
    (1, 0, 0.0, 1),
    (10, 1, 1.0, 30),
    (100, 3, 3.0, 100),
    (2000, 0, 2.0, 2000),
    (5, 3, 16.0, 50),
    (10, 40, 1.5, 10),
    (1, 1, 16.0, 1),
    (20, 6, 0.5, 700),
];

fn agree(d: usize) {
    let mut rng = Rng::new(d as u64);
    let rows = if d > 300 { 300 } else { 1200 };
    let input = rng.clustered(rows, d);
    // Most rows, and a few.
    let filters = [rng.bitmap(rows, 3), rng.rare(rows, 20)];
    for lists in LISTS {
        let plan = plan(&mut rng, &input, lists);
        for metric in METRICS {
            for kind in KINDS {
                let file = pack_lists(&input, metric, kind, rng.next(), &plan);
                for (case, &(k, probes, slack, pool)) in CASES.iter().enumerate() {
                    let q = rng.near(&input);
                    let ask = Ask {
                        k,
                        probes,
                        slack,
                        pool: if kind == 0 { k } else { pool },
                        filter: (case % 2 == 1).then_some(&filters[case / 2 % 2][..]),
                    };
                    for mode in [Mode::Coded, Mode::Blocks] {
                        let question = Question {
                            file: &file,
                            q: &q,
                            ask: ask.clone(),
                            mode,
                        };
                        question.backends_agree();
                        question.starved_agrees();
                    }
                }
            }
        }
    }
}

#[test]
fn small_dimensions_answer_like_the_naive_search() {
    [1, 2, 3, 7].into_iter().for_each(agree);
}

#[test]
fn dimensions_around_a_word_answer_like_the_naive_search() {
    [63, 64, 65].into_iter().for_each(agree);
}

#[test]
fn dimensions_of_a_few_words_answer_like_the_naive_search() {
    [100, 128, 200].into_iter().for_each(agree);
}

#[test]
fn large_dimensions_answer_like_the_naive_search() {
    [384, 449, 768, 1000].into_iter().for_each(agree);
}
