//! Packs a file of vectors and prints what came out: `cargo run --release --example pack INPUT OUTPUT [METRIC] [VECTORS] [THREADS] [LISTS]`.

use std::path::Path;

use rvf_pack::source::{self, SourceOptions};
use rvf_pack::{Metric, Packer, VectorKind};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |place: usize| arguments.get(place).map_or("", String::as_str);
    let metric = match argument(2) {
        "l2" => Metric::L2,
        "ip" => Metric::InnerProduct,
        _ => Metric::Cosine,
    };
    let vectors = match argument(3) {
        "f16" => VectorKind::F16,
        "f32" => VectorKind::F32,
        _ => VectorKind::I8,
    };
    let mut input = source::open(Path::new(argument(0)), &SourceOptions::default())?;
    let mut packer = Packer::new()
        .metric(metric)
        .vectors(vectors)
        .threads(argument(4).parse().unwrap_or(0))
        .force(true);
    if let Ok(lists) = argument(5).parse() {
        packer = packer.lists(lists);
    }
    if argument(6) == "unmeasured" {
        packer = packer.measure(false);
    }
    let report = packer.pack_to_path(input.as_mut(), Path::new(argument(1)))?;
    println!(
        "{} lists, {} second entries",
        report.lists, report.second_entries
    );
    println!(
        "{} rows of {} dimensions, {:.1} bytes a vector",
        report.rows,
        report.dimension,
        report.bytes_per_vector()
    );
    for segment in &report.segments {
        println!("{:>10} {:>12}", segment.name, segment.bytes);
    }
    for (phase, time) in &report.phases {
        println!("{:>10} {:>9.3} s", phase.name(), time.as_secs_f64());
    }
    for effort in &report.efforts {
        println!(
            "k {:>3}  probes {:>4} slack {:<5} pool {:>3}  recall {:.4}  scanned {}  ranked {}",
            effort.k,
            effort.probes,
            effort.slack,
            effort.pool,
            effort.recall(),
            effort.scanned,
            effort.ranked
        );
    }
    Ok(())
}
