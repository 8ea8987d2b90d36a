//! Headers of modules, derived from modules that are written as text or by hand.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails")]
#![cfg(feature = "wasm")]

use rvf_types::wasm::{ModuleError, check_module, derive, facts};
use rvf_types::{Role, Target, WasmFeatures, WasmHeader, digest};

fn module(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

fn required(text: &str) -> WasmFeatures {
    facts(&module(text)).unwrap().required
}

fn rule(text: &str) -> &'static str {
    facts(&module(text)).unwrap_err().rule()
}

#[test]
fn the_smallest_module_requires_nothing() {
    let header = derive(b"\0asm\x01\0\0\0", Role::Microkernel, Target::Wasm32, 7).unwrap();
    assert_eq!(header.kind.required, WasmFeatures::NONE);
    assert_eq!(
        (
            header.exports,
            header.tables,
            header.min_pages,
            header.max_pages
        ),
        (0, 0, 0, 0)
    );
    assert_eq!((header.bytecode_size, header.priority), (8, 7));
    assert_eq!(header.hash, digest::plain_hash(b"\0asm\x01\0\0\0"));
    assert_eq!(check_module(&header, b"\0asm\x01\0\0\0"), Ok(()));
}

#[test]
fn each_feature_is_required_by_a_module_that_uses_it_alone() {
    for (feature, text) in [
        (
            WasmFeatures::SIMD,
            "(module (func (drop (v128.const i64x2 0 0))))",
        ),
        (
            WasmFeatures::BULK_MEMORY,
            "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 9))))",
        ),
        (
            WasmFeatures::MULTI_VALUE,
            "(module (func (result i32 i32) i32.const 1 i32.const 2))",
        ),
        (
            WasmFeatures::REFERENCE_TYPES,
            "(module (table 1 externref))",
        ),
        (
            WasmFeatures::THREADS,
            "(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))",
        ),
        (
            WasmFeatures::TAIL_CALL,
            "(module (func $f (return_call $f)))",
        ),
        (WasmFeatures::GC, "(module (type (struct (field i32))))"),
        (WasmFeatures::EXCEPTIONS, "(module (tag))"),
    ] {
        assert_eq!(required(text), feature, "{text}");
    }
}

#[test]
fn post_mvp_features_without_a_bit_are_free() {
    let text = r#"(module (global (export "g") (mut i32) (i32.const 0))
        (func (drop (i32.extend8_s (i32.trunc_sat_f32_s (f32.const 1))))))"#;
    assert_eq!(required(text), WasmFeatures::NONE);
}

#[test]
fn features_add_up() {
    let text = "(module (memory 1) (func (memory.copy (i32.const 0) (i32.const 1) (i32.const 2)) (drop (v128.const i64x2 0 0))))";
    let found = required(text);
    assert_eq!(found, WasmFeatures::SIMD.with(WasmFeatures::BULK_MEMORY));
    assert_eq!(found.names().collect::<Vec<_>>(), ["simd", "bulk-memory"]);
}

#[test]
fn counts_and_pages_are_the_module_s() {
    let text = r#"(module (memory (export "memory") 2 16) (table 3 funcref) (func (export "a")) (func (export "b")))"#;
    let found = facts(&module(text)).unwrap();
    assert_eq!(
        (
            found.exports,
            found.tables,
            found.min_pages,
            found.max_pages
        ),
        (3, 1, 2, 16)
    );
    let found = facts(&module("(module (memory 255 255))")).unwrap();
    assert_eq!((found.min_pages, found.max_pages), (255, 255));
    let found = facts(&module("(module (memory 0))")).unwrap();
    assert_eq!((found.min_pages, found.max_pages), (0, 0));
}

#[test]
fn a_memory_that_a_header_cannot_describe_is_refused() {
    for text in [
        "(module (memory 256))",
        "(module (memory 1 256))",
        "(module (memory 0 0))",
    ] {
        assert_eq!(rule(text), "R-WASM-2", "{text}");
    }
}

#[test]
fn imports_and_start_functions_are_refused() {
    assert_eq!(rule(r#"(module (import "env" "f" (func)))"#), "R-WASM-3");
    assert_eq!(
        rule(r#"(module (import "env" "memory" (memory 1)))"#),
        "R-WASM-3"
    );
    assert_eq!(rule("(module (func $f) (start $f))"), "R-WASM-3");
}

#[test]
fn what_has_no_bit_is_no_valid_module() {
    for text in [
        "(module (memory 1) (memory 1))",
        "(module (memory i64 1))",
        "(module (func (drop (i32x4.relaxed_trunc_f32x4_s (v128.const i64x2 0 0)))))",
        "(component)",
    ] {
        assert_eq!(rule(text), "R-WASM-2", "{text}");
    }
    for bytes in [
        &b""[..],
        b"\0asm",
        b"\0asm\x02\0\0\0",
        b"\0asm\x01\0\0\0\x0a\x01\x7f",
    ] {
        assert!(matches!(facts(bytes), Err(ModuleError::Invalid { .. })));
    }
    let error = facts(b"\0asm\x01\0\0\0\x01").unwrap_err();
    assert!(error.to_string().ends_with("(R-WASM-2)"), "{error}");
}

#[test]
fn a_header_that_disagrees_with_its_module_is_an_error() {
    let bytes = module(r#"(module (memory (export "memory") 2 16) (table 3 funcref))"#);
    let good = derive(&bytes, Role::Microkernel, Target::Wasm32, 0).unwrap();
    assert_eq!(check_module(&good, &bytes), Ok(()));
    let kind = rvf_types::wasm::WasmKind {
        required: WasmFeatures::SIMD,
        ..good.kind
    };
    for bad in [
        WasmHeader { kind, ..good },
        WasmHeader { exports: 2, ..good },
        WasmHeader {
            min_pages: 1,
            ..good
        },
        WasmHeader {
            max_pages: 0,
            ..good
        },
        WasmHeader { tables: 0, ..good },
    ] {
        assert_eq!(
            check_module(&bad, &bytes).unwrap_err().rule(),
            "R-WASM-2",
            "{bad:?}"
        );
    }
    let size = WasmHeader {
        bytecode_size: 1,
        ..good
    };
    assert_eq!(check_module(&size, &bytes).unwrap_err().rule(), "R-WASM-1");
    let hash = WasmHeader {
        hash: digest::plain_hash(b""),
        ..good
    };
    assert_eq!(check_module(&hash, &bytes).unwrap_err().rule(), "R-WASM-1");
}
