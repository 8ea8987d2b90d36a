//! Bits that flip anywhere.
#![allow(clippy::unwrap_used, reason = "a test")]

use rvf_microkernel::{Backend, Mode};

use crate::naive::pack::pack_lists;
use crate::naive::search::Ask;
use crate::naive::{File, KINDS, METRICS};
use crate::support::{Question, Rng, plan};

fn flip(bytes: &mut [u8], rng: &mut Rng, times: usize) {
    for _ in 0..times {
        if !bytes.is_empty() {
            let at = rng.below(bytes.len());
            bytes[at] ^= 1 << rng.below(8);
        }
    }
}

#[test]
fn damaged_payloads_give_what_the_naive_search_gives_on_every_backend() {
    let mut rng = Rng::new(21);
    for round in 0..1_500 {
        let d = [1, 3, 64, 65, 100][round % 5];
        let kind = KINDS[round / 5 % 3];
        let lists = [1, 2, 5, 12][round / 15 % 4];
        let input = rng.clustered(110, d);
        let plan = plan(&mut rng, &input, lists);
        let mut file = pack_lists(&input, METRICS[round / 60 % 3], kind, 3, &plan);
        let times = 1 + rng.below(40);
        // The head decides how the rest is read; it has a test of its own.
        flip(&mut file.index[128..], &mut rng, times % 4);
        flip(&mut file.quant, &mut rng, times);
        flip(&mut file.vec_i8, &mut rng, times % 7);
        flip(&mut file.vec_float, &mut rng, times);
        let q: Vec<f32> = (0..d).map(|_| rng.normal()).collect();
        for mode in [Mode::Coded, Mode::Blocks] {
            let question = Question {
                file: &file,
                q: &q,
                ask: Ask {
                    probes: round % 4,
                    ..Ask::new(5)
                },
                mode,
            };
            question.damaged_agrees();
        }
    }
}

#[test]
fn every_flipped_bit_behind_the_head_of_an_index_gives_what_the_naive_search_gives() {
    let mut rng = Rng::new(25);
    let input = rng.clustered(90, 5);
    let plan = plan(&mut rng, &input, 6);
    let file = pack_lists(&input, 0, 0, 3, &plan);
    let q = rng.near(&input);
    for bit in 128 * 8..file.index.len() * 8 {
        let mut damaged = file.clone();
        damaged.index[bit / 8] ^= 1 << (bit % 8);
        for probes in [0, 2] {
            let question = Question {
                file: &damaged,
                q: &q,
                ask: Ask {
                    probes,
                    ..Ask::new(5)
                },
                mode: Mode::Coded,
            };
            question.damaged_agrees();
        }
    }
}

#[test]
fn every_flipped_bit_of_a_head_is_refused_or_read_as_another_sound_head() {
    let mut rng = Rng::new(2);
    let input = rng.clustered(40, 70);
    for lists in [1, 3] {
        let plan = plan(&mut rng, &input, lists);
        let file = pack_lists(&input, 2, 1, 3, &plan);
        let q = vec![0.5; 70];
        for bit in 0..128 * 8 {
            let mut damaged = file.clone();
            damaged.index[bit / 8] ^= 1 << (bit % 8);
            // A head that is still sound may ask for more than there is: then ranges are missing, which is an error.
            for mode in [Mode::Coded, Mode::Blocks] {
                let question = Question {
                    file: &damaged,
                    q: &q,
                    ask: Ask {
                        pool: 9,
                        ..Ask::new(3)
                    },
                    mode,
                };
                for backend in Backend::available() {
                    let _ = question.by(backend);
                }
                let _ = question.starved(100_000, 5, 2);
            }
        }
    }
}

#[test]
fn regions_that_end_too_early_are_an_error_or_not_needed() {
    let mut rng = Rng::new(4);
    let filter = rng.bitmap(90, 2);
    for kind in KINDS {
        for lists in [1, 4] {
            let input = rng.clustered(90, 40);
            let whole = pack_lists(&input, 0, kind, 3, &plan(&mut rng, &input, lists));
            let q = vec![0.25; 40];
            let cuts: [fn(&mut File, usize); 4] = [
                |file, at| {
                    file.index
                        .truncate(128 + (file.index.len() - 128) * at / 40)
                },
                |file, at| file.quant.truncate(file.quant.len() * at / 40),
                |file, at| file.vec_i8.truncate(file.vec_i8.len() * at / 40),
                |file, at| file.vec_float.truncate(file.vec_float.len() * at / 40),
            ];
            for mode in [Mode::Coded, Mode::Blocks] {
                for cut in cuts {
                    for at in 0..40 {
                        let mut file = whole.clone();
                        cut(&mut file, at);
                        let mut question = Question {
                            file: &file,
                            q: &q,
                            ask: Ask {
                                slack: 4.0,
                                filter: Some(&filter),
                                ..Ask::new(90)
                            },
                            mode,
                        };
                        question.damaged_agrees();
                        question.ask.filter = Some(&filter[..3]);
                        assert!(
                            mode == Mode::Blocks || question.by(Backend::best()).is_err(),
                            "a bitmap that is too short was read"
                        );
                    }
                }
            }
        }
    }
}
