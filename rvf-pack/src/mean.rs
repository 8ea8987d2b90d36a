//! The mean of the vectors (K-CODE-1), the same bits for every batch size and number of threads.

use rayon::prelude::*;

/// Rows are summed in runs of this many, in order; then the runs are.
const RUN: u64 = 4096;

/// Components that one task sums: enough to be worth a task, few enough to spread.
const COMPONENTS: usize = 128;

/// A running mean.
#[derive(Debug)]
pub(crate) struct Mean {
    run: Vec<f64>,
    total: Vec<f64>,
    rows: u64,
}

impl Mean {
    pub(crate) fn new(dimension: usize) -> Self {
        Self {
            run: vec![0.0; dimension],
            total: vec![0.0; dimension],
            rows: 0,
        }
    }

    /// Adds rows, `dimension` values each.
    pub(crate) fn add(&mut self, rows: &[f32]) {
        let dimension = self.run.len();
        let first_row = self.rows;
        self.rows += (rows.len() / dimension) as u64;
        let run = self.run.par_chunks_mut(COMPONENTS);
        let total = self.total.par_chunks_mut(COMPONENTS);
        run.zip(total)
            .enumerate()
            .for_each(|(piece, (run, total))| {
                let from = piece * COMPONENTS;
                for (row, values) in (first_row + 1..).zip(rows.chunks_exact(dimension)) {
                    for (sum, value) in run.iter_mut().zip(&values[from..]) {
                        *sum += f64::from(*value);
                    }
                    if row.is_multiple_of(RUN) {
                        end_run(run, total);
                    }
                }
            });
    }

    /// The mean of all rows that were added, of which there is at least one.
    pub(crate) fn finish(mut self) -> Vec<f32> {
        end_run(&mut self.run, &mut self.total);
        let rows = self.rows as f64;
        self.total.iter().map(|sum| (sum / rows) as f32).collect()
    }
}

fn end_run(run: &mut [f64], total: &mut [f64]) {
    for (sum, total) in run.iter_mut().zip(total) {
        *total += *sum;
        *sum = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// K-CODE-1, one component after the other.
    fn naive(rows: &[f32], dimension: usize) -> Vec<f32> {
        let column = |i: usize| -> Vec<f64> {
            rows.chunks(dimension)
                .map(|row| f64::from(row[i]))
                .collect()
        };
        let mean = |i| {
            let column = column(i);
            let runs = column
                .chunks(4096)
                .map(|run| run.iter().fold(0.0, |sum, x| sum + x));
            runs.fold(0.0, |sum, x| sum + x) / column.len() as f64
        };
        (0..dimension).map(|i| mean(i) as f32).collect()
    }

    /// Values whose sums round differently in another order.
    fn rows(count: usize, dimension: usize) -> Vec<f32> {
        let value = |i: usize| ((i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) as f32 * 1e-9;
        (0..count * dimension)
            .map(|i| value(i) * if i % 3 == 0 { 1e12 } else { -1.0 })
            .collect()
    }

    #[test]
    fn the_mean_is_that_of_the_definition_however_the_rows_come() {
        for (count, dimension) in [(1, 1), (9_000, 3), (4_096, 130), (8_193, 129)] {
            let rows = rows(count, dimension);
            let expected = naive(&rows, dimension);
            for batch in [1, 100, 4_095, 4_096, 10_000] {
                let mut mean = Mean::new(dimension);
                rows.chunks(batch * dimension)
                    .for_each(|batch| mean.add(batch));
                assert_eq!(
                    mean.finish(),
                    expected,
                    "{count} × {dimension} in batches of {batch}"
                );
            }
        }
    }

    #[test]
    fn the_order_of_the_sums_matters_to_this_test() {
        let rows = rows(8_193, 1);
        let in_one_run = rows.iter().fold(0.0, |sum, x| sum + f64::from(*x)) / 8_193.0;
        let by_definition = naive(&rows, 1)[0];
        // In f32 both may agree; the sums in f64 must not, or the test above would hold for any order.
        let runs: f64 = rows
            .chunks(4096)
            .map(|run| run.iter().map(|x| f64::from(*x)).sum::<f64>())
            .sum();
        assert_ne!(runs / 8_193.0, in_one_run);
        assert!((f64::from(by_definition) - in_one_run).abs() < in_one_run.abs() * 1e-6);
    }
}
