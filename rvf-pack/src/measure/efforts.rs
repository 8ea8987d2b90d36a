//! Which efforts are tried, and the table of what they reached.

use rvf_types::Effort;

use super::coverage::Coverage;
use super::exact::Answer;
use super::probed;
use super::sample::Sample;
use super::search::{Run, Searched, Setting};
use super::table::{Measured, table};
use crate::error::PackError;
use crate::progress::Reporter;

/// The least slack that is tried where all rows are scanned. Below it a search saves next to nothing, and finds some two
/// thirds of the neighbours or fewer.
const FIRST_SLACK: f32 = 1.5;

/// Up to this slack the steps are wide.
const WIDE_UNTIL: f32 = 2.5;
const WIDE_STEP: f32 = 0.5;
const STEP: f32 = 0.25;

/// The most slack that is tried.
const MOST_SLACK: f32 = 6.0;

/// More slack is of no more use where twice this many steps together, or a pool twice as large, bring fewer hits than
/// this share of all.
const NEGLIGIBLE: f64 = 0.0005;

/// The slack at which pools are compared: nearly all candidates that count get into the pool if there is room.
const POOL_SLACK: f32 = 4.0;

/// So few rows, all scanned, are always searched with as much slack as there is: that costs little, and whoever packs so few looks at
/// single answers.
const FEW_ROWS: u32 = 256;

/// The most slack that a file can list: next to nothing is skipped for its estimate (R-MAN-8).
const ALL_SLACK: f32 = 16.0;

/// The largest number of candidates beyond k that is tried.
const MOST_EXTRA: u32 = 4096;

/// Hits that are asked for in a run, all queries together: a hundred for each of a hundred queries, or ten for each of
/// some hundreds, tell as much as need be.
const TOTAL: usize = 10_000;

/// Queries that are asked for more than one hit, at most, unless three quarters of the sample are more.
const MOST_QUERIES: usize = 300;

/// What the searches of one step of effort may cost (see [`crate::cost`]) where all rows are scanned: some hundredths of a second.
/// So measuring does not outgrow the rest of the packing.
const COST: f64 = 20e6;

/// How much more the next step may cost than the one before.
const GROWTH: f64 = 1.4;

/// The least number of queries, however long each takes.
const LEAST_QUERIES: usize = 100;

/// What is searched, for what, and what is to be found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Test<'a> {
    pub(super) searched: Searched<'a>,
    pub(super) sample: &'a Sample,
    pub(super) answers: &'a [Answer],
    /// Where there is more than one list.
    pub(super) coverage: Option<&'a Coverage>,
    pub(super) rows: u32,
}

impl Test<'_> {
    /// The table for `k` hits.
    pub(super) fn efforts(
        &self,
        k: u32,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<Vec<Effort>, PackError> {
        match self.coverage {
            Some(coverage) => probed::efforts(self, coverage, k, reporter),
            None => self.flat_efforts(k, reporter),
        }
    }

    pub(super) fn run(
        &self,
        queries: usize,
        setting: Setting,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<Run, PackError> {
        self.searched.run(self.sample, queries, setting, reporter)
    }

    /// How many queries are asked for `k` hits: all for one, since each tells least.
    pub(super) fn queries(&self, k: u32) -> usize {
        let most = if k == 1 {
            usize::MAX
        } else {
            MOST_QUERIES.max(self.sample.len() / 4 * 3)
        };
        self.sample.len().min(TOTAL / k as usize).min(most)
    }

    /// Searches all rows at rising effort until more is of no use; few rows at one effort, with the most
    /// slack and a place in the pool for each.
    fn flat_efforts(
        &self,
        k: u32,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<Vec<Effort>, PackError> {
        let most = self.queries(k);
        if self.rows <= FEW_ROWS {
            let setting = Setting {
                k,
                probes: 0,
                slack: ALL_SLACK,
                extra: if self.searched.rescores {
                    self.rows.saturating_sub(k)
                } else {
                    0
                },
            };
            let run = self.run(most, setting, reporter)?;
            return Ok(table(vec![self.measured(&run)]));
        }
        let mut queries = affordable(f64::from(self.rows), most);
        let mut setting = Setting {
            k,
            probes: 0,
            slack: FIRST_SLACK,
            extra: self.choose_extra(queries, k, 0, reporter)?,
        };
        let mut runs: Vec<Measured> = Vec::new();
        loop {
            let run = self.run(queries, setting, reporter)?;
            queries = affordable(run.cost() * GROWTH, most);
            let measured = self.measured(&run);
            let effort = measured.effort;
            let before = runs
                .iter()
                .rev()
                .map(|before| before.effort)
                .find(|before| setting.slack - before.slack >= 2.0 * STEP);
            // Of other queries, another recall would tell nothing.
            let settled = before.is_some_and(|before| {
                before.total == effort.total
                    && is_negligible(before.hits, effort.hits, effort.total)
            });
            runs.push(measured);
            if settled || setting.slack >= MOST_SLACK {
                return Ok(table(runs));
            }
            setting.slack += if setting.slack < WIDE_UNTIL {
                WIDE_STEP
            } else {
                STEP
            };
        }
    }

    fn measured(&self, run: &Run) -> Measured {
        let effort = run.effort(self.answers);
        Measured {
            effort,
            recall: effort.recall(),
            cost: run.cost(),
            error: run.recall(self.answers).1,
        }
    }

    /// How many candidates beyond k are worth a float distance: k / 2 or sixteen, doubled until more bring nothing.
    pub(super) fn choose_extra(
        &self,
        queries: usize,
        k: u32,
        probes: u32,
        reporter: &mut Reporter<'_, '_>,
    ) -> Result<u32, PackError> {
        if !self.searched.rescores {
            return Ok(0);
        }
        let mut setting = Setting {
            k,
            probes,
            slack: POOL_SLACK,
            extra: (k / 2).max(16),
        };
        let mut hits = self
            .run(queries, setting, reporter)?
            .true_hits(self.answers);
        while setting.extra < MOST_EXTRA {
            let larger = Setting {
                extra: (setting.extra * 2).min(MOST_EXTRA),
                ..setting
            };
            let run = self.run(queries, larger, reporter)?;
            let more = run.true_hits(self.answers);
            if is_negligible(hits, more, run.total()) {
                break;
            }
            (setting, hits) = (larger, more);
        }
        Ok(setting.extra)
    }
}

/// How many queries are asked, of at most `most`, where each costs so much.
pub(super) fn affordable(cost: f64, most: usize) -> usize {
    ((COST / cost) as usize).clamp(LEAST_QUERIES.min(most), most)
}

fn is_negligible(before: u32, hits: u32, total: u32) -> bool {
    f64::from(hits) - f64::from(before) <= NEGLIGIBLE * f64::from(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_searches_are_asked_for_less_often() {
        assert_eq!(affordable(1_000.0, 300), 300);
        assert_eq!(affordable(200_000.0, 300), 100);
        assert_eq!(affordable(1e9, 300), 100);
        assert_eq!(affordable(1e9, 20), 20);
    }
}
