//! Exact search: the host brings the records of all that counts, and the module computes their distances.

use rvf_microkernel::Region;
use rvf_types::{VectorKind, vec};

use super::layout::Places;
use super::session::SandboxSession;
use crate::answer::Stats;
use crate::checked::Span;
use crate::engine::Task;
use crate::engine::runs::Runs;
use crate::error::HostError;
use crate::reader::Reader;

impl SandboxSession {
    /// Offers the records of every vector that the filter leaves, or of all, to a query of the mode for blocks.
    pub(super) fn offer_all(
        &mut self,
        reader: &Reader,
        task: &Task<'_>,
        places: &Places,
        stats: &mut Stats,
    ) -> Result<(), HostError> {
        let module = self.module;
        let fault = |fault| module.fault(fault);
        let head = reader.head();
        let (segment, _) = reader.vec_segment(head.vectors)?;
        let stride = vec::stride(head.vectors, head.dimension) as usize;
        let number = match head.vectors {
            VectorKind::I8 => Region::VecI8,
            VectorKind::F16 | VectorKind::F32 => Region::VecFloat,
        };
        let resident = self
            .regions
            .iter()
            .find(|region| region.number == number)
            .and_then(|region| region.resident);
        // At least the longest record.
        let most = (places.arena_len / stride).max(1);
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let mut offered = 0_u32;
        let mut end = 0;
        self.spans.clear();
        let mut runs = Runs::new(head.rows, task.filter, most).peekable();
        while let Some((first, count)) = runs.next() {
            offered = offered.saturating_add(count);
            if let Some(at) = resident {
                let at = at.saturating_add(first as usize * stride);
                self.kernel.block(places.state, at, count).map_err(fault)?;
                continue;
            }
            // Runs are gathered until they fill the arena, so that what is scattered is read in one go.
            let span = Span {
                segment,
                from: vec::record_offset(head.vectors, first, head.dimension),
                len: count as usize * stride,
            };
            self.spans.push((span, end));
            end += span.len;
            let next = runs.peek().map_or(0, |&(_, count)| count as usize * stride);
            if next == 0 || end + next > places.arena_len {
                if let Some(arena) = self.kernel.bytes_mut(places.arena, end) {
                    reader.file().copy(&self.spans, arena)?;
                }
                let count = u32::try_from(end / stride).unwrap_or(u32::MAX);
                self.kernel
                    .block(places.state, places.arena, count)
                    .map_err(fault)?;
                stats.fed_bytes += end as u64;
                stats.steps = stats.steps.saturating_add(1);
                self.spans.clear();
                end = 0;
            }
        }
        stats.count_exact(head, offered);
        Ok(())
    }
}
