//! What a file was measured to do.

use crate::bytes::{Grid, Sheet, ensure};
use crate::error::{Expected, FormatError};
use crate::kinds::VectorKind;
use crate::limits::MAX_K;

/// The property that says what recall is aimed at where none is asked for (R-MAN-8).
pub const RECALL_PROPERTY: &str = "rvf.recall";
/// The recall that is aimed at where the file does not say another one (R-MAN-8).
pub const DEFAULT_RECALL: f64 = 0.95;

/// What the file was measured to do at one setting (R-MAN-8).
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Effort {
    /// Hits asked for, 1 to 65,536.
    pub k: u32,
    /// Lists visited; 0 means all.
    pub probes: u32,
    /// Slack of the bounds, 0 to 16.
    pub slack: f32,
    /// Candidates that are re-scored, k to 65,536; k where vectors are kept as i8 only.
    pub pool: u32,
    /// Hits that exact search has too, as many of them as may be counted on.
    pub hits: u32,
    /// Hits asked for in all, at least 1; or a multiple of both this and `hits`.
    pub total: u32,
    /// Mean number of rows scanned a query.
    pub scanned: u32,
    /// Mean number of rows ranked a query.
    pub ranked: u32,
}

impl Effort {
    /// Bytes of an effort entry.
    pub const LEN: usize = 32;

    pub(super) fn decode(bytes: &[u8; Self::LEN]) -> Self {
        match Grid::<{ Self::LEN }>::new(bytes, "effort entry", 0) {
            Ok(grid) => Self::fields(&grid),
            // An array of 32 bytes has 32 bytes.
            Err(_) => Self {
                k: 0,
                probes: 0,
                slack: 0.0,
                pool: 0,
                hits: 0,
                total: 0,
                scanned: 0,
                ranked: 0,
            },
        }
    }

    fn fields(grid: &Grid<'_, { Self::LEN }>) -> Self {
        Self {
            k: grid.u32::<0x00>(),
            probes: grid.u32::<0x04>(),
            slack: f32::from_bits(grid.u32::<0x08>()),
            pool: grid.u32::<0x0C>(),
            hits: grid.u32::<0x10>(),
            total: grid.u32::<0x14>(),
            scanned: grid.u32::<0x18>(),
            ranked: grid.u32::<0x1C>(),
        }
    }

    /// Reads one effort entry and checks what it says by itself. `at` is its place in the file;
    /// `vectors` is the most exact element type that the file keeps.
    ///
    /// # Errors
    /// R-MAN-8.
    pub fn parse(bytes: &[u8], at: u64, vectors: VectorKind) -> Result<Self, FormatError> {
        const RULE: &str = "R-MAN-8";
        let grid = Grid::<{ Self::LEN }>::new(bytes, "effort entry", at)?;
        let effort = Self::fields(&grid);
        let field = |holds, what, expected, found: u32, place| {
            ensure(holds, RULE, what, expected, found.into(), grid.at(place))
        };
        field(
            (1..=MAX_K).contains(&effort.k),
            "k of an effort entry",
            Expected::Between(1, MAX_K.into()),
            effort.k,
            0x00,
        )?;
        if !(0.0..=16.0).contains(&effort.slack) {
            return Err(FormatError::Float {
                rule: RULE,
                what: "slack of an effort entry",
                expected: Expected::Between(0, 16),
                found: effort.slack.to_bits(),
                offset: grid.at(0x08),
            });
        }
        let k = u64::from(effort.k);
        let (pool_holds, expected) = match vectors {
            VectorKind::I8 => (effort.pool == effort.k, Expected::Exactly(k)),
            VectorKind::F16 | VectorKind::F32 => (
                (effort.k..=MAX_K).contains(&effort.pool),
                Expected::Between(k, MAX_K.into()),
            ),
        };
        field(
            pool_holds,
            "pool of an effort entry",
            expected,
            effort.pool,
            0x0C,
        )?;
        field(
            effort.total > 0,
            "total of an effort entry",
            Expected::AtLeast(1),
            effort.total,
            0x14,
        )?;
        let most = Expected::AtMost(effort.total.into());
        field(
            effort.hits <= effort.total,
            "hits of an effort entry",
            most,
            effort.hits,
            0x10,
        )?;
        Ok(effort)
    }

    /// The 32 bytes of the entry.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        Sheet::<{ Self::LEN }>::new()
            .u32::<0x00>(self.k)
            .u32::<0x04>(self.probes)
            .u32::<0x08>(self.slack.to_bits())
            .u32::<0x0C>(self.pool)
            .u32::<0x10>(self.hits)
            .u32::<0x14>(self.total)
            .u32::<0x18>(self.scanned)
            .u32::<0x1C>(self.ranked)
            .finish()
    }

    /// Recall: hits / total, 0 to 1.
    #[must_use]
    pub fn recall(&self) -> f64 {
        f64::from(self.hits) / f64::from(self.total)
    }
}

/// The answer to a wish for recall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EffortChoice {
    /// The cheapest entry that reaches it, its pool raised to at least the wished k (k itself where vectors are kept as i8 only).
    Measured(Effort),
    /// No entry reaches it; this one, the last, is the file's ceiling. Its pool is raised in the same way.
    AboveCeiling(Effort),
    /// The file has no effort entries.
    NotMeasured,
}

impl EffortChoice {
    /// The effort that answers a wish for `recall` (0 to 1) at `k` hits, of entries in the order of a manifest
    /// (R-MAN-8). `vectors` is the most exact element type that the file keeps.
    #[must_use]
    pub fn choose(
        efforts: impl DoubleEndedIterator<Item = Effort> + Clone,
        vectors: VectorKind,
        k: u32,
        recall: f64,
    ) -> Self {
        let mut ks = efforts.clone().map(|effort| effort.k);
        let Some(listed) = ks.clone().find(|&listed| listed >= k).or(ks.next_back()) else {
            return Self::NotMeasured;
        };
        let raised = |effort: Effort| Effort {
            pool: match vectors {
                // Nothing is re-scored.
                VectorKind::I8 => k,
                VectorKind::F16 | VectorKind::F32 => effort.pool.max(k),
            },
            ..effort
        };
        let mut of_k = efforts.filter(|effort| effort.k == listed);
        let found = of_k.clone().find(|effort| effort.recall() >= recall);
        match (found, of_k.next_back()) {
            (Some(effort), _) => Self::Measured(raised(effort)),
            (None, Some(last)) => Self::AboveCeiling(raised(last)),
            (None, None) => Self::NotMeasured,
        }
    }
}
