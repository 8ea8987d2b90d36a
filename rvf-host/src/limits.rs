//! What a module from a file may use.

/// Limits of the sandbox.
///
/// A module that goes over one of them ends with an error that names it; the process goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of linear memory beyond the data that is kept resident: the module's own, the query's state and the
    /// window through which data is fed.
    pub memory: usize,
    /// Bytes of the file's regions that may be kept in the module's memory, so that queries need not ask for them. A
    /// region is kept if it and those before it (INDEX, QUANT, then the vectors) fit.
    pub resident: usize,
    /// Fuel that a query may spend, in wasmi's units (about one for an instruction).
    pub fuel: Fuel,
    /// Steps of one query's state machine. Each step that asks for data is answered by at least one range.
    pub steps: u32,
    /// Bytes of a module's bytecode.
    pub module_bytes: u32,
}

/// How much fuel a query may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fuel {
    /// As much as a kernel can sensibly want for the file's rows and dimension: at least four times what ours spends.
    Scaled,
    /// So much, for each query.
    PerQuery(u64),
}

impl Limits {
    /// For servers, desktops and phones: 64 MiB beyond the data, of which 256 MiB may be resident.
    #[must_use]
    pub const fn server() -> Self {
        Self {
            memory: 64 << 20,
            resident: 256 << 20,
            fuel: Fuel::Scaled,
            steps: 1 << 24,
            module_bytes: 4 << 20,
        }
    }

    /// For small devices: 4 MiB in all, every query is fed.
    #[must_use]
    pub const fn embedded() -> Self {
        Self {
            memory: 4 << 20,
            resident: 0,
            fuel: Fuel::Scaled,
            steps: 1 << 24,
            module_bytes: 256 << 10,
        }
    }

    /// Sets the bytes of linear memory beyond resident data.
    #[must_use]
    pub const fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets the bytes of data that may be resident; 0: every query is fed.
    #[must_use]
    pub const fn resident(mut self, bytes: usize) -> Self {
        self.resident = bytes;
        self
    }

    /// Sets the fuel of a query.
    #[must_use]
    pub const fn fuel(mut self, fuel: Fuel) -> Self {
        self.fuel = fuel;
        self
    }

    /// Sets the steps of a query.
    #[must_use]
    pub const fn steps(mut self, steps: u32) -> Self {
        self.steps = steps;
        self
    }

    /// The fuel of a query.
    pub(crate) fn fuel_for(&self, work: &Work) -> u64 {
        match self.fuel {
            Fuel::PerQuery(fuel) => fuel,
            Fuel::Scaled => {
                let dimension = u64::from(work.dimension);
                let pool = u64::from(work.pool.max(work.k));
                let float_distances = if work.all_floats {
                    work.rows
                } else {
                    work.pool
                };
                // Our scalar build takes some 24 units a component of an integer distance and up to 100 of a float
                // one, 100 for the codes of a row, 100 a component for the rotation, and a few thousand for each
                // place of the heaps. Four times that and more: another kernel may do more.
                let rows = u64::from(work.rows)
                    .saturating_mul(dimension.saturating_mul(100).saturating_add(4_000));
                let floats =
                    u64::from(float_distances).saturating_mul(dimension.saturating_mul(800));
                let rotation = dimension.saturating_mul(20_000);
                let heaps = pool.saturating_mul(100_000);
                [floats, rotation, heaps, 50_000_000]
                    .into_iter()
                    .fold(rows, u64::saturating_add)
            }
        }
    }
}

/// What a query may have to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    pub(crate) rows: u32,
    pub(crate) dimension: u32,
    pub(crate) k: u32,
    pub(crate) pool: u32,
    /// Whether it computes the float distance of every row.
    pub(crate) all_floats: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self::server()
    }
}
