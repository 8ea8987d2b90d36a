//! A module that breaks the rules ends in an error that names it; the process goes on.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod common;

use common::Spec;
use rvf_host::{
    Build, Effort, Engine, Fault, Fuel, HostError, Limits, OpenOptions, Query, Reader, RowSet,
};
use rvf_pack::{Metric, Module};
use rvf_types::Role;

/// A kernel that keeps the rules and finds no hits, with some of its functions replaced.
struct Kernel {
    head: String,
    functions: Vec<(&'static str, &'static str, String)>,
}

const EVERYTHING: u32 = 0x2_0FFE;

impl Kernel {
    fn new() -> Self {
        let of = |params: &'static str, body: &str| (params, body.to_owned());
        let functions = [
            ("rvf_abi", of("", "i32.const 0x20002")),
            ("rvf_caps", ("", format!("i32.const {EVERYTHING}"))),
            ("rvf_open", of("i32 i32 i32 i32", "i32.const 0")),
            ("rvf_resident", of("i32 i32 i32 i32", "i32.const 0")),
            ("rvf_size", of("i32 i32", "i32.const 256")),
            ("rvf_begin", of("i32 i32 i32 i32 i32", "i32.const 0")),
            ("rvf_step", of("i32", "i32.const 0")),
            ("rvf_needs", of("i32", "i32.const 512")),
            ("rvf_feed", of("i32 i32 i32", "i32.const 0")),
            ("rvf_results", of("i32 i32 i32", "i32.const 0")),
            ("rvf_stats", of("i32 i32", "i32.const 0")),
            ("rvf_block", of("i32 i32 i32", "i32.const 0")),
        ];
        let head = r#"(memory (export "memory") 1) (global (export "__heap_base") i32 (i32.const 1024))
            (global $n (mut i32) (i32.const 0))"#;
        Self {
            head: head.to_owned(),
            functions: functions
                .into_iter()
                .map(|(name, (params, body))| (name, params, body))
                .collect(),
        }
    }

    fn head(mut self, head: &str) -> Self {
        self.head = head.to_owned();
        self
    }

    fn with(mut self, name: &str, body: &str) -> Self {
        let function = self
            .functions
            .iter_mut()
            .find(|(found, ..)| *found == name)
            .unwrap();
        function.2 = body.to_owned();
        self
    }

    fn typed(mut self, name: &str, params: &'static str) -> Self {
        self.functions
            .iter_mut()
            .find(|(found, ..)| *found == name)
            .unwrap()
            .1 = params;
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.functions.retain(|(found, ..)| *found != name);
        self
    }

    /// A step that needs one range: the first `count` times, then it is done.
    fn needing(self, region: u32, len: u32, offset: u64, count: u32) -> Self {
        self.with(
            "rvf_step",
            &format!(
                "(i32.store (i32.const 512) (i32.const {region}))
                 (i32.store (i32.const 516) (i32.const {len}))
                 (i64.store (i32.const 520) (i64.const {offset}))
                 (global.set $n (i32.add (global.get $n) (i32.const 1)))
                 (i32.le_u (global.get $n) (i32.const {count}))"
            ),
        )
    }

    /// Results that are the pairs (row, distance).
    fn answering(self, hits: &[(u32, f32)]) -> Self {
        let mut body = String::new();
        for (number, (row, distance)) in hits.iter().enumerate() {
            let at = number * 8;
            let bits = distance.to_bits();
            body += &format!(
                "(i32.store (i32.add (local.get 1) (i32.const {at})) (i32.const {row}))
                 (i32.store (i32.add (local.get 1) (i32.const {})) (i32.const {bits}))\n",
                at + 4
            );
        }
        body += &format!("(i32.const {})", hits.len());
        self.with("rvf_results", &body)
    }

    fn text(&self) -> String {
        let mut text = format!("(module {}\n", self.head);
        for (name, params, body) in &self.functions {
            let params = if params.is_empty() {
                String::new()
            } else {
                format!("(param {params})")
            };
            text += &format!("(func (export \"{name}\") {params} (result i32)\n{body})\n");
        }
        text + ")"
    }

    fn bytes(&self) -> Vec<u8> {
        wat::parse_str(self.text()).unwrap()
    }

    fn reader(&self, options: &OpenOptions) -> Reader {
        file_with(self.bytes()).open(options)
    }

    /// The fault of a query.
    fn fault(&self) -> Fault {
        self.fault_with(&sandbox())
    }

    fn fault_with(&self, options: &OpenOptions) -> Fault {
        let reader = self.reader(options);
        let fault = fault_of(&reader, &coded());
        // The reader is good for another query, which ends the same way.
        let again = fault_of(&reader, &coded());
        assert_eq!(
            std::mem::discriminant(&fault),
            std::mem::discriminant(&again)
        );
        fault
    }
}

const DIMENSION: usize = 8;
const ROWS: usize = 100;

/// A query that steps.
fn coded() -> Query<'static> {
    Query::vector(&[0.5; DIMENSION]).effort(Effort::Manual {
        probes: 0,
        slack: 1.0,
        pool: 10,
    })
}

fn file_with(bytecode: Vec<u8>) -> Spec {
    Spec::new(ROWS, DIMENSION)
        .metric(Metric::L2)
        .modules(vec![Module::new(Role::Microkernel, 0, bytecode)])
}

fn sandbox() -> OpenOptions {
    OpenOptions::new()
        .engine(Engine::Wasmi { build: Build::Best })
        .limits(Limits::server().resident(0))
}

fn fault_of(reader: &Reader, query: &Query<'_>) -> Fault {
    let error = reader.search(query).unwrap_err();
    let text = error.to_string();
    match error {
        HostError::Module {
            role, hash, fault, ..
        } => {
            assert_eq!(role, Role::Microkernel);
            assert!(text.contains(&hash.to_string()), "{text}");
            *fault
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_harmless_one_is_run() {
    let reader = Kernel::new().reader(&sandbox());
    let answer = reader.search(&Query::vector(&[0.5; DIMENSION])).unwrap();
    assert!(answer.hits.is_empty());
    assert!(!answer.engine.known);
}

#[test]
fn auto_runs_a_stranger_in_the_sandbox_and_native_refuses_it() {
    let kernel = Kernel::new().answering(&[(3, 1.0), (5, 1.0)]);
    let reader = kernel.reader(&OpenOptions::new());
    let answer = reader.search(&Query::vector(&[0.5; DIMENSION])).unwrap();
    assert_eq!(answer.engine.name, "wasmi");
    assert_eq!(
        answer.hits.iter().map(|hit| hit.row).collect::<Vec<_>>(),
        [3, 5]
    );
    let native = kernel.reader(&OpenOptions::new().engine(Engine::Native { backend: None }));
    let error = native
        .search(&Query::vector(&[0.5; DIMENSION]))
        .unwrap_err();
    assert!(matches!(error, HostError::UnknownKernel { .. }), "{error}");
    assert!(error.to_string().contains("wasmi"));
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    for name in [
        "rvf_abi",
        "rvf_open",
        "rvf_size",
        "rvf_begin",
        "rvf_step",
        "rvf_results",
        "rvf_stats",
    ] {
        let kernel = Kernel::new().with(name, "(loop $l (br $l)) (i32.const 0)");
        let options =
            sandbox().limits(Limits::server().resident(0).fuel(Fuel::PerQuery(1_000_000)));
        match kernel.fault_with(&options) {
            Fault::Fuel {
                call,
                budget: 1_000_000,
            } => assert_eq!(call, name),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn endless_needs_are_stopped() {
    // The same range again and again: by the bytes, and where they are few, by the steps.
    assert!(matches!(
        Kernel::new().needing(2, 1_000, 0, u32::MAX).fault(),
        Fault::Data { .. }
    ));
    // A range of one byte makes the host read its whole block.
    assert!(matches!(
        Kernel::new().needing(2, 1, 0, 20_000).fault(),
        Fault::Data { fed, limit } if fed > limit
    ));
    let few = sandbox().limits(Limits::server().resident(0).steps(1_000));
    assert!(matches!(
        Kernel::new().needing(2, 1, 0, u32::MAX).fault_with(&few),
        Fault::Steps { limit: 1_000 }
    ));
}

#[test]
fn a_trap_is_an_error() {
    for body in [
        "unreachable",
        "(i32.div_u (i32.const 1) (i32.const 0))",
        "(i32.load (i32.const -4))",
        "(call 6 (local.get 0))",
    ] {
        let fault = Kernel::new().with("rvf_step", body).fault();
        assert!(
            matches!(
                fault,
                Fault::Trap {
                    call: "rvf_step",
                    ..
                }
            ),
            "{body}: {fault:?}"
        );
    }
}

#[test]
fn an_error_code_is_told() {
    let fault = Kernel::new().with("rvf_begin", "(i32.const -5)").fault();
    assert_eq!(
        fault,
        Fault::Code {
            call: "rvf_begin",
            code: -5
        }
    );
    let fault = Kernel::new().with("rvf_step", "(i32.const -12345)").fault();
    assert_eq!(
        fault,
        Fault::Code {
            call: "rvf_step",
            code: -12345
        }
    );
    let fault = Kernel::new().with("rvf_open", "(i32.const 5)").fault();
    assert!(matches!(
        fault,
        Fault::Lie {
            call: "rvf_open",
            ..
        }
    ));
}

#[test]
fn needs_outside_the_file_are_lies() {
    // Three groups of 32 codes and one of 4, each code with a correction word; up to a multiple of 64.
    let quant = 1216;
    for (region, len, offset) in [
        (6, 1, 0),
        (u32::MAX, 1, 0),
        (3, 1, 0),
        (4, 1, 0),
        (1, 1, quant),
        (1, quant as u32 + 1, 0),
        (1, 16, quant - 15),
        (1, 16, u64::MAX - 3),
        (1, 0, 0),
        (1, u32::MAX, 0),
    ] {
        let fault = Kernel::new().needing(region, len, offset, 1).fault();
        assert!(
            matches!(
                fault,
                Fault::Lie {
                    call: "rvf_needs",
                    ..
                }
            ),
            "{region} {len} {offset}: {fault:?}"
        );
    }
    // The last byte of the region is inside.
    let reader = Kernel::new()
        .needing(1, 16, quant - 16, 1)
        .reader(&sandbox());
    let answer = reader.search(&coded()).unwrap();
    assert_eq!((answer.stats.fed_bytes, answer.stats.steps), (16, 2));
}

#[test]
fn a_pointer_outside_the_memory_is_a_lie() {
    let needing = || Kernel::new().needing(1, 16, 0, 1);
    for at in ["65536", "65521", "0x7fffffff", "0x80000000", "-65"] {
        let fault = needing()
            .with("rvf_needs", &format!("(i32.const {at})"))
            .fault();
        assert!(
            matches!(
                fault,
                Fault::Lie {
                    call: "rvf_needs",
                    ..
                }
            ),
            "{at}: {fault:?}"
        );
    }
    let fault = needing().with("rvf_needs", "(i32.const -10)").fault();
    assert_eq!(
        fault,
        Fault::Code {
            call: "rvf_needs",
            code: -10
        }
    );
    let many = Kernel::new().with("rvf_step", "(i32.const 1025)").fault();
    assert!(matches!(
        many,
        Fault::Lie {
            call: "rvf_step",
            ..
        }
    ));
    let most = Kernel::new()
        .with("rvf_step", "(i32.const 0x7fffffff)")
        .fault();
    assert!(matches!(
        most,
        Fault::Lie {
            call: "rvf_step",
            ..
        }
    ));
}

#[test]
fn a_state_larger_than_the_memory_is_refused() {
    for size in ["0x7fffffff", "0x10000000"] {
        let fault = Kernel::new()
            .with("rvf_size", &format!("(i32.const {size})"))
            .fault();
        assert!(matches!(fault, Fault::Memory { .. }), "{fault:?}");
    }
}

#[test]
fn memory_has_a_cap() {
    // Growing fails as it does anywhere else: the module sees −1.
    let hungry = Kernel::new().with(
        "rvf_step",
        "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (i32.const 0)",
    );
    let limits = Limits::server().resident(0).memory(4 << 20);
    let reader = hungry.reader(&sandbox().limits(limits));
    let answer = reader.search(&Query::vector(&[0.5; DIMENSION])).unwrap();
    assert!(answer.stats.module_memory.unwrap() <= 4 << 20);

    let large = Kernel::new().head(
        r#"(memory (export "memory") 200) (global (export "__heap_base") i32 (i32.const 1024)) (global $n (mut i32) (i32.const 0))"#,
    );
    assert!(matches!(
        large.fault_with(&sandbox().limits(limits)),
        Fault::Instantiate { .. }
    ));

    // A memory that can't grow to what the host needs.
    let small = Kernel::new().head(
        r#"(memory (export "memory") 1 1) (global (export "__heap_base") i32 (i32.const 65000)) (global $n (mut i32) (i32.const 0))"#,
    );
    assert!(matches!(small.fault(), Fault::Memory { .. }));
    let no_room = Kernel::new().head(
        r#"(memory (export "memory") 1) (global (export "__heap_base") i32 (i32.const -16)) (global $n (mut i32) (i32.const 0))"#,
    );
    assert!(matches!(no_room.fault(), Fault::Memory { .. }));
}

#[test]
fn exports_must_be_there_and_of_their_types() {
    for name in ["rvf_abi", "rvf_caps", "rvf_open", "rvf_step", "rvf_block"] {
        let fault = Kernel::new().without(name).fault();
        assert!(
            matches!(fault, Fault::Export { name: found, .. } if found == name),
            "{fault:?}"
        );
    }
    let fault = Kernel::new().typed("rvf_step", "i64").fault();
    assert!(matches!(
        fault,
        Fault::Export {
            name: "rvf_step",
            ..
        }
    ));
    let fault = Kernel::new().typed("rvf_feed", "i32 i32").fault();
    assert!(matches!(
        fault,
        Fault::Export {
            name: "rvf_feed",
            ..
        }
    ));
    let fault = Kernel::new()
        .head(r#"(memory 1) (global (export "__heap_base") i32 (i32.const 1024)) (global $n (mut i32) (i32.const 0))"#)
        .fault();
    assert!(matches!(fault, Fault::Export { name: "memory", .. }));
    let fault = Kernel::new()
        .head(r#"(memory (export "memory") 1) (global (export "__heap_base") i64 (i64.const 1024)) (global $n (mut i32) (i32.const 0))"#)
        .fault();
    assert!(matches!(
        fault,
        Fault::Export {
            name: "__heap_base",
            ..
        }
    ));
}

#[test]
fn another_version_or_a_missing_capability_is_refused() {
    let fault = Kernel::new().with("rvf_abi", "(i32.const 0x30001)").fault();
    assert_eq!(fault, Fault::Version { found: 0x3_0001 });
    // Bit 1: coded search. Bit 6: L2. Bit 9: i8. Bits 16 to 23: the layout.
    for missing in [1 << 1, 1 << 6, 1 << 9, 1 << 17] {
        let caps = EVERYTHING & !missing;
        let fault = Kernel::new()
            .with("rvf_caps", &format!("(i32.const {caps})"))
            .fault();
        assert!(
            matches!(fault, Fault::Lacks { .. }),
            "{missing:#x}: {fault:?}"
        );
    }
    let caps = EVERYTHING & !(1 << 3);
    let reader = Kernel::new()
        .with("rvf_caps", &format!("(i32.const {caps})"))
        .reader(&sandbox());
    let filter = RowSet::new(ROWS as u32);
    let fault = fault_of(&reader, &coded().filter(&filter));
    assert!(matches!(fault, Fault::Lacks { what: "a filter" }));
    let caps = EVERYTHING & !(1 << 5);
    let reader = Kernel::new()
        .with("rvf_caps", &format!("(i32.const {caps})"))
        .reader(&sandbox());
    let fault = fault_of(&reader, &coded().effort(Effort::Exact));
    assert!(matches!(fault, Fault::Lacks { .. }));
}

#[test]
fn hits_are_checked() {
    for hits in [
        &[(100, 1.0)][..],
        &[(u32::MAX, 1.0)],
        &[(1, 2.0), (2, 1.0)],
        &[(2, 1.0), (1, 1.0)],
        &[(1, 1.0), (1, 1.0)],
        &[(1, 1.0), (1, 2.0)],
        &[(7, 1.0), (3, 2.0), (9, 2.0), (7, 3.0)],
        &[(1, f32::NAN)],
        &[
            (0, 0.0),
            (1, 1.0),
            (2, 2.0),
            (3, 3.0),
            (4, 4.0),
            (5, 5.0),
            (6, 6.0),
            (7, 7.0),
            (8, 8.0),
            (9, 9.0),
            (10, 10.0),
        ],
    ] {
        let fault = Kernel::new().answering(hits).fault();
        assert!(
            matches!(
                fault,
                Fault::Lie {
                    call: "rvf_results",
                    ..
                }
            ),
            "{hits:?}: {fault:?}"
        );
    }
    let reader = Kernel::new().answering(&[(4, 1.0)]).reader(&sandbox());
    let filter = RowSet::from_rows(ROWS as u32, [5, 6]);
    let fault = fault_of(&reader, &Query::vector(&[0.5; DIMENSION]).filter(&filter));
    assert!(matches!(fault, Fault::Lie { .. }));
}

#[test]
fn invented_distances_are_found_where_that_is_asked_for() {
    let kernel = Kernel::new().answering(&[(4, 1.0)]);
    let query = [0.5; DIMENSION];
    assert!(
        kernel
            .reader(&sandbox())
            .search(&Query::vector(&query))
            .is_ok()
    );
    let error = kernel
        .reader(&sandbox().check_answers(true))
        .search(&Query::vector(&query))
        .unwrap_err();
    assert!(
        matches!(error, HostError::WrongDistance { row: 4, .. }),
        "{error}"
    );
}

/// The file with this module put in after packing, under a header that says what `change` makes of the true one: a
/// packer refuses to write such a file.
fn forged(bytecode: &[u8], honest: &[u8], change: impl Fn(&mut rvf_types::WasmHeader)) -> Vec<u8> {
    use rvf_types::{Manifest, Root, RootRecord, SegmentHeader, SegmentType, TableBuilder, root};
    let file = file_with(honest.to_vec()).pack();
    let record = *Root::parse(&file[..4096]).unwrap().record();
    let at = record.manifest_offset as usize;
    let payload = &file[at + 64..at + 64 + record.manifest_length as usize];
    let mut manifest = rvf_types::ManifestBuf::from(&Manifest::parse(payload, 0).unwrap());
    let table_of = |payload: &[u8], log| {
        let mut table = TableBuilder::new(log).unwrap();
        table.update(payload);
        table.finish()
    };
    let entry = manifest
        .entries
        .iter_mut()
        .find(|entry| entry.kind == SegmentType::WASM)
        .unwrap();
    let start = entry.offset as usize;
    let old = &file[start + 64..start + 64 + entry.payload_length as usize];
    let mut header = rvf_types::WasmHeader::parse(old, entry.payload_length, 0).unwrap();
    header.hash = rvf_types::digest::plain_hash(bytecode);
    header.bytecode_size = bytecode.len() as u32;
    change(&mut header);
    let mut payload = header.to_bytes().to_vec();
    payload.extend_from_slice(bytecode);
    assert_eq!(
        payload.len().next_multiple_of(64),
        old.len().next_multiple_of(64),
        "the module must fit its place"
    );

    let mut file = file;
    let segment = SegmentHeader::new(SegmentType::WASM, entry.id, payload.len() as u64);
    let (segment, hash) = segment.sealed(&table_of(&payload, entry.block_log));
    file[start..start + 64].copy_from_slice(&segment.to_bytes());
    payload.resize(payload.len().next_multiple_of(64), 0);
    file[start + 64..start + 64 + payload.len()].copy_from_slice(&payload);
    entry.hash = hash;
    entry.payload_length = segment.payload_length;
    entry.sub_kind = header.kind.word();

    let payload = manifest.to_bytes().unwrap();
    let old = SegmentHeader::parse(&file[at..], at as u64).unwrap();
    let own = SegmentHeader::new(SegmentType::MANIFEST, old.id, payload.len() as u64);
    let (own, hash) = own.sealed(&table_of(&payload, 16));
    file[at..at + 64].copy_from_slice(&own.to_bytes());
    file[at + 64..at + 64 + payload.len()].copy_from_slice(&payload);
    let record = RootRecord {
        manifest_hash: hash,
        ..record
    };
    file[..4096].copy_from_slice(&root::page(&record));
    file
}

/// A module of the same size, near enough, as `other`.
fn padded(text: &str, other: &[u8]) -> Vec<u8> {
    let mut bytes = wat::parse_str(text).unwrap();
    // A custom section of one name and zeros.
    let room = other.len() - bytes.len() - 8;
    let content = room + 2;
    bytes.push(0);
    bytes.extend_from_slice(&[(content & 0x7F) as u8 | 0x80, (content >> 7) as u8]);
    bytes.extend_from_slice(&[1, b'x']);
    bytes.resize(bytes.len() + room, 0);
    bytes
}

fn forged_fault(file: Vec<u8>) -> String {
    let reader = common::open(file.clone(), &sandbox());
    let error = reader
        .search(&Query::vector(&[0.5; DIMENSION]))
        .unwrap_err();
    let rule = error.rule().unwrap_or_else(|| panic!("{error}"));
    let verified = rvf_host::verify(
        &rvf_host::Bytes::from(file),
        &rvf_host::VerifyOptions::new(),
    )
    .unwrap();
    assert!(
        verified
            .report
            .findings
            .iter()
            .any(|finding| finding.rule == rule),
        "verify does not find {rule}: {:?}",
        verified.report.findings
    );
    rule.to_owned()
}

#[test]
fn a_module_that_imports_or_starts_is_refused_before_it_runs() {
    let honest = Kernel::new().bytes();
    assert!(honest.len() < 8_000);
    let import = padded(
        r#"(module (import "env" "f" (func)) (memory (export "memory") 1))"#,
        &honest,
    );
    let few = |header: &mut rvf_types::WasmHeader| header.exports = 1;
    assert_eq!(forged_fault(forged(&import, &honest, few)), "R-WASM-3");
    let start = padded(
        r#"(module (memory (export "memory") 1) (func $f (loop $l (br $l))) (start $f))"#,
        &honest,
    );
    assert_eq!(forged_fault(forged(&start, &honest, few)), "R-WASM-3");
}

#[test]
fn a_header_that_lies_is_refused() {
    let honest = Kernel::new().bytes();
    let lie =
        |change: fn(&mut rvf_types::WasmHeader)| forged_fault(forged(&honest, &honest, change));
    assert_eq!(lie(|header| header.exports += 1), "R-WASM-2");
    assert_eq!(lie(|header| header.min_pages = 2), "R-WASM-2");
    assert_eq!(lie(|header| header.max_pages = 9), "R-WASM-2");
    assert_eq!(lie(|header| header.tables = 1), "R-WASM-2");
    assert_eq!(
        lie(|header| header.kind.required = rvf_types::WasmFeatures::SIMD),
        "R-WASM-2"
    );
    assert_eq!(lie(|header| header.hash.0[31] ^= 1), "R-WASM-1");
    // No module at all.
    let mut garbage = honest.clone();
    garbage[20..].fill(0xFF);
    assert_eq!(forged_fault(forged(&garbage, &honest, |_| {})), "R-WASM-2");
}

#[test]
fn a_module_above_the_size_limit_is_not_compiled() {
    let bytes = Kernel::new().bytes();
    let mut limits = Limits::server();
    limits.module_bytes = bytes.len() as u32 - 1;
    let reader = file_with(bytes).open(&sandbox().limits(limits));
    assert!(matches!(
        fault_of(&reader, &Query::vector(&[0.5; DIMENSION])),
        Fault::TooLarge { .. }
    ));
}
