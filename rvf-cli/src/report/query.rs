//! The hits of a query.

use std::time::Duration;

use serde::Serialize;

use crate::failure::Failure;
use crate::view::{Align, Cell, Out, Table, Tone, human, neutral};

/// One answer. The order of the first fields is part of the interface to scripts.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Answer<'a> {
    pub(crate) query: u64,
    pub(crate) hits: Vec<Hit>,
    pub(crate) engine: &'a str,
    pub(crate) micros: f64,
    /// The instruction set of the native kernel, or the build of the module.
    pub(crate) build: &'a str,
    /// Every vector as stored was compared.
    pub(crate) exact: bool,
    /// The recall that was measured for this effort when the file was packed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recall: Option<f64>,
    /// Lists that were searched, where the file has more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lists: Option<u32>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) warnings: &'a [String],
    #[serde(skip)]
    pub(crate) title: Option<String>,
}

/// One hit. Its id is text or a number, as in the file; in a file without ids it is the row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Hit {
    pub(crate) row: u32,
    pub(crate) id: HitId,
    pub(crate) distance: f32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum HitId {
    Number(u64),
    Text(String),
}

impl Answer<'_> {
    /// `named`: rows have ids of their own.
    pub(crate) fn print(&self, named: bool, out: &mut Out) -> Result<(), Failure> {
        if let Some(title) = &self.title {
            let title = out.paint(Tone::Title, &neutral(title));
            out.line(title)?;
        }
        if self.hits.is_empty() {
            out.line("  no vectors to choose from")?;
        } else {
            out.table(&self.table(named))?;
        }
        let time = human::duration(Duration::from_secs_f64((self.micros / 1e6).max(0.0)));
        let how = match self.recall {
            _ if self.exact => "exact over the vectors as stored".to_owned(),
            Some(recall) => format!("recall {} when packed", human::recall(recall)),
            None => "recall not measured".to_owned(),
        };
        let lists = self.lists.map_or(String::new(), |lists| {
            format!(", {}", human::counted(lists.into(), "list"))
        });
        let foot = format!("  {} ({}), {time}{lists}, {how}", self.engine, self.build);
        let foot = out.paint(Tone::Dim, &foot);
        out.line(foot)
    }

    fn table(&self, named: bool) -> Table {
        let mut columns = vec![
            ("", Align::Right),
            ("distance", Align::Right),
            ("row", Align::Right),
        ];
        if named {
            columns.push(("id", Align::Left));
        }
        let mut table = Table::new(&columns);
        let decimals = decimals(&self.hits);
        for (rank, hit) in (1_u64..).zip(&self.hits) {
            let mut cells = vec![
                Cell::toned(Tone::Dim, human::count(rank)),
                Cell::new(distance(hit.distance, decimals)),
                Cell::new(hit.row.to_string()),
            ];
            if named {
                cells.push(Cell::toned(
                    Tone::Accent,
                    match &hit.id {
                        HitId::Number(id) => id.to_string(),
                        HitId::Text(id) => neutral(id).into_owned(),
                    },
                ));
            }
            table.row(cells);
        }
        table
    }
}

/// Decimals that show six digits or so of the largest distance.
fn decimals(hits: &[Hit]) -> usize {
    let largest = hits
        .iter()
        .map(|hit| hit.distance.abs())
        .fold(0.0, f32::max);
    match largest {
        x if x < 10.0 => 5,
        x if x < 100.0 => 4,
        x if x < 1e3 => 3,
        x if x < 1e4 => 2,
        x if x < 1e5 => 1,
        _ => 0,
    }
}

fn distance(value: f32, decimals: usize) -> String {
    if value != 0.0 && (value.abs() >= 1e9 || value.abs() < 1e-5) {
        return format!("{value:.4e}");
    }
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_that_scripts_read_come_first_and_in_order() {
        let hit = |row, id, distance| Hit { row, id, distance };
        let answer = Answer {
            query: 0,
            hits: vec![
                hit(17, HitId::Text("a\"b\n".into()), 0.123),
                hit(3, HitId::Number(u64::MAX), f32::MIN_POSITIVE),
            ],
            engine: "native",
            micros: 40.5,
            build: "avx2",
            exact: false,
            recall: Some(0.953),
            lists: None,
            warnings: &[],
            title: None,
        };
        assert_eq!(
            serde_json::to_string(&answer).unwrap(),
            r#"{"query":0,"hits":[{"row":17,"id":"a\"b\n","distance":0.123},{"row":3,"id":18446744073709551615,"distance":1.1754944e-38}],"engine":"native","micros":40.5,"build":"avx2","exact":false,"recall":0.953}"#
        );
    }

    #[test]
    fn a_distance_in_json_is_the_same_number_when_read_again() {
        let mut bits = 0x9e37_79b9_u32;
        for _ in 0..100_000 {
            bits = bits.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
            let value = f32::from_bits(bits);
            if value.is_finite() {
                let text = serde_json::to_string(&value).unwrap();
                assert_eq!(text.parse::<f32>().unwrap().to_bits(), bits, "{text}");
            }
        }
    }

    #[test]
    fn distances_are_shown_with_six_digits() {
        let shown = |values: &[f32]| -> Vec<String> {
            let hits: Vec<_> = values
                .iter()
                .map(|&distance| Hit {
                    row: 0,
                    id: HitId::Number(0),
                    distance,
                })
                .collect();
            let decimals = decimals(&hits);
            values
                .iter()
                .map(|&value| distance(value, decimals))
                .collect()
        };
        assert_eq!(shown(&[0.0, 0.25]), ["0.00000", "0.25000"]);
        assert_eq!(shown(&[12.5, 1234.5]), ["12.50", "1234.50"]);
        assert_eq!(shown(&[-812_345.0]), ["-812345"]);
        assert_eq!(shown(&[3e30]), ["3.0000e30"]);
        assert_eq!(shown(&[1.5e-7]), ["1.5000e-7"]);
    }
}
