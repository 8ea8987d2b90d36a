//! Exact search: the host brings the records of all that counts, and the kernel computes their distances.

use rvf_microkernel as kernel;
use rvf_types::vec;

use super::{WINDOW, kernel_error};
use crate::answer::Stats;
use crate::checked::Span;
use crate::engine::runs::Runs;
use crate::error::HostError;
use crate::reader::Reader;

/// Offers every vector of a filter by vector number, or all, to a query of the mode for blocks.
pub(super) fn run(
    reader: &Reader,
    filter: Option<&[u8]>,
    query: &mut kernel::Query<'_>,
    arena: &mut Vec<u8>,
    stats: &mut Stats,
) -> Result<(), HostError> {
    let head = reader.head();
    let (segment, _) = reader.vec_segment(head.vectors)?;
    let stride = vec::stride(head.vectors, head.dimension);
    let most = (WINDOW / stride).max(1);
    let span = |(first, count): (u32, u32)| Span {
        segment,
        from: vec::record_offset(head.vectors, first, head.dimension),
        len: count as usize * stride as usize,
    };
    let file = reader.file();
    let mut offered = 0_u32;
    if file.is_in_place() {
        for run in Runs::new(head.rows, filter, most) {
            let records = file.view(span(run))?.unwrap_or_default();
            query.offer_block(records).map_err(kernel_error)?;
            offered = offered.saturating_add(run.1);
        }
    } else {
        // Runs are gathered until they fill the window, so that what is scattered is read in one go.
        let mut spans: Vec<(Span, usize)> = Vec::new();
        let mut end = 0;
        let mut runs = Runs::new(head.rows, filter, most).peekable();
        while let Some(run) = runs.next() {
            let span = span(run);
            spans.push((span, end));
            end += span.len;
            offered = offered.saturating_add(run.1);
            let next = runs
                .peek()
                .map_or(0, |run| run.1 as usize * stride as usize);
            if next == 0 || end + next > WINDOW as usize {
                if arena.len() < end {
                    arena.resize(end, 0);
                }
                file.copy(&spans, arena)?;
                let records = arena.get(..end).unwrap_or_default();
                query.offer_block(records).map_err(kernel_error)?;
                spans.clear();
                stats.fed_bytes += end as u64;
                stats.steps = stats.steps.saturating_add(1);
                end = 0;
            }
        }
    }
    stats.count_exact(head, offered);
    Ok(())
}
