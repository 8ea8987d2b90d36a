//! The test vectors of the specification (`spec/vectors`), on every engine that this machine has.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails has to say where"
)]

mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rvf_host::{
    Build, Bytes, Effort, Engine, HostError, Io, Limits, OpenOptions, Plan, Query, Reader, RowSet,
    Severity, VerifyOptions, verify,
};
use rvf_microkernel::Backend;
use serde_json::Value;
use whole::engines;
use whole::plain_host::{Asked, Feeding, Payloads, PlainHost, ask_native};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors")
}

fn vectors() -> Value {
    let text = std::fs::read_to_string(folder().join("vectors.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    let list = value[key].as_array();
    list.unwrap_or_else(|| panic!("{key} is a list"))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} is a text"))
}

fn number(value: &Value, key: &str) -> u64 {
    value[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key} is a number"))
}

fn float(value: &Value, key: &str) -> f64 {
    value[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} is a number"))
}

/// A vector: 8 hexadecimal digits for each component.
fn vector(digits: &str) -> Vec<f32> {
    assert!(digits.len().is_multiple_of(8), "{digits}");
    (0..digits.len() / 8)
        .map(|i| u32::from_str_radix(&digits[8 * i..8 * i + 8], 16).unwrap())
        .map(f32::from_bits)
        .collect()
}

struct Case {
    name: String,
    file: Arc<[u8]>,
    json: Value,
}

impl Case {
    fn path(&self) -> PathBuf {
        folder().join(&self.name)
    }
}

fn cases(key: &str) -> Vec<Case> {
    let json = vectors();
    let cases = list(&json, key).iter().map(|json| {
        let name = text(json, "file").to_owned();
        let file = std::fs::read(folder().join(&name)).unwrap();
        assert_eq!(file.len() as u64, number(json, "bytes"), "{name}");
        Case {
            name,
            file: file.into(),
            json: json.clone(),
        }
    });
    let cases: Vec<Case> = cases.collect();
    assert!(!cases.is_empty());
    cases
}

#[test]
fn the_json_lists_every_file_of_the_folders() {
    for key in ["valid", "invalid"] {
        let mut listed: Vec<String> = cases(key).into_iter().map(|case| case.name).collect();
        let mut found: Vec<String> = std::fs::read_dir(folder().join(key))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".rvf"))
            .map(|name| format!("{key}/{name}"))
            .collect();
        listed.sort();
        found.sort();
        assert_eq!(listed, found);
    }
}

#[test]
fn valid_files_have_the_listed_facts_and_no_fault() {
    for case in cases("valid") {
        let (name, facts) = (&case.name, &case.json["facts"]);
        let reader = engines::open(&case.file, &Engine::Auto);
        let head = reader.head();
        assert_eq!(u64::from(reader.rows()), number(facts, "rows"), "{name}");
        assert_eq!(
            u64::from(reader.dimension()),
            number(facts, "dimension"),
            "{name}"
        );
        assert_eq!(head.metric.name(), text(facts, "metric"), "{name}");
        assert_eq!(head.vectors.name(), text(facts, "vectors"), "{name}");
        assert_eq!(head.id_kind.name(), text(facts, "ids"), "{name}");
        let record = reader.record();
        assert_eq!(record.generation, number(facts, "generation"), "{name}");
        assert_eq!(
            record.committed_length,
            number(facts, "committed"),
            "{name}"
        );
        assert_eq!(
            record.manifest_hash.to_string(),
            text(facts, "manifest_hash"),
            "{name}"
        );

        let segments: Vec<Value> = reader
            .manifest()
            .entries
            .iter()
            .map(|entry| {
                let kind = u64::from(entry.kind.0);
                [entry.id, kind, entry.offset, entry.payload_length]
                    .as_slice()
                    .into()
            })
            .collect();
        assert_eq!(&Value::from(segments), &facts["segments"], "{name}");
        let properties: BTreeMap<String, String> =
            serde_json::from_value(facts["properties"].clone()).unwrap();
        assert_eq!(reader.manifest().properties, properties, "{name}");

        let warned: Vec<&str> = reader
            .warnings()
            .iter()
            .map(|warning| warning.rule())
            .collect();
        let listed = list(&case.json, "warnings");
        assert_eq!(
            warned,
            listed.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
            "{name}"
        );

        let source = Bytes::from(Arc::clone(&case.file));
        let report = verify(&source, &VerifyOptions::new()).unwrap().report;
        assert!(report.is_sound(), "{name}: {:?}", report.findings);
        let noted: Vec<&str> = report.findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(noted, warned, "{name}: what verify notes");
    }
}

#[test]
fn every_row_has_its_id_and_every_id_its_row() {
    for case in cases("valid") {
        let (name, ids) = (&case.name, list(&case.json, "ids"));
        let reader = engines::open(&case.file, &Engine::Auto);
        assert!(
            ids.is_empty() || ids.len() == reader.rows() as usize,
            "{name}"
        );
        for row in 0..reader.rows() {
            let listed = match ids.get(row as usize) {
                Some(id) => id.as_str().unwrap().to_owned(),
                None => row.to_string(),
            };
            assert_eq!(reader.id(row).unwrap().to_string(), listed, "{name}");
            let id = reader.parse_id(&listed).unwrap();
            assert_eq!(reader.row_of(id).unwrap(), row, "{name}: {listed}");
        }
    }
}

/// A query of the JSON.
struct Listed {
    asked: Asked,
    filter: Option<Vec<u32>>,
    deletes: Option<Vec<u32>>,
    json: Value,
}

fn listed(case: &Case, key: &str) -> Vec<Listed> {
    let vectors = list(&case.json, "vectors");
    let rows = number(&case.json["facts"], "rows") as u32;
    list(&case.json, key)
        .iter()
        .map(|json| {
            let rows_of = |key: &str| {
                let rows = json[key].as_array()?;
                Some(
                    rows.iter()
                        .map(|row| row.as_u64().unwrap() as u32)
                        .collect::<Vec<u32>>(),
                )
            };
            let bitmap = |members: &Vec<u32>| {
                let mut bits = vec![0_u8; (rows as usize).div_ceil(8)];
                for row in members {
                    bits[*row as usize / 8] |= 1 << (row % 8);
                }
                bits
            };
            let (filter, deletes) = (rows_of("filter"), rows_of("deletes"));
            let mode = text(json, "mode");
            assert!(["coded", "exact"].contains(&mode));
            Listed {
                asked: Asked {
                    vector: vector(vectors[number(json, "vector") as usize].as_str().unwrap()),
                    exact: mode == "exact",
                    k: number(json, "k") as u32,
                    slack: float(json, "slack") as f32,
                    pool: number(json, "pool") as u32,
                    filter: filter.as_ref().map(bitmap),
                    deletes: deletes.as_ref().map(bitmap),
                },
                filter,
                deletes,
                json: json.clone(),
            }
        })
        .collect()
}

impl Listed {
    fn hits(&self) -> Vec<(u32, u32)> {
        list(&self.json, "hits")
            .iter()
            .map(|hit| {
                let bits = u32::from_str_radix(hit[1].as_str().unwrap(), 16).unwrap();
                (hit[0].as_u64().unwrap() as u32, bits)
            })
            .collect()
    }

    fn stats(&self) -> [u32; 4] {
        serde_json::from_value(self.json["stats"].clone()).unwrap()
    }

    fn effort(&self) -> Effort {
        if self.asked.exact {
            return Effort::Exact;
        }
        Effort::Manual {
            probes: 0,
            slack: self.asked.slack,
            pool: self.asked.pool,
        }
    }

    /// The live rows: in the filter, and not deleted. A host has no deletes to give, as no file of this version has any;
    /// to a kernel they are but a second filter.
    fn live(&self, rows: u32) -> Option<RowSet> {
        if self.filter.is_none() && self.deletes.is_none() {
            return None;
        }
        let members = (0..rows).filter(|row| {
            self.filter
                .as_ref()
                .is_none_or(|filter| filter.contains(row))
                && self
                    .deletes
                    .as_ref()
                    .is_none_or(|deletes| !deletes.contains(row))
        });
        Some(RowSet::from_rows(rows, members))
    }

    fn search(&self, reader: &Reader) -> Result<rvf_host::Answer, HostError> {
        let live = self.live(reader.rows());
        let mut query = Query::vector(&self.asked.vector)
            .k(self.asked.k)
            .effort(self.effort());
        if let Some(live) = &live {
            query = query.filter(live);
        }
        reader.search(&query)
    }
}

/// The engines for a file: the native ones, and the sandbox for each build that the file carries.
fn engines_for(case: &Case) -> Vec<Engine> {
    let reader = engines::open(&case.file, &Engine::Auto);
    let mut all = engines::native();
    for module in reader.modules().unwrap() {
        let build = if module.requires_simd() {
            Build::Simd
        } else {
            Build::Scalar
        };
        all.push(Engine::Wasmi { build });
    }
    all
}

#[test]
fn files_of_every_metric_and_kind_of_vectors_carry_kernels_that_are_known() {
    let mut carried = BTreeSet::new();
    for case in cases("valid") {
        let reader = engines::open(&case.file, &Engine::Auto);
        for module in reader.modules().unwrap() {
            assert!(
                module.is_known(),
                "{}: make the vectors again with the present kernels",
                case.name
            );
            let head = reader.head();
            carried.insert((head.metric, head.vectors, module.requires_simd()));
        }
    }
    // 3 metrics × 3 kinds × 2 builds.
    assert_eq!(carried.len(), 18, "{carried:?}");
}

/// Every way to open a file, each with a name for messages.
fn open_all(case: &Case) -> Vec<(String, Reader)> {
    let mut readers = Vec::new();
    for engine in engines_for(case) {
        let options = OpenOptions::new()
            .engine(engine.clone())
            .check_answers(true);
        readers.push((
            format!("{engine:?}, in memory"),
            engines::open_with(&case.file, &options),
        ));
        for io in [Io::Map, Io::Read] {
            let reader = Reader::open_path(case.path(), &options.clone().io(io)).unwrap();
            readers.push((format!("{engine:?}, {io:?}"), reader));
        }
        // Nothing stays in the module's memory, nor in the host's.
        let fed = options
            .limits(Limits::embedded())
            .cache_bytes(0)
            .io(Io::Read);
        let reader = Reader::open_path(case.path(), &fed).unwrap();
        readers.push((format!("{engine:?}, fed"), reader));
    }
    readers
}

#[test]
fn every_engine_gives_the_listed_answers() {
    for case in cases("valid") {
        let queries = listed(&case, "queries");
        for (how, reader) in open_all(&case) {
            for (number, query) in queries.iter().enumerate() {
                let context = format!("{}, query {number}, {how}", case.name);
                let answer = query
                    .search(&reader)
                    .unwrap_or_else(|error| panic!("{context}: {error}"));
                assert_eq!(engines::bits(&answer.hits), query.hits(), "{context}");
                assert_eq!(engines::counts(&answer), query.stats(), "{context}");
            }
        }
    }
}

#[test]
fn the_native_twin_by_itself_gives_the_listed_answers_and_errors() {
    for case in cases("valid") {
        let payloads = Payloads::of(&case.file);
        for backend in Backend::available() {
            for (number, query) in listed(&case, "queries").iter().enumerate() {
                let outcome = ask_native(backend, &payloads, &query.asked);
                let context = format!("{}, query {number}, {}", case.name, backend.name());
                assert_eq!(outcome, Ok((query.hits(), query.stats())), "{context}");
            }
            for (number, query) in listed(&case, "bad_queries").iter().enumerate() {
                let outcome = ask_native(backend, &payloads, &query.asked);
                let context = format!("{}, bad query {number}, {}", case.name, backend.name());
                assert_eq!(outcome, Err(error_code(&query.json)), "{context}");
            }
        }
    }
}

#[test]
fn the_modules_by_themselves_give_the_listed_answers_and_errors() {
    for case in cases("valid") {
        let payloads = Payloads::of(&case.file);
        for (module, bytecode) in payloads.modules.iter().enumerate() {
            for feeding in [Feeding::Resident, Feeding::Least] {
                let mut host = PlainHost::open(bytecode, &payloads, feeding);
                for (number, query) in listed(&case, "queries").iter().enumerate() {
                    let context = format!(
                        "{}, query {number}, module {module}, {feeding:?}",
                        case.name
                    );
                    let outcome = host.ask(&query.asked);
                    assert_eq!(outcome, Ok((query.hits(), query.stats())), "{context}");
                }
                for (number, query) in listed(&case, "bad_queries").iter().enumerate() {
                    let context = format!("{}, bad query {number}, module {module}", case.name);
                    assert_eq!(
                        host.ask(&query.asked),
                        Err(error_code(&query.json)),
                        "{context}"
                    );
                }
            }
        }
    }
}

/// Kernel.md, section 7.
fn error_code(json: &Value) -> i32 {
    match text(json, "error") {
        "BAD_PARAM" => -6,
        "BAD_QUERY" => -7,
        other => panic!("no bad query is answered with {other}"),
    }
}

#[test]
fn every_engine_refuses_the_bad_queries() {
    let mut refused = 0;
    for case in cases("valid") {
        for engine in engines_for(&case) {
            let reader = engines::open(&case.file, &engine);
            for (number, query) in listed(&case, "bad_queries").iter().enumerate() {
                let Asked { k, slack, pool, .. } = query.asked;
                let result = query.search(&reader);
                let context = format!("{}, bad query {number}, {engine:?}", case.name);
                match (error_code(&query.json), result) {
                    (-7, Err(HostError::Component { .. } | HostError::ZeroQuery)) => {}
                    (-6, Err(HostError::Parameter { .. })) => {}
                    // A host mends the pool; that a kernel does not is seen by asking it directly.
                    (-6, Ok(_))
                        if (1..=65_536).contains(&k)
                            && (0.0..=16.0).contains(&slack)
                            && pool != k =>
                    {
                        continue;
                    }
                    (_, result) => panic!("{context}: {result:?}"),
                }
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
}

#[test]
fn wishes_for_recall_choose_the_listed_efforts() {
    let mut wishes = 0;
    for case in cases("valid") {
        let reader = engines::open(&case.file, &engines::scalar());
        let zeros = vec![1.0; reader.dimension() as usize];
        for wish in list(&case.json, "wishes") {
            let (recall, k) = (float(wish, "recall"), number(wish, "k") as u32);
            let context = format!("{}, recall {recall} at {k}", case.name);
            let query = Query::vector(&zeros).k(k).effort(Effort::Recall(recall));
            match (reader.search(&query), wish.get("ceiling")) {
                (Ok(answer), None) => {
                    let Plan::Coded {
                        probes,
                        slack,
                        pool,
                        recall: measured,
                    } = answer.plan
                    else {
                        panic!("{context}: {:?}", answer.plan);
                    };
                    assert_eq!(u64::from(probes), number(wish, "probes"), "{context}");
                    assert_eq!(slack, float(wish, "slack") as f32, "{context}");
                    assert_eq!(u64::from(pool), number(wish, "pool"), "{context}");
                    assert!(
                        measured.is_some_and(|measured| measured >= recall),
                        "{context}"
                    );
                }
                (
                    Err(HostError::Ceiling {
                        ceiling: Some(found),
                        ..
                    }),
                    Some(ceiling),
                ) => {
                    assert!(
                        (found - ceiling.as_f64().unwrap()).abs() < 1e-9,
                        "{context}"
                    );
                }
                (result, _) => panic!("{context}: {result:?}"),
            }
            wishes += 1;
        }
    }
    assert!(wishes > 0);
}

/// The action at which a file was refused, and the rule that was named.
type Refused = (&'static str, Option<&'static str>);

/// Opens the file, loads a module where it has one, asks the query, and asks for the ids of the hits.
fn use_it(
    open: &dyn Fn() -> Result<Reader, HostError>,
    query: &Listed,
) -> Result<(), (Refused, HostError)> {
    let at = |action| move |error: HostError| ((action, error.rule()), error);
    let reader = open().map_err(at("open"))?;
    reader.engine().map_err(at("module"))?;
    let answer = query.search(&reader).map_err(at("query"))?;
    for hit in &answer.hits {
        reader.id(hit.row).map_err(at("query"))?;
    }
    Ok(())
}

fn invalid_query() -> Listed {
    let json = vectors()["invalid_query"].clone();
    Listed {
        asked: Asked {
            vector: vector(text(&json, "vector")),
            exact: text(&json, "mode") == "exact",
            k: number(&json, "k") as u32,
            slack: float(&json, "slack") as f32,
            pool: number(&json, "pool") as u32,
            filter: None,
            deletes: None,
        },
        filter: None,
        deletes: None,
        json,
    }
}

#[test]
fn invalid_files_are_refused_at_the_listed_action_with_the_listed_rule() {
    const ORDER: [&str; 3] = ["open", "module", "query"];
    // A kernel checks these in what it is fed. All that it can say is BAD_DATA, which is K-ABI-6.
    const FOUND_BY_THE_KERNEL: [&str; 3] = ["R-IDX-1", "R-IDX-3", "R-VEC-7"];
    let query = invalid_query();
    let mut wrong = Vec::new();
    for case in cases("invalid") {
        let (rule, at) = (text(&case.json, "rule"), text(&case.json, "at"));
        // Where the file has no module, the host's own kernel answers: with every instruction set. Where it has one, that
        // is what is loaded.
        let mut all = vec![Engine::Auto];
        if at == "query" {
            all.extend(engines::native());
        }
        for engine in all {
            let options = OpenOptions::new().engine(engine.clone());
            let from_memory = || Reader::open(Bytes::from(Arc::clone(&case.file)), &options);
            let read = || Reader::open_path(case.path(), &options.clone().io(Io::Read));
            let mapped = || Reader::open_path(case.path(), &options.clone().io(Io::Map));
            let opens: [&dyn Fn() -> Result<Reader, HostError>; 3] = [&from_memory, &read, &mapped];
            for open in opens {
                let result = use_it(open, &query);
                let good = match &result {
                    // What `verify` alone must find may be answered, or be refused by that rule.
                    Ok(()) => at == "verify",
                    Err(((action, named), _)) => {
                        let place = |action: &str| ORDER.iter().position(|a| *a == action);
                        let by_kernel =
                            *named == Some("K-ABI-6") && FOUND_BY_THE_KERNEL.contains(&rule);
                        (*named == Some(rule) || by_kernel)
                            && (at == "verify" || place(action) <= place(at))
                    }
                };
                if !good {
                    wrong.push(format!("{} ({at}), {engine:?}: {result:?}", case.name));
                }
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn verify_names_the_rule_that_an_invalid_file_breaks() {
    let mut wrong = Vec::new();
    for case in cases("invalid") {
        let rule = text(&case.json, "rule");
        let source = Bytes::from(Arc::clone(&case.file));
        let report = match verify(&source, &VerifyOptions::new()) {
            Ok(verified) => verified.report,
            Err(error) => {
                wrong.push(format!("{}: verify gives up: {error:?}", case.name));
                continue;
            }
        };
        let faults: Vec<&str> = report
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Fault)
            .map(|finding| finding.rule)
            .collect();
        // It goes on where it can, so it may find what follows from the damage too.
        if !faults.contains(&rule) || report.is_sound() {
            wrong.push(format!("{}: {:?}", case.name, report.findings));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
