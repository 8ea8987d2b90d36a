//! Taking over what a module found.

use super::Fault;
use super::layout::{HIT, Places, STATS};
use super::session::{SandboxSession, lie};
use crate::answer::{Hit, Stats};
use crate::engine::Task;
use crate::reader::Reader;

impl SandboxSession {
    /// Takes the hits over: each row exists, and they are in order. Whether a row is there twice or is one that the filter
    /// leaves out is seen when the answer is complete, as with every engine.
    pub(super) fn take_hits(
        &mut self,
        reader: &Reader,
        task: &Task<'_>,
        places: &Places,
        hits: &mut Vec<Hit>,
    ) -> Result<(), Fault> {
        const CALL: &str = "rvf_results";
        let count = self
            .kernel
            .query_results(places.state, places.hits, task.k)?;
        if count > task.k {
            return Err(lie(CALL, "the number of hits", count.into(), task.k.into()));
        }
        let size = self.kernel.memory_size() as u64;
        let bytes = self.kernel.bytes(places.hits, count as usize * HIT);
        let bytes =
            bytes.ok_or_else(|| lie(CALL, "the end of the hits", places.hits as u64, size))?;
        let mut before: Option<Hit> = None;
        for hit in bytes.as_chunks::<HIT>().0 {
            let [r0, r1, r2, r3, d0, d1, d2, d3] = *hit;
            let hit = Hit {
                row: u32::from_le_bytes([r0, r1, r2, r3]),
                distance: f32::from_le_bytes([d0, d1, d2, d3]),
            };
            if hit.row >= reader.rows() {
                return Err(lie(
                    CALL,
                    "the row of a hit",
                    hit.row.into(),
                    reader.rows().into(),
                ));
            }
            if hit.distance.is_nan() {
                return Err(lie(
                    CALL,
                    "a distance that is no number, in the row",
                    hit.row.into(),
                    0,
                ));
            }
            let in_order =
                before.is_none_or(|before| (before.distance, before.row) < (hit.distance, hit.row));
            if !in_order {
                return Err(lie(
                    CALL,
                    "the order of the hits is broken, or one is there twice; its row",
                    hit.row.into(),
                    0,
                ));
            }
            before = Some(hit);
            hits.push(hit);
        }
        Ok(())
    }

    pub(super) fn take_stats(&mut self, places: &Places, stats: &mut Stats) -> Result<(), Fault> {
        self.kernel.query_stats(places.state, places.stats)?;
        let bytes = self.kernel.bytes(places.stats, STATS).unwrap_or_default();
        let mut words = bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|word| u32::from_le_bytes(*word));
        let mut next = || words.next().unwrap_or_default();
        stats.scanned = next();
        stats.second_looks = next();
        stats.ranked = next();
        stats.float_distances = next();
        Ok(())
    }
}
