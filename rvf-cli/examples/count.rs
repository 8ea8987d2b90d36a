//! Asks a file so many queries, the first again after the last, natively on one thread, and nothing else: for a profiler that counts instructions.
//!
//! ```sh
//! cargo run --release -p rvf-cli --example count -- FILE.rvf QUERIES.npy COUNT
//! ```
//!
//! `cargo xtask count` runs it under callgrind with all queries once, and twice: the difference is that of searches which find
//! every block checked.

use std::error::Error;
use std::path::Path;

use rvf_host::{Answer, OpenOptions, Query, Reader};
use rvf_pack::source::read_matrix_f32;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, queries, count] = arguments.as_slice() else {
        return Err("usage: count FILE.rvf QUERIES.npy COUNT".into());
    };
    let reader = Reader::open_path(file, &OpenOptions::new())?;
    let queries = read_matrix_f32(Path::new(queries))?;
    let mut session = reader.session()?;
    let mut answer = Answer::default();
    let mut hits = 0;
    for query in 0..count.parse::<usize>()? {
        let vector = queries.row(query % queries.rows).unwrap_or_default();
        session.search_into(&Query::vector(vector).k(10), &mut answer)?;
        hits += answer.hits.len();
    }
    println!("{hits} hits, {}", reader.engine()?.info().name);
    Ok(())
}
