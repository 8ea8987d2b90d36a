//! What queries on valid files are answered with.

use rvf_host::{Effort, HostError, Io, Limits, OpenOptions, Plan, Query, Reader};
use rvf_microkernel::Backend;

use super::cases::{Case, cases, engines_for, error_code, float, list, listed, number};
use super::whole::engines;
use super::whole::plain_host::{Asked, Feeding, Payloads, PlainHost, ask_native};

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
                // Above every k that was measured, more lists are visited than listed, or all rows: no recall is promised.
                (Ok(answer), None)
                    if reader.head().lists > 1
                        && reader.manifest().efforts.iter().all(|effort| effort.k < k) =>
                {
                    if let Plan::Coded { probes, recall, .. } = answer.plan {
                        let listed = number(wish, "probes");
                        assert!(probes == 0 || u64::from(probes) >= listed, "{context}");
                        assert_eq!(recall, None, "{context}");
                    }
                }
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
