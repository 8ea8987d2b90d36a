//! However long a module runs, the host's own stack does not grow.
//!
//! wasmi's fast dispatch goes from one instruction to the next by tail calls. Rust does not promise them: they are
//! what LLVM makes of an optimised build. Where one is missing, a long loop over that instruction would overflow the
//! stack and end the process. So each sort of instruction is run many times on a thread with a small stack, in
//! whatever profile the tests are built with.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod common;

use common::Spec;
use rvf_host::{Build, Effort, Engine, Fuel, Limits, OpenOptions, Query};
use rvf_pack::{Metric, Module};
use rvf_types::Role;

const TURNS: u32 = 100_000;
/// Enough for opening a file and for one run, not for 100,000 frames.
const STACK: usize = 1 << 20;

const HEAD: &str = r#"(module
    (memory (export "memory") 2)
    (global (export "__heap_base") i32 (i32.const 65536))
    (table $t 8 funcref)
    (elem (i32.const 0) $one $two)
    (type $unary (func (param i32) (result i32)))
    (global $i (mut i32) (i32.const 0))
    (global $l (mut i64) (i64.const 0))
    (global $f (mut f32) (f32.const 0))
    (global $d (mut f64) (f64.const 0))
    (func $one (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
    (func $two (param i32) (result i32) (return_call $one (local.get 0)))
    (func $pair (param i32) (result i32 i32) (local.get 0) (local.get 0))
    (func $three (param i32) (result i32) (return_call_indirect (type $unary) (local.get 0) (i32.const 1)))
    (func (export "rvf_abi") (result i32) i32.const 0x20002)
    (func (export "rvf_caps") (result i32) i32.const 0x20FFE)
    (func (export "rvf_open") (param i32 i32 i32 i32) (result i32) i32.const 0)
    (func (export "rvf_resident") (param i32 i32 i32 i32) (result i32) i32.const 0)
    (func (export "rvf_size") (param i32 i32) (result i32) i32.const 16)
    (func (export "rvf_begin") (param i32 i32 i32 i32 i32) (result i32) i32.const 0)
    (func (export "rvf_needs") (param i32) (result i32) i32.const 0)
    (func (export "rvf_feed") (param i32 i32 i32) (result i32) i32.const 0)
    (func (export "rvf_results") (param i32 i32 i32) (result i32) i32.const 0)
    (func (export "rvf_stats") (param i32 i32) (result i32) i32.const 0)
    (func (export "rvf_block") (param i32 i32 i32) (result i32) i32.const 0)
"#;

/// A module whose step runs `body` again and again.
fn module(body: &str) -> Vec<u8> {
    let step = format!(
        r#"(func (export "rvf_step") (param $p i32) (result i32)
            (local $n i32) (local $a i32) (local $b i32) (local $x i64) (local $y i64)
            (local $s f32) (local $t f32) (local $u f64) (local $w f64) (local $v v128) (local $z v128)
            (local.set $a (i32.const 77)) (local.set $b (i32.const 5))
            (local.set $x (i64.const 77)) (local.set $y (i64.const 5))
            (local.set $s (f32.const 1.5)) (local.set $t (f32.const 0.5))
            (local.set $u (f64.const 1.5)) (local.set $w (f64.const 0.5))
            (loop $again
                {body}
                (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {TURNS}))))
            (i32.const 0)))"#
    );
    wat::parse_str(format!("{HEAD}{step}")).unwrap_or_else(|error| panic!("{body}: {error}"))
}

fn run(body: &str) {
    let modules = vec![Module::new(Role::Microkernel, 0, module(body))];
    let spec = Spec::new(1, 1).metric(Metric::L2).modules(modules);
    let options = OpenOptions::new()
        .engine(Engine::Wasmi { build: Build::Best })
        .limits(Limits::server().fuel(Fuel::PerQuery(1_000_000_000)));
    let file = spec.pack();
    let thread = std::thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || {
            let reader = common::open(file, &options);
            let answer = reader
                .search(&Query::vector(&[1.0]).effort(Effort::Slack(1.0)))
                .unwrap();
            assert!(answer.stats.fuel.unwrap() > u64::from(TURNS));
        });
    if thread.unwrap().join().is_err() {
        panic!("{body}");
    }
}

fn run_all(bodies: impl IntoIterator<Item = String>) {
    // Several in one loop: what one of them does to the stack, all do.
    let bodies: Vec<String> = bodies.into_iter().collect();
    bodies.chunks(12).for_each(|bodies| run(&bodies.join("\n")));
}

/// The locals of a type.
fn locals(ty: &str) -> [&'static str; 2] {
    match ty {
        "i32" => ["$a", "$b"],
        "i64" => ["$x", "$y"],
        "f32" => ["$s", "$t"],
        "f64" => ["$u", "$w"],
        _ => ["$v", "$z"],
    }
}

fn names(list: &str) -> impl Iterator<Item = String> + '_ {
    list.split_whitespace().map(str::to_owned)
}

#[test]
fn numbers_do_not_grow_the_stack() {
    let mut bodies = Vec::new();
    let mut binary = |ty: &str, result: &str, list: &str| {
        let [a, b] = locals(ty);
        for name in names(list) {
            bodies.push(format!(
                "(drop ({ty}.{name} (local.get {a}) (local.get {b})))"
            ));
            let constant = "7";
            bodies.push(format!(
                "(drop ({ty}.{name} (local.get {a}) ({ty}.const {constant})))"
            ));
            if result == ty {
                bodies.push(format!(
                    "(local.set {a} ({ty}.{name} (local.get {a}) (local.get {b})))"
                ));
            } else {
                // Compare and branch is one instruction of wasmi.
                bodies.push(format!(
                    "(block (br_if 0 ({ty}.{name} (local.get {a}) (local.get {b}))))"
                ));
                bodies.push(format!("(drop (select (local.get $x) (local.get $y) ({ty}.{name} (local.get {a}) (local.get {b}))))"));
            }
        }
    };
    for ty in ["i32", "i64"] {
        binary(
            ty,
            ty,
            "add sub mul and or xor shl shr_s shr_u rotl rotr div_u div_s rem_u rem_s",
        );
        binary(ty, "i32", "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u");
    }
    for ty in ["f32", "f64"] {
        binary(ty, ty, "add sub mul div min max copysign");
        binary(ty, "i32", "eq ne lt gt le ge");
    }
    for (ty, list) in [
        ("i32", "clz ctz popcnt eqz extend8_s extend16_s"),
        ("i64", "clz ctz popcnt eqz extend8_s extend16_s extend32_s"),
        ("f32", "abs neg ceil floor trunc nearest sqrt"),
        ("f64", "abs neg ceil floor trunc nearest sqrt"),
    ] {
        let [a, _] = locals(ty);
        bodies.extend(names(list).map(|name| format!("(drop ({ty}.{name} (local.get {a})))")));
    }
    for name in names(
        "i32.wrap_i64 i64.extend_i32_s i64.extend_i32_u i32.trunc_f32_s i32.trunc_f64_u i64.trunc_f32_u i64.trunc_f64_s
         i32.trunc_sat_f32_s i32.trunc_sat_f64_u i64.trunc_sat_f32_u i64.trunc_sat_f64_s f32.convert_i32_s
         f32.convert_i64_u f64.convert_i32_u f64.convert_i64_s f32.demote_f64 f64.promote_f32 i32.reinterpret_f32
         i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64",
    ) {
        let from = name.split('_').find(|part| ["i32", "i64", "f32", "f64"].contains(part)).unwrap().to_owned();
        bodies.push(format!("(drop ({name} (local.get {})))", locals(&from)[0]));
    }
    // Dividing by a local that a chain of them has made 0 would trap.
    let reset = "(local.set $a (i32.const 77)) (local.set $x (i64.const 77)) (local.set $s (f32.const 1.5)) (local.set $u (f64.const 1.5))";
    run_all(bodies.into_iter().map(|body| format!("{body} {reset}")));
}

#[test]
fn memory_and_tables_do_not_grow_the_stack() {
    let mut bodies: Vec<String> = Vec::new();
    for (ty, loads, stores) in [
        (
            "i32",
            "load load8_s load8_u load16_s load16_u",
            "store store8 store16",
        ),
        (
            "i64",
            "load load8_s load8_u load16_s load16_u load32_s load32_u",
            "store store8 store16 store32",
        ),
        ("f32", "load", "store"),
        ("f64", "load", "store"),
    ] {
        let [a, _] = locals(ty);
        for name in names(loads) {
            bodies.push(format!("(drop ({ty}.{name} offset=100 (local.get $b)))"));
            bodies.push(format!("(local.set {a} ({ty}.{name} (i32.const 200)))"));
        }
        for name in names(stores) {
            bodies.push(format!(
                "({ty}.{name} offset=100 (local.get $b) (local.get {a}))"
            ));
            bodies.push(format!("({ty}.{name} (i32.const 300) ({ty}.const 1))"));
        }
    }
    bodies.extend(
        [
            "(drop (memory.size))",
            "(drop (memory.grow (i32.const 0)))",
            "(memory.fill (i32.const 400) (i32.const 1) (i32.const 3))",
            "(memory.copy (i32.const 400) (i32.const 500) (i32.const 3))",
            "(drop (table.size $t))",
            "(drop (table.grow $t (ref.null func) (i32.const 0)))",
            "(table.set $t (i32.const 4) (table.get $t (i32.const 0)))",
            "(table.fill $t (i32.const 5) (ref.null func) (i32.const 1))",
            "(table.copy $t $t (i32.const 5) (i32.const 4) (i32.const 1))",
            "(drop (ref.is_null (ref.null func)))",
            "(global.set $i (i32.add (global.get $i) (local.get $a)))",
            "(global.set $l (i64.add (global.get $l) (local.get $x)))",
            "(global.set $f (f32.add (global.get $f) (local.get $s)))",
            "(global.set $d (f64.add (global.get $d) (local.get $u)))",
        ]
        .map(str::to_owned),
    );
    run_all(bodies);
}

#[test]
fn branches_and_calls_do_not_grow_the_stack() {
    run_all(
        [
            "(block (br 0))",
            "(block (block (br_table 0 1 (local.get $b))))",
            "(drop (block (result i32) (br_table 0 0 (local.get $a) (local.get $b))))",
            "(block (br_if 0 (local.get $a)))",
            "(block (br_if 0 (i32.eqz (local.get $a))))",
            "(if (local.get $a) (then (local.set $b (i32.const 5))) (else (local.set $b (i32.const 6))))",
            "(drop (select (local.get $a) (local.get $b) (local.get $n)))",
            "(drop (select (local.get $u) (local.get $w) (local.get $n)))",
            "(drop (call $one (local.get $a)))",
            "(drop (call $two (local.get $a)))",
            "(drop (call $three (local.get $a)))",
            "(drop (drop (call $pair (local.get $a))))",
            "(drop (call_indirect (type $unary) (local.get $a) (i32.const 1)))",
            "(drop (call_indirect (type $unary) (local.get $a) (i32.and (local.get $n) (i32.const 1))))",
            "(loop)",
            "nop",
        ]
        .map(str::to_owned),
    );
}

#[test]
fn vectors_do_not_grow_the_stack() {
    let mut bodies: Vec<String> = Vec::new();
    for shape in ["i8x16", "i16x8", "i32x4", "i64x2", "f32x4", "f64x2"] {
        let scalar = match shape {
            "i64x2" => "x",
            "f32x4" => "s",
            "f64x2" => "u",
            _ => "a",
        };
        bodies.push(format!(
            "(local.set $v ({shape}.splat (local.get ${scalar})))"
        ));
        let binary = match shape {
            "i8x16" => {
                "add sub add_sat_s add_sat_u sub_sat_u min_s max_u avgr_u eq ne lt_s gt_u swizzle narrow_i16x8_s"
            }
            "i16x8" => {
                "add sub mul add_sat_s min_u eq lt_u avgr_u q15mulr_sat_s extmul_low_i8x16_s extmul_high_i8x16_u narrow_i32x4_u"
            }
            "i32x4" => "add sub mul min_s max_u eq gt_s dot_i16x8_s extmul_low_i16x8_s",
            "i64x2" => "add sub mul eq ne lt_s extmul_high_i32x4_u",
            _ => "add sub mul div min max pmin pmax eq lt ge",
        };
        bodies.extend(
            names(binary).map(|name| {
                format!("(local.set $z ({shape}.{name} (local.get $v) (local.get $z)))")
            }),
        );
        let unary = match shape {
            "i8x16" => "abs neg popcnt",
            "i16x8" => "abs neg extend_low_i8x16_s extadd_pairwise_i8x16_u",
            "i32x4" => "abs neg extend_high_i16x8_u extadd_pairwise_i16x8_s trunc_sat_f32x4_s",
            "i64x2" => "abs neg extend_low_i32x4_s",
            "f32x4" => "abs neg sqrt ceil nearest convert_i32x4_s demote_f64x2_zero",
            _ => "abs neg sqrt floor convert_low_i32x4_u promote_low_f32x4",
        };
        bodies.extend(
            names(unary).map(|name| format!("(local.set $z ({shape}.{name} (local.get $v)))")),
        );
        if shape.starts_with('i') {
            bodies.extend(
                names("all_true bitmask")
                    .map(|name| format!("(drop ({shape}.{name} (local.get $v)))")),
            );
            bodies.extend(names("shl shr_s shr_u").map(|name| {
                format!("(local.set $z ({shape}.{name} (local.get $v) (local.get $b)))")
            }));
        }
        let lane = if shape == "i8x16" || shape == "i16x8" {
            "extract_lane_s"
        } else {
            "extract_lane"
        };
        bodies.push(format!("(drop ({shape}.{lane} 1 (local.get $v)))"));
        bodies.push(format!(
            "(local.set $v ({shape}.replace_lane 0 (local.get $v) (local.get ${scalar})))"
        ));
    }
    bodies.extend(
        [
            "(local.set $z (v128.and (local.get $v) (local.get $z)))",
            "(local.set $z (v128.xor (local.get $v) (local.get $z)))",
            "(local.set $z (v128.andnot (local.get $v) (local.get $z)))",
            "(local.set $z (v128.not (local.get $v)))",
            "(local.set $z (v128.bitselect (local.get $v) (local.get $z) (local.get $v)))",
            "(drop (v128.any_true (local.get $v)))",
            "(local.set $v (v128.load (i32.const 64)))",
            "(local.set $v (v128.load offset=16 (local.get $b)))",
            "(v128.store (i32.const 80) (local.get $v))",
            "(local.set $v (v128.load8x8_s (i32.const 64)))",
            "(local.set $v (v128.load16_splat (i32.const 64)))",
            "(local.set $v (v128.load32_zero (i32.const 64)))",
            "(local.set $v (v128.load8_lane 3 (i32.const 64) (local.get $v)))",
            "(v128.store16_lane 3 (i32.const 64) (local.get $v))",
            "(local.set $v (v128.const i64x2 1 2))",
            "(local.set $v (i8x16.shuffle 0 1 2 3 4 5 6 7 24 25 26 27 28 29 30 31 (local.get $v) (local.get $z)))",
        ]
        .map(str::to_owned),
    );
    run_all(bodies);
}
