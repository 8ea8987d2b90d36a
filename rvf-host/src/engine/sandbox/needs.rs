//! What a module asks for, and how it is fed.

use rvf_microkernel::Region;

use super::Fault;
use super::budget::{RegionOf, Touched};
use super::layout::{NEED, Places};
use super::session::{MAX_NEEDS, Need, SandboxSession, lie};
use crate::checked::Span;
use crate::error::HostError;
use crate::reader::Reader;

impl SandboxSession {
    pub(super) fn read_needs(&mut self, places: &Places, count: u32) -> Result<(), Fault> {
        const CALL: &str = "rvf_needs";
        if count > MAX_NEEDS {
            return Err(lie(
                "rvf_step",
                "the number of needs",
                count.into(),
                MAX_NEEDS.into(),
            ));
        }
        let at = self.kernel.query_needs(places.state)?;
        let len = count as usize * NEED;
        let size = self.kernel.memory_size() as u64;
        let bytes = self.kernel.bytes(at, len).ok_or_else(|| {
            lie(
                CALL,
                "the end of the needs",
                (at as u64).saturating_add(len as u64),
                size,
            )
        })?;
        self.needs.clear();
        let (needs, _) = bytes.as_chunks::<NEED>();
        self.needs.extend(needs.iter().map(|need| {
            let [r0, r1, r2, r3, l0, l1, l2, l3, offset @ ..] = *need;
            Need {
                region: u32::from_le_bytes([r0, r1, r2, r3]),
                len: u32::from_le_bytes([l0, l1, l2, l3]),
                offset: u64::from_le_bytes(offset),
            }
        }));
        Ok(())
    }

    /// Each need lies inside its region and is not longer than the window.
    pub(super) fn check_needs(&self, window: u32) -> Result<(), Fault> {
        const CALL: &str = "rvf_needs";
        for need in &self.needs {
            let Some(region_len) = self.region_of(need.region).map(|region| region.len) else {
                return Err(lie(
                    CALL,
                    "the region of a need",
                    need.region.into(),
                    Region::COUNT as u64 - 1,
                ));
            };
            if need.len == 0 || need.len > window {
                return Err(lie(
                    CALL,
                    "the length of a need",
                    need.len.into(),
                    window.into(),
                ));
            }
            let end = need.offset.checked_add(need.len.into());
            if end.is_none_or(|end| end > region_len) {
                return Err(lie(CALL, "the offset of a need", need.offset, region_len));
            }
        }
        Ok(())
    }

    fn region_of(&self, number: u32) -> Option<&RegionOf> {
        self.regions
            .iter()
            .find(|region| region.number as u32 == number)
    }

    /// How many of the needs, from the first on, find room in the arena.
    pub(super) fn place_needs(&self, places: &Places) -> usize {
        let mut cursor = places.arena();
        let fit = |need: &&Need| cursor.take(need.len as usize).is_ok();
        self.needs.iter().take_while(fit).count()
    }

    /// Bytes of the blocks that the first `placed` needs touch.
    pub(super) fn touched(&self, placed: usize) -> u64 {
        let mut touched = Touched::default();
        for need in self.needs.iter().take(placed) {
            if let Some(region) = self.region_of(need.region) {
                touched.count(region, need.offset, need.len);
            }
        }
        touched.bytes()
    }

    /// Copies the first `placed` needs into the arena and hands them over; gives how many bytes.
    pub(super) fn feed(
        &mut self,
        reader: &Reader,
        places: &Places,
        placed: usize,
    ) -> Result<u64, HostError> {
        let module = self.module;
        let fault = |fault| module.fault(fault);
        let mut cursor = places.arena();
        self.spans.clear();
        let mut bytes = 0_u64;
        let needs = std::mem::take(&mut self.needs);
        for need in needs.iter().take(placed) {
            let len = need.len as usize;
            let at = cursor.take(len).map_err(fault)?;
            if let Some(region) = self.region_of(need.region) {
                let span = Span {
                    segment: region.segment,
                    from: need.offset,
                    len,
                };
                self.spans.push((span, at - places.arena));
            }
            bytes += len as u64;
        }
        if let Some(arena) = self.kernel.bytes_mut(places.arena, places.arena_len) {
            reader.file().copy(&self.spans, arena)?;
        }
        let mut cursor = places.arena();
        for (number, need) in (0..).zip(needs.iter().take(placed)) {
            let at = cursor.take(need.len as usize).map_err(fault)?;
            self.kernel
                .query_feed(places.state, number, at)
                .map_err(fault)?;
        }
        self.needs = needs;
        Ok(bytes)
    }
}
