//! Files that break a rule, each named for it.

use std::sync::Arc;

use rvf_host::{
    Bytes, Engine, HostError, Io, OpenOptions, Reader, Severity, VerifyOptions, verify,
};

use super::cases::{Listed, cases, float, number, text, vector, vectors};
use super::whole::engines;
use super::whole::plain_host::Asked;

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
            probes: 0,
            live: None,
        },
        json,
    }
}

#[test]
fn invalid_files_are_refused_at_the_listed_action_with_the_listed_rule() {
    const ORDER: [&str; 3] = ["open", "module", "query"];
    // A kernel checks these in what it is fed. All that it can say is BAD_DATA, which is K-ABI-6.
    const FOUND_BY_THE_KERNEL: [&str; 5] = ["R-IDX-1", "R-IDX-3", "R-IDX-4", "R-QNT-4", "R-VEC-7"];
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
