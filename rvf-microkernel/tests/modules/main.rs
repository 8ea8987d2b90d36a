//! The wasm modules give the same answers as the naive search, bit for bit, and keep the rules of kernel.md, section 7.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "../module/mod.rs"]
mod module;
#[path = "../naive/mod.rs"]
mod naive;
#[path = "../support/mod.rs"]
mod support;

mod agreement;
mod blocks;
mod refusals;

use module::{BUILDS, prebuilt};
use wasmparser::Operator;

/// A block of a function that is open.
struct Frame {
    is_loop: bool,
    is_if: bool,
    /// Is its start reached?
    entered: bool,
    /// Is its end reached by a branch?
    targeted: bool,
    /// Is its end reached by a jump table?
    tabled: bool,
}

/// Where a function has an `unreachable` that is reached, as far as the flow of control tells, and how many are reached only
/// by a jump table: such is the arm of a `match` that something before it rules out.
fn panics(operators: &[Operator<'_>]) -> (Vec<usize>, usize) {
    let (mut found, mut excused) = (Vec::new(), 0);
    let mut frames = vec![Frame {
        is_loop: false,
        is_if: false,
        entered: true,
        targeted: false,
        tabled: false,
    }];
    let mut live = true;
    // Only by a jump table is this place reached.
    let mut by_table = false;
    for (i, operator) in operators.iter().enumerate() {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                frames.push(Frame {
                    is_loop: matches!(operator, Operator::Loop { .. }),
                    is_if: matches!(operator, Operator::If { .. }),
                    entered: live,
                    targeted: false,
                    tabled: false,
                });
            }
            Operator::Else => {
                let frame = frames.last_mut().unwrap();
                frame.targeted |= live;
                frame.is_if = false;
                live = frame.entered;
            }
            Operator::End => {
                let frame = frames.pop().unwrap();
                let otherwise = live && !by_table
                    || frame.is_if && frame.entered
                    || frame.targeted && !frame.is_loop;
                by_table = !otherwise && (live || frame.tabled);
                live = otherwise || by_table;
                continue;
            }
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                branch(&mut frames, *relative_depth, live);
                live &= matches!(operator, Operator::BrIf { .. });
            }
            Operator::BrTable { targets } => {
                for depth in targets
                    .targets()
                    .map(Result::unwrap)
                    .chain([targets.default()])
                {
                    let at = frames.len() - 1 - depth as usize;
                    frames[at].tabled |= live && !frames[at].is_loop;
                }
                live = false;
            }
            Operator::Return => live = false,
            Operator::Unreachable => {
                let before = operators[..i]
                    .iter()
                    .rev()
                    .find(|operator| !matches!(operator, Operator::End));
                if by_table || matches!(before, Some(Operator::BrTable { .. })) {
                    excused += 1;
                } else if live {
                    found.push(i);
                }
                live = false;
            }
            _ => {}
        }
        by_table = false;
    }
    (found, excused)
}

fn branch(frames: &mut [Frame], depth: u32, live: bool) {
    let at = frames.len() - 1 - depth as usize;
    frames[at].targeted |= live;
}

#[test]
fn modules_hold_no_data_no_start_function_and_no_path_to_a_panic() {
    for build in BUILDS {
        let bytes = prebuilt(build);
        let mut arms = 0;
        for payload in wasmparser::Parser::new(0).parse_all(&bytes) {
            match payload.unwrap() {
                wasmparser::Payload::DataSection(_) => {
                    panic!("{build} holds data: the text of a panic?")
                }
                wasmparser::Payload::StartSection { .. } => panic!("{build} has a start function"),
                wasmparser::Payload::ImportSection(_) => panic!("{build} imports"),
                wasmparser::Payload::CustomSection(_) => panic!("{build} has a custom section"),
                wasmparser::Payload::CodeSectionEntry(body) => {
                    let operators: Vec<_> = body
                        .get_operators_reader()
                        .unwrap()
                        .into_iter()
                        .map(Result::unwrap)
                        .collect();
                    let (panics, excused) = panics(&operators);
                    arms += excused;
                    if let Some(&i) = panics.first() {
                        panic!(
                            "{build} has a path that ends in a panic, behind {:?}",
                            &operators[i.saturating_sub(4)..i]
                        );
                    }
                }
                _ => {}
            }
        }
        // The arms of the phases that `end_phase` never meets, and what no phase is. Look at the source before this grows.
        assert!(arms <= 2, "{build} has {arms} arms that end in a panic");
    }
}
