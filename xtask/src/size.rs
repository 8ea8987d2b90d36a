//! `cargo xtask size`: where the bytes of the kernel are.

use std::collections::BTreeMap;

use crate::Result;
use crate::compiler::{Compiler, Kind};
use crate::kernel::{self, BUDGET, Build, VARIANTS};
use crate::module::{HEADER_LENGTH, Module};

/// Bytes of one thing in each of the builds, in the order of `VARIANTS`.
type Row = [usize; VARIANTS.len()];

/// Builds both modules and prints their bytes by section, by part of the source and by function, and whether
/// each keeps the rules.
pub(crate) fn print(wanted: Option<Kind>) -> Result {
    let compiler = Compiler::find(wanted)?;
    println!("Compiler: {}", compiler.version.describe());
    let builds = VARIANTS
        .iter()
        .map(|&variant| kernel::build(variant, &compiler))
        .collect::<Result<Vec<_>>>()?;

    let mut sections = Table::default();
    let mut parts = Table::default();
    let mut functions = Table::default();
    for (column, build) in builds.iter().enumerate() {
        sections.add("header", column, HEADER_LENGTH);
        for section in Module::parse(&build.stripped)?.sections {
            sections.add(&section.name, column, section.bytes);
        }
        for function in Module::parse(&build.named)?.functions {
            parts.add(&part_of(&function.name), column, function.bytes);
            functions.add(&function.name, column, function.bytes);
        }
    }
    sections.print("section");
    parts.print("code by part");
    functions.print("code by function");
    println!("\nA function that the compiler put into its caller counts there.\n");

    builds.iter().try_for_each(report)
}

fn report(build: &Build) -> Result {
    let features = kernel::check_rules(build.variant, &build.stripped)?;
    println!(
        "{}: {} of {BUDGET} bytes, no imports, needs {}",
        build.variant.file(),
        build.stripped.len(),
        kernel::needs(&features)
    );
    Ok(())
}

/// The part of the source that a function belongs to: the module of the kernel that holds it, or the library.
fn part_of(function: &str) -> String {
    // `<rvf_microkernel::scan::Scan as core::ops::Drop>::drop` belongs to its first path.
    let path = function.trim_start_matches(['<', '&', '[', '(']);
    let segments: Vec<&str> = path.split("::").collect();
    match segments.as_slice() {
        ["rvf_microkernel", module, _, ..] => (*module).to_owned(),
        ["rvf_microkernel", ..] => "the crate root".to_owned(),
        ["core" | "alloc" | "compiler_builtins", ..] => format!("library {}", first(&segments)),
        [_, _, ..] => format!("crate {}", first(&segments)),
        ["memcpy" | "memmove" | "memset" | "memcmp"] => "library memory functions".to_owned(),
        [name] if name.starts_with("__") => "library arithmetic".to_owned(),
        _ => "exports".to_owned(),
    }
}

fn first<'a>(segments: &[&'a str]) -> &'a str {
    segments.first().copied().unwrap_or_default()
}

#[derive(Default)]
struct Table(BTreeMap<String, Row>);

impl Table {
    fn add(&mut self, name: &str, column: usize, bytes: usize) {
        let row = self.0.entry(name.to_owned()).or_default();
        if let Some(cell) = row.get_mut(column) {
            *cell = cell.saturating_add(bytes);
        }
    }

    fn print(&self, title: &str) {
        let mut rows: Vec<(&String, &Row)> = self.0.iter().collect();
        rows.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        println!();
        for variant in VARIANTS {
            print!("{:>8}", variant.name);
        }
        println!("  {title}");
        let mut total = Row::default();
        for (name, row) in rows {
            print_row(row, name);
            for (sum, bytes) in total.iter_mut().zip(row) {
                *sum = sum.saturating_add(*bytes);
            }
        }
        print_row(&total, "in all");
    }
}

fn print_row(row: &Row, name: &str) {
    for bytes in row {
        print!("{bytes:>8}");
    }
    println!("  {name}");
}

#[cfg(test)]
mod tests {
    use super::part_of;

    #[test]
    fn functions_count_for_the_module_that_holds_them() {
        assert_eq!(part_of("rvf_microkernel::scan::hamming"), "scan");
        assert_eq!(
            part_of("<rvf_microkernel::state::Query as core::clone::Clone>::clone"),
            "state"
        );
        assert_eq!(part_of("rvf_microkernel::dot"), "the crate root");
        assert_eq!(part_of("core::panicking::panic_fmt"), "library core");
        assert_eq!(part_of("libm::math::sqrt"), "crate libm");
        assert_eq!(part_of("memcpy"), "library memory functions");
        assert_eq!(part_of("__multi3"), "library arithmetic");
        assert_eq!(part_of("rvf_open"), "exports");
    }
}
