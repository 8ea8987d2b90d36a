//! What stands in a module's memory for good, so that queries need not ask for it.

use rvf_microkernel::Region;

use super::Fault;
use super::layout::Cursor;
use super::session::SandboxSession;
use crate::effort::Plan;
use crate::engine::Task;
use crate::error::HostError;
use crate::reader::Reader;

/// A vector region is made resident once a session has answered so many queries, or at once if it is small; so are the
/// codes of a file with lists.
const WARM_QUERIES: u32 = 8;
const SMALL_REGION: u64 = 1 << 20;

impl SandboxSession {
    /// Puts a query's filter into the memory, where each filter has its place: it is needed whole, in most steps.
    pub(super) fn put_filter(&mut self, filter: &[u8]) -> Result<(), Fault> {
        let at = match self.filter {
            Some(at) => at,
            None => {
                let mut cursor = Cursor::new(self.base, self.kernel.memory_limit());
                let at = cursor.take(filter.len())?;
                self.kernel.reach(cursor.end())?;
                self.base = cursor.end();
                at
            }
        };
        self.kernel.write(at, filter)?;
        if self.filter.replace(at).is_none() {
            let region = Region::Filter as u32;
            self.kernel
                .resident(self.fixed.context, region, at, filter.len())?;
        }
        Ok(())
    }

    /// Copies regions into the memory for good, as far as the budget allows: those that this query reads whole, and
    /// the others once there were enough queries for it to pay.
    pub(super) fn make_resident(
        &mut self,
        reader: &Reader,
        task: &Task<'_>,
    ) -> Result<(), HostError> {
        let module = self.module;
        let fault = |fault| module.fault(fault);
        let budget = reader.options().limits.resident as u64;
        let coded = matches!(task.plan, Plan::Coded { .. });
        for number in 0..self.regions.len() {
            let Some(region) = self.regions.get(number).copied() else {
                break;
            };
            let scanned = match region.number {
                Region::Index => coded,
                Region::Quant if reader.head().lists == 1 => coded,
                _ => region.len <= SMALL_REGION || self.answered >= WARM_QUERIES,
            };
            let fits = self.resident_bytes.saturating_add(region.len) <= budget;
            if region.resident.is_some() || !scanned || !fits {
                continue;
            }
            let span = reader.file().whole(region.segment)?;
            let mut cursor = Cursor::new(self.base, self.kernel.memory_limit());
            let Ok(at) = cursor.take(span.len) else {
                continue;
            };
            if self.kernel.reach(cursor.end()).is_err() {
                // The module's own maximum: what is not resident is fed.
                continue;
            }
            if let Some(place) = self.kernel.bytes_mut(at, span.len) {
                reader.file().read(span, place)?;
            }
            self.kernel
                .resident(self.fixed.context, region.number as u32, at, span.len)
                .map_err(fault)?;
            self.base = cursor.end();
            self.resident_bytes = self.resident_bytes.saturating_add(region.len);
            if let Some(region) = self.regions.get_mut(number) {
                region.resident = Some(at);
            }
        }
        Ok(())
    }
}
