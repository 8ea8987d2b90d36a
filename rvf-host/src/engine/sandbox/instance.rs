//! One instance of a kernel module: its memory and its exports, with the types that kernel.md gives them.

use wasmi::{Instance, Memory, Store, StoreLimits, StoreLimitsBuilder, TypedFunc};

use super::{Fault, Sandbox, call_fault};

/// Version of the interface (`rvf_abi`).
const ABI: i32 = 0x2_0002;
/// Bytes of a page of linear memory.
const PAGE: usize = 65_536;
/// Bytes of memory that lie behind each buffer (K-ABI-7).
const BEHIND: usize = 16;

type One = TypedFunc<i32, i32>;
type Two = TypedFunc<(i32, i32), i32>;
type Three = TypedFunc<(i32, i32, i32), i32>;
type Four = TypedFunc<(i32, i32, i32, i32), i32>;
type Five = TypedFunc<(i32, i32, i32, i32, i32), i32>;

#[derive(Debug)]
struct Exports {
    open: Four,
    resident: Four,
    query_size: Two,
    query_begin: Five,
    query_step: One,
    query_needs: One,
    query_feed: Three,
    query_results: Three,
    query_stats: Two,
    block: Three,
}

/// An instance. Once a call has failed it is not to be used again.
#[derive(Debug)]
pub(super) struct Kernel {
    store: Store<StoreLimits>,
    memory: Memory,
    exports: Exports,
    /// What the module says it can do (`rvf_caps`).
    pub(super) caps: u32,
    /// Where the host's part of the memory starts.
    pub(super) heap_base: usize,
    /// Bytes that the memory may have in all.
    limit: usize,
    /// Fuel that the query at hand had at its start.
    budget: u64,
}

impl Kernel {
    /// An instance with a memory of at most `limit` bytes.
    pub(super) fn new(sandbox: &Sandbox, limit: usize, fuel: u64) -> Result<Self, Fault> {
        let limits = StoreLimitsBuilder::new()
            .memory_size(limit)
            .memories(1)
            .instances(1)
            .tables(16)
            .table_elements(65_536)
            .build();
        let mut store = Store::new(sandbox.compiled.engine(), limits);
        store.limiter(|limits| limits);
        refuel(&mut store, fuel)?;
        let failed = |error: wasmi::Error| Fault::Instantiate {
            message: error.to_string(),
        };
        let instance = Instance::new(&mut store, &sandbox.compiled, &[]).map_err(failed)?;

        let memory = instance.get_memory(&store, "memory").ok_or(Fault::Export {
            name: "memory",
            expected: "its memory",
        })?;
        let heap_base = instance
            .get_global(&store, "__heap_base")
            .and_then(|global| global.get(&store).i32())
            .and_then(|base| usize::try_from(base.cast_unsigned()).ok())
            .ok_or(Fault::Export {
                name: "__heap_base",
                expected: "a global i32",
            })?;
        let exports = Exports::find(&instance, &store)?;
        let mut kernel = Self {
            store,
            memory,
            exports,
            caps: 0,
            heap_base,
            limit,
            budget: fuel,
        };

        let abi = kernel.constant(&instance, "rvf_abi")?;
        if abi != ABI {
            return Err(Fault::Version { found: abi });
        }
        kernel.caps = kernel.constant(&instance, "rvf_caps")?.cast_unsigned();
        Ok(kernel)
    }

    fn constant(&mut self, instance: &Instance, name: &'static str) -> Result<i32, Fault> {
        let get: TypedFunc<(), i32> = typed(instance, &self.store, name, "() -> i32")?;
        get.call(&mut self.store, ())
            .map_err(|error| call_fault(name, self.budget, &error))
    }

    /// Gives the next query its fuel.
    pub(super) fn refuel(&mut self, fuel: u64) -> Result<(), Fault> {
        self.budget = fuel;
        refuel(&mut self.store, fuel)
    }

    /// Fuel that was spent since.
    pub(super) fn spent(&self) -> u64 {
        self.budget
            .saturating_sub(self.store.get_fuel().unwrap_or(0))
    }

    pub(super) fn memory_size(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    /// Where what the host puts into the memory may end at most.
    pub(super) const fn memory_limit(&self) -> usize {
        self.limit.saturating_sub(BEHIND)
    }

    /// Makes the memory large enough for a buffer that ends at `end`.
    pub(super) fn reach(&mut self, end: usize) -> Result<(), Fault> {
        let end = end.saturating_add(BEHIND);
        let size = self.memory_size();
        if end <= size {
            return Ok(());
        }
        let too_much = || Fault::Memory {
            needed: end as u64,
            limit: self.limit as u64,
        };
        if end > self.limit {
            return Err(too_much());
        }
        let pages = (end - size).div_ceil(PAGE);
        match self.memory.grow(&mut self.store, pages as u64) {
            Ok(_) => Ok(()),
            // The module's own maximum, or the limit: a page may not fit that its first bytes do.
            Err(_) => Err(Fault::Memory {
                needed: end as u64,
                limit: self.limit.min(size) as u64,
            }),
        }
    }

    /// The bytes `at..at + len` of the memory, if they are inside.
    pub(super) fn bytes(&self, at: usize, len: usize) -> Option<&[u8]> {
        self.memory.data(&self.store).get(at..at.checked_add(len)?)
    }

    /// As [`Kernel::bytes`], to write to.
    pub(super) fn bytes_mut(&mut self, at: usize, len: usize) -> Option<&mut [u8]> {
        self.memory
            .data_mut(&mut self.store)
            .get_mut(at..at.checked_add(len)?)
    }

    /// Writes to the memory, which was made large enough before.
    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Fault> {
        let size = self.memory_size();
        match self.bytes_mut(at, bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                Ok(())
            }
            // A memory does not shrink: the layout is at fault, and the query ends.
            None => Err(Fault::Memory {
                needed: (at + bytes.len()) as u64,
                limit: size as u64,
            }),
        }
    }

    pub(super) fn open(
        &mut self,
        index: usize,
        len: usize,
        context: usize,
        size: usize,
    ) -> Result<(), Fault> {
        let call = (word(index), word(len), word(context), word(size));
        let result = self.exports.open.call(&mut self.store, call);
        zero("rvf_open", self.finish("rvf_open", result)?)
    }

    pub(super) fn resident(
        &mut self,
        context: usize,
        region: u32,
        at: usize,
        len: usize,
    ) -> Result<(), Fault> {
        let call = (word(context), region.cast_signed(), word(at), word(len));
        let result = self.exports.resident.call(&mut self.store, call);
        zero("rvf_resident", self.finish("rvf_resident", result)?)
    }

    /// Bytes that the state needs.
    pub(super) fn query_size(&mut self, context: usize, params: usize) -> Result<u32, Fault> {
        let result = self
            .exports
            .query_size
            .call(&mut self.store, (word(context), word(params)));
        count("rvf_size", self.finish("rvf_size", result)?)
    }

    pub(super) fn query_begin(
        &mut self,
        context: usize,
        params: usize,
        vector: usize,
        state: usize,
        state_len: usize,
    ) -> Result<(), Fault> {
        let call = (
            word(context),
            word(params),
            word(vector),
            word(state),
            word(state_len),
        );
        let result = self.exports.query_begin.call(&mut self.store, call);
        zero("rvf_begin", self.finish("rvf_begin", result)?)
    }

    /// Number of ranges that are needed; 0 at the end.
    pub(super) fn query_step(&mut self, state: usize) -> Result<u32, Fault> {
        let result = self.exports.query_step.call(&mut self.store, word(state));
        count("rvf_step", self.finish("rvf_step", result)?)
    }

    /// Where the needs are. Any number: it is checked when they are read.
    pub(super) fn query_needs(&mut self, state: usize) -> Result<usize, Fault> {
        let result = self.exports.query_needs.call(&mut self.store, word(state));
        let at = self.finish("rvf_needs", result)?;
        // A pointer above 2³¹ looks negative; so does an error code. Only what can't be a pointer is a code.
        if (-64..0).contains(&at) {
            return Err(Fault::Code {
                call: "rvf_needs",
                code: at,
            });
        }
        Ok(usize::try_from(at.cast_unsigned()).unwrap_or(usize::MAX))
    }

    pub(super) fn query_feed(&mut self, state: usize, number: u32, at: usize) -> Result<(), Fault> {
        let call = (word(state), number.cast_signed(), word(at));
        let result = self.exports.query_feed.call(&mut self.store, call);
        zero("rvf_feed", self.finish("rvf_feed", result)?)
    }

    /// Number of hits that it wrote.
    pub(super) fn query_results(
        &mut self,
        state: usize,
        out: usize,
        most: u32,
    ) -> Result<u32, Fault> {
        let call = (word(state), word(out), most.cast_signed());
        let result = self.exports.query_results.call(&mut self.store, call);
        count("rvf_results", self.finish("rvf_results", result)?)
    }

    pub(super) fn query_stats(&mut self, state: usize, out: usize) -> Result<(), Fault> {
        let result = self
            .exports
            .query_stats
            .call(&mut self.store, (word(state), word(out)));
        zero("rvf_stats", self.finish("rvf_stats", result)?)
    }

    /// Offers `count` records at `records` to a query.
    pub(super) fn block(&mut self, state: usize, records: usize, count: u32) -> Result<(), Fault> {
        let call = (word(state), word(records), count.cast_signed());
        let result = self.exports.block.call(&mut self.store, call);
        zero("rvf_block", self.finish("rvf_block", result)?)
    }

    fn finish(&self, call: &'static str, result: Result<i32, wasmi::Error>) -> Result<i32, Fault> {
        result.map_err(|error| call_fault(call, self.budget, &error))
    }
}

impl Exports {
    fn find(instance: &Instance, store: &Store<StoreLimits>) -> Result<Self, Fault> {
        const ONE: &str = "(i32) -> i32";
        const TWO: &str = "(i32, i32) -> i32";
        const THREE: &str = "(i32, i32, i32) -> i32";
        const FOUR: &str = "(i32, i32, i32, i32) -> i32";
        const FIVE: &str = "(i32, i32, i32, i32, i32) -> i32";
        Ok(Self {
            open: typed(instance, store, "rvf_open", FOUR)?,
            resident: typed(instance, store, "rvf_resident", FOUR)?,
            query_size: typed(instance, store, "rvf_size", TWO)?,
            query_begin: typed(instance, store, "rvf_begin", FIVE)?,
            query_step: typed(instance, store, "rvf_step", ONE)?,
            query_needs: typed(instance, store, "rvf_needs", ONE)?,
            query_feed: typed(instance, store, "rvf_feed", THREE)?,
            query_results: typed(instance, store, "rvf_results", THREE)?,
            query_stats: typed(instance, store, "rvf_stats", TWO)?,
            block: typed(instance, store, "rvf_block", THREE)?,
        })
    }
}

fn typed<P: wasmi::WasmParams, R: wasmi::WasmResults>(
    instance: &Instance,
    store: &Store<StoreLimits>,
    name: &'static str,
    expected: &'static str,
) -> Result<TypedFunc<P, R>, Fault> {
    instance
        .get_typed_func(store, name)
        .map_err(|_| Fault::Export { name, expected })
}

fn refuel(store: &mut Store<StoreLimits>, fuel: u64) -> Result<(), Fault> {
    store.set_fuel(fuel).map_err(|error| Fault::Instantiate {
        message: error.to_string(),
    })
}

/// A number as the interface passes it: 32 bits, without a sign. What is passed lies inside a linear memory, whose
/// size is below 2³² bytes.
fn word(number: usize) -> i32 {
    u32::try_from(number).unwrap_or(u32::MAX).cast_signed()
}

fn zero(call: &'static str, answer: i32) -> Result<(), Fault> {
    match answer {
        0 => Ok(()),
        code if code < 0 => Err(Fault::Code { call, code }),
        other => Err(Fault::Lie {
            call,
            what: "the result",
            found: u64::from(other.cast_unsigned()),
            bound: 0,
        }),
    }
}

fn count(call: &'static str, answer: i32) -> Result<u32, Fault> {
    u32::try_from(answer).map_err(|_| Fault::Code { call, code: answer })
}
