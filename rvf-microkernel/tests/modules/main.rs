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

#[test]
fn modules_hold_no_data_no_start_function_and_no_path_to_a_panic() {
    for build in BUILDS {
        let bytes = prebuilt(build);
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
                    for (i, operator) in operators.iter().enumerate() {
                        if !matches!(operator, Operator::Unreachable) {
                            continue;
                        }
                        // The arm of a `match` that a loop's condition rules out stands right behind the jump table;
                        // a panic is branched to, or called.
                        let before = operators[..i]
                            .iter()
                            .rev()
                            .find(|operator| !matches!(operator, Operator::End));
                        assert!(
                            matches!(before, Some(Operator::BrTable { .. })),
                            "{build} has a path that ends in a panic, behind {before:?}"
                        );
                    }
                }
                _ => {}
            }
        }
    }
}
