//! The cases of `spec/vectors`, as the JSON lists them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rvf_host::{Answer, Build, Effort, Engine, HostError, Query, Reader, RowSet};
use serde_json::Value;

use super::whole::engines;
use super::whole::plain_host::Asked;

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors")
}

pub(crate) fn vectors() -> Value {
    let text = std::fs::read_to_string(folder().join("vectors.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    let list = value[key].as_array();
    list.unwrap_or_else(|| panic!("{key} is a list"))
}

pub(crate) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("{key} is a text"))
}

pub(crate) fn number(value: &Value, key: &str) -> u64 {
    value[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key} is a number"))
}

pub(crate) fn float(value: &Value, key: &str) -> f64 {
    value[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} is a number"))
}

/// A vector: 8 hexadecimal digits for each component.
pub(crate) fn vector(digits: &str) -> Vec<f32> {
    assert!(digits.len().is_multiple_of(8), "{digits}");
    (0..digits.len() / 8)
        .map(|i| u32::from_str_radix(&digits[8 * i..8 * i + 8], 16).unwrap())
        .map(f32::from_bits)
        .collect()
}

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) file: Arc<[u8]>,
    pub(crate) json: Value,
}

impl Case {
    pub(crate) fn path(&self) -> PathBuf {
        folder().join(&self.name)
    }
}

pub(crate) fn cases(key: &str) -> Vec<Case> {
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

/// A query of the JSON.
pub(crate) struct Listed {
    pub(crate) asked: Asked,
    pub(crate) json: Value,
}

pub(crate) fn listed(case: &Case, key: &str) -> Vec<Listed> {
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
            let (filter, deletes) = (rows_of("filter"), rows_of("deletes"));
            // A host that knows of deleted rows leaves them out of the filter.
            let live = (filter.is_some() || deletes.is_some()).then(|| {
                let filtered = |row: &u32| filter.as_ref().is_none_or(|rows| rows.contains(row));
                let deleted = |row: &u32| deletes.as_ref().is_some_and(|rows| rows.contains(row));
                (0..rows)
                    .filter(|row| filtered(row) && !deleted(row))
                    .collect()
            });
            let mode = text(json, "mode");
            assert!(["coded", "exact"].contains(&mode));
            Listed {
                asked: Asked {
                    vector: vector(vectors[number(json, "vector") as usize].as_str().unwrap()),
                    exact: mode == "exact",
                    k: number(json, "k") as u32,
                    probes: json["probes"].as_u64().unwrap_or(0) as u32,
                    slack: float(json, "slack") as f32,
                    pool: number(json, "pool") as u32,
                    live,
                },
                json: json.clone(),
            }
        })
        .collect()
}

impl Listed {
    pub(crate) fn hits(&self) -> Vec<(u32, u32)> {
        list(&self.json, "hits")
            .iter()
            .map(|hit| {
                let bits = u32::from_str_radix(hit[1].as_str().unwrap(), 16).unwrap();
                (hit[0].as_u64().unwrap() as u32, bits)
            })
            .collect()
    }

    pub(crate) fn stats(&self) -> [u32; 4] {
        serde_json::from_value(self.json["stats"].clone()).unwrap()
    }

    pub(crate) fn effort(&self) -> Effort {
        if self.asked.exact {
            return Effort::Exact;
        }
        Effort::Manual {
            probes: self.asked.probes,
            slack: self.asked.slack,
            pool: self.asked.pool,
        }
    }

    pub(crate) fn search(&self, reader: &Reader) -> Result<Answer, HostError> {
        let live = self.asked.live.as_ref();
        let live = live.map(|rows| RowSet::from_rows(reader.rows(), rows.iter().copied()));
        let mut query = Query::vector(&self.asked.vector)
            .k(self.asked.k)
            .effort(self.effort());
        if let Some(live) = &live {
            query = query.filter(live);
        }
        reader.search(&query)
    }
}

/// Kernel.md, section 7.
pub(crate) fn error_code(json: &Value) -> i32 {
    match text(json, "error") {
        "BAD_PARAM" => -6,
        "BAD_QUERY" => -7,
        other => panic!("no bad query is answered with {other}"),
    }
}

/// The engines for a file: the native ones, and the sandbox for each build that the file carries.
pub(crate) fn engines_for(case: &Case) -> Vec<Engine> {
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
