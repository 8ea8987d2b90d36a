//! What a filter costs, and what recall it leaves: random rows count, from half of them down to ten.
//!
//! Times are means over the queries, natively, on one thread, all in one run; recall is against exact search of the same
//! file with the same filter.
//!
//! ```sh
//! cargo run --release -p rvf-cli --example filters -- FILE.rvf QUERIES.npy [QUERIES]
//! ```

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use rvf_host::{Answer, Effort, OpenOptions, Plan, Query, Reader, RowSet};
use rvf_pack::source::read_matrix_f32;

const K: u32 = 10;
const PASSES: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, queries, rest @ ..] = arguments.as_slice() else {
        return Err("usage: filters FILE.rvf QUERIES.npy [QUERIES]".into());
    };
    let queries = read_matrix_f32(Path::new(queries))?;
    let count = rest.first().map_or(Ok(500), |count| count.parse())?;
    let count = queries.rows.min(count);
    let reader = Reader::open_path(file, &OpenOptions::new())?;
    let rows = reader.head().rows;
    let mut session = reader.session()?;
    let mut answer = Answer::default();
    println!("{rows} rows, {count} queries, k = {K}, the file's default effort");
    println!("   rows that count      share   recall        µs  of unfiltered  way");
    let mut unfiltered = 0.0;
    for live in [rows, rows / 2, rows / 10, rows / 100, rows / 1000, 10] {
        // Spread over the rows, without a period that the data could have: a multiplicative hash of the row's number.
        let mut order: Vec<u32> = (0..rows).collect();
        order.sort_unstable_by_key(|row| (u64::from(*row) + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let filter = RowSet::from_rows(rows, order.into_iter().take(live as usize));
        let query = |number: usize, effort| {
            let query = Query::vector(queries.row(number).unwrap_or_default());
            let query = query.k(K).effort(effort);
            if live == rows {
                query
            } else {
                query.filter(&filter)
            }
        };
        let (mut hits, mut wanted, mut best) = (0, 0, f64::INFINITY);
        for number in 0..count {
            session.search_into(&query(number, Effort::Exact), &mut answer)?;
            let last = answer.hits.last().map_or(f32::INFINITY, |hit| hit.distance);
            wanted += answer.hits.len();
            session.search_into(&query(number, Effort::Default), &mut answer)?;
            hits += answer
                .hits
                .iter()
                .filter(|hit| hit.distance <= last)
                .count();
        }
        for _ in 0..PASSES {
            let start = Instant::now();
            for number in 0..count {
                session.search_into(&query(number, Effort::Default), &mut answer)?;
            }
            best = f64::min(best, start.elapsed().as_secs_f64() * 1e6 / count as f64);
        }
        if live == rows {
            unfiltered = best;
        }
        let way = match answer.plan {
            Plan::Exact => "each row that counts".to_owned(),
            Plan::Coded { probes, .. } => format!("{probes} lists"),
        };
        println!(
            "  {live:16}  {:8.3} %  {:.4}  {best:8.1}  {:12.2}×  {way}",
            f64::from(live) / f64::from(rows) * 100.0,
            hits as f64 / wanted.max(1) as f64,
            best / unfiltered
        );
    }
    Ok(())
}
