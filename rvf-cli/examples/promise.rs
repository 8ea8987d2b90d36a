//! Holds the promise of recall against queries that were not measured when the file was packed.
//!
//! For each wish for recall and each number of hits: what the wish reaches, what that costs, and what the cheapest effort
//! costs that reaches the wish, found by trying all pairs on a grid. Times are the least of a few for each query, natively,
//! on one thread; the ratio is what counts.
//!
//! ```sh
//! cargo run --release -p rvf-cli --example promise -- FILE.rvf QUERIES.npy TRUTH.i32.npy [QUERIES]
//! ```
//!
//! The truth has the rows of the nearest vectors of each query, best first, by exact search over the input.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use rvf_host::{Answer, Effort, HostError, OpenOptions, Query, Reader, Session};
use rvf_pack::source::{Matrix, read_matrix_f32, read_matrix_i32};

const WISHES: [f64; 7] = [0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999];
const SLACKS: [f32; 8] = [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.5, 6.0];
const ROUNDS: usize = 3;

struct Test<'a> {
    session: Session<'a>,
    /// How many are asked.
    count: usize,
    queries: Matrix<f32>,
    truth: Matrix<i32>,
    answer: Answer,
}

/// What an effort does: the mean microseconds of a query, and the recall.
#[derive(Clone, Copy)]
struct Done {
    micros: f64,
    recall: f64,
}

impl Test<'_> {
    fn run(&mut self, k: u32, effort: Effort) -> Result<Done, HostError> {
        let mut best = vec![f64::INFINITY; self.count];
        let mut hits = 0;
        for round in 0..ROUNDS {
            for (number, best) in best.iter_mut().enumerate() {
                let vector = self.queries.row(number).unwrap_or_default();
                let query = Query::vector(vector).k(k).effort(effort);
                let start = Instant::now();
                self.session.search_into(&query, &mut self.answer)?;
                *best = best.min(start.elapsed().as_secs_f64());
                if round == 0 {
                    let near = self.truth.row(number).unwrap_or_default();
                    let near = &near[..near.len().min(k as usize)];
                    let found = |hit: &&rvf_host::Hit| near.contains(&(hit.row.cast_signed()));
                    hits += self.answer.hits.iter().filter(found).count();
                }
            }
        }
        let count = self.count as f64;
        Ok(Done {
            micros: best.iter().sum::<f64>() / count * 1e6,
            recall: hits as f64 / count / f64::from(k),
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, queries, truth, rest @ ..] = arguments.as_slice() else {
        return Err("usage: promise FILE.rvf QUERIES.npy TRUTH.i32.npy [QUERIES]".into());
    };
    let count = rest.first().map_or(Ok(usize::MAX), |count| count.parse())?;
    let reader = Reader::open_path(file, &OpenOptions::new())?;
    let head = *reader.head();
    let queries = read_matrix_f32(Path::new(queries))?;
    let mut test = Test {
        session: reader.session()?,
        count: count.min(queries.rows),
        queries,
        truth: read_matrix_i32(Path::new(truth))?,
        answer: Answer::default(),
    };
    println!("{} queries, {}", test.count, reader.engine()?.info().name);
    println!("   k  wish   recall  short by        µs  cheapest µs  (probes, slack)  ratio");
    for k in [1, 10, 100] {
        let mut grid = Vec::new();
        let mut probes = if head.lists > 1 {
            2.0
        } else {
            f64::from(head.lists)
        };
        while probes <= f64::from(head.lists) {
            for slack in SLACKS {
                let effort = Effort::Manual {
                    probes: probes as u32,
                    slack,
                    pool: 4 * k + 32,
                };
                grid.push((probes as u32, slack, test.run(k, effort)?));
            }
            probes = (probes * 1.15).max(probes + 1.0).floor();
        }
        for wish in WISHES {
            let done = match test.run(k, Effort::Recall(wish)) {
                Err(HostError::Ceiling { .. }) => {
                    println!("{k:4}  {wish:5}  above the ceiling");
                    continue;
                }
                done => done?,
            };
            let promised = wish - (1.0 - wish).min(0.01);
            let reach = grid.iter().filter(|(_, _, tried)| tried.recall >= wish);
            let least = reach.min_by(|a, b| a.2.micros.total_cmp(&b.2.micros));
            let short = (promised - done.recall).max(0.0);
            print!(
                "{k:4}  {wish:5}  {:.4}  {short:8.4}  {:8.1}",
                done.recall, done.micros
            );
            match least {
                Some((probes, slack, tried)) => println!(
                    "  {:11.1}  ({probes}, {slack})  {:.2}",
                    tried.micros,
                    done.micros / tried.micros
                ),
                None => println!("            -  none on the grid reaches it"),
            }
        }
    }
    Ok(())
}
