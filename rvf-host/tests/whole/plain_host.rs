//! Two hosts that are written from the spec alone, with the whole file in memory: one for the native twin, one for a
//! module under wasmi. They show what `rvf-host` does not offer: parameters that are out of range.

use rvf_host::{Bytes, OpenOptions, Reader};
use rvf_microkernel::{
    Backend, HEAD_LEN, Hit, Index, Mode, Params, Query, Regions, Step, state_len,
};
use rvf_types::{SegmentType, VectorKind};
use wasmi::{Config, Instance, Memory, Module, Store, TypedFunc};

/// The payloads that a search reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Payloads {
    pub(crate) index: Vec<u8>,
    pub(crate) quant: Vec<u8>,
    pub(crate) vec_i8: Vec<u8>,
    pub(crate) vec_float: Vec<u8>,
    /// The vector number of each row.
    pub(crate) order: Vec<u32>,
    /// The bytecode of each module.
    pub(crate) modules: Vec<Vec<u8>>,
}

impl Payloads {
    pub(crate) fn of(file: &[u8]) -> Self {
        let reader = Reader::open(Bytes::from(file.to_vec()), &OpenOptions::new());
        let mut payloads = Self::default();
        for entry in &reader.expect("a valid file").manifest().entries {
            let from = entry.payload_offset() as usize;
            let payload = file[from..from + entry.payload_length as usize].to_vec();
            match (entry.kind, entry.vector_kind()) {
                (SegmentType::INDEX, _) => payloads.index = payload,
                (SegmentType::QUANT, _) => payloads.quant = payload,
                (_, Some(VectorKind::I8)) => payloads.vec_i8 = payload,
                (_, Some(_)) => payloads.vec_float = payload,
                (SegmentType::ORDER, _) => {
                    let (numbers, _) = payload.as_chunks::<4>();
                    payloads.order = numbers.iter().map(|n| u32::from_le_bytes(*n)).collect();
                }
                (SegmentType::WASM, _) => payloads.modules.push(payload[64..].to_vec()),
                _ => {}
            }
        }
        if payloads.order.is_empty() {
            payloads.order = (0..payloads.rows()).collect();
        }
        payloads
    }

    /// A field of the INDEX head.
    fn head(&self, at: usize) -> u32 {
        let bytes = self.index[at..at + 4].try_into();
        u32::from_le_bytes(bytes.expect("four bytes"))
    }

    fn rows(&self) -> u32 {
        self.head(0x08)
    }

    /// The start of the INDEX payload: head and mean.
    fn start(&self) -> &[u8] {
        &self.index[..HEAD_LEN + 4 * self.head(0x0C) as usize]
    }

    /// The bitmap by vector number of some rows.
    fn bitmap(&self, rows: &[u32]) -> Vec<u8> {
        let mut bits = vec![0; self.order.len().div_ceil(8)];
        for row in rows {
            let number = self.order[*row as usize];
            bits[number as usize / 8] |= 1 << (number % 8);
        }
        bits
    }

    /// The records that an exact search compares, as they lie in the file.
    fn exact_records(&self, live: Option<&[u32]>) -> Vec<u8> {
        let records = if self.vec_float.is_empty() {
            &self.vec_i8
        } else {
            &self.vec_float
        };
        let stride = self.record_len();
        let is_live = |row: u32| live.is_none_or(|live| live.contains(&row));
        let live = records
            .chunks_exact(stride)
            .filter(|record| is_live(u32::from_le_bytes(record[..4].try_into().expect("a row"))));
        live.flatten().copied().collect()
    }

    fn record_len(&self) -> usize {
        let records = if self.vec_float.is_empty() {
            &self.vec_i8
        } else {
            &self.vec_float
        };
        records.len() / self.order.len()
    }

    /// What an exact search counts (K-STAT-1).
    fn exact_stats(&self, live: Option<&[u32]>) -> [u32; 4] {
        let compared = live.map_or(self.rows(), |live| live.len() as u32);
        if self.vec_float.is_empty() {
            [0, 0, compared, 0]
        } else {
            [0, 0, 0, compared]
        }
    }
}

/// A query with every parameter by hand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) vector: Vec<f32>,
    pub(crate) exact: bool,
    pub(crate) k: u32,
    pub(crate) probes: u32,
    pub(crate) slack: f32,
    pub(crate) pool: u32,
    /// The rows that can be hits; none: all.
    pub(crate) live: Option<Vec<u32>>,
}

/// Hits with the bits of their distances, and the four stats; or the code of an error.
pub(crate) type Outcome = Result<(Vec<(u32, u32)>, [u32; 4]), i32>;

/// Asks the native twin.
pub(crate) fn ask_native(backend: Backend, payloads: &Payloads, asked: &Asked) -> Outcome {
    let code = |error: rvf_microkernel::Error| error.code();
    let index = Index::parse(&payloads.index).map_err(code)?;
    let mut params = Params::new(asked.k);
    if asked.exact {
        params.mode = Mode::Blocks;
    }
    params.probes = asked.probes;
    params.slack = asked.slack;
    params.pool = asked.pool;
    params.filter = asked.live.is_some() && !asked.exact;
    let live = asked.live.as_deref();
    let filter = live.map(|live| payloads.bitmap(live)).unwrap_or_default();
    let mut regions = Regions {
        index: &payloads.index,
        quant: &payloads.quant,
        vec_i8: &payloads.vec_i8,
        vec_float: &payloads.vec_float,
        filter: &filter,
    };
    let mut memory = vec![0; state_len(&index, &params).map_err(code)?];
    let mut out = vec![Hit::default(); asked.k as usize];
    let mean = &payloads.start()[HEAD_LEN..];
    let mut query =
        Query::begin(&index, mean, &params, &asked.vector, backend, &mut memory).map_err(code)?;
    if asked.exact {
        query
            .offer_block(&payloads.exact_records(live))
            .map_err(code)?;
    } else {
        assert_eq!(query.step(&mut regions).map_err(code)?, Step::Done);
    }
    let count = query.results(&mut out).map_err(code)?;
    let stats = query.stats();
    let hits = out[..count]
        .iter()
        .map(|hit| (hit.row, hit.distance.to_bits()));
    let stats = [
        stats.scanned,
        stats.second_looks,
        stats.ranked,
        stats.float_distances,
    ];
    let stats = if asked.exact {
        payloads.exact_stats(live)
    } else {
        stats
    };
    Ok((hits.collect(), stats))
}

/// How a module gets its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Feeding {
    /// Every region stands in its memory.
    Resident,
    /// Through the least window, the least that K-ABI-1 allows: the first need, and the bitmap ranges that belong to it.
    Least,
}

/// A module, opened on a file.
#[derive(Debug)]
pub(crate) struct PlainHost {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    payloads: Payloads,
    context: u32,
    params: u32,
    /// What may be used for a query.
    free: u32,
    feeding: Feeding,
}

const PARAMS: u32 = 64;
const CONTEXT: u32 = 256;
const FILTER: u32 = 4;

impl PlainHost {
    pub(crate) fn open(bytecode: &[u8], payloads: &Payloads, feeding: Feeding) -> Self {
        let engine = wasmi::Engine::new(&Config::default());
        let module = Module::new(&engine, bytecode).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("it imports nothing");
        let memory = instance.get_memory(&store, "memory").expect("a memory");
        let base = instance.get_global(&store, "__heap_base");
        let base = base
            .and_then(|base| base.get(&store).i32())
            .expect("__heap_base");
        let mut host = Self {
            store,
            instance,
            memory,
            payloads: payloads.clone(),
            context: 0,
            params: 0,
            free: base as u32,
            feeding,
        };
        let start = payloads.start();
        let index = host.put(start);
        host.context = host.take(CONTEXT);
        host.params = host.take(PARAMS);
        let call = [index, start.len() as u32, host.context, CONTEXT];
        assert_eq!(host.call4("rvf_open", call), 0);
        if feeding == Feeding::Resident {
            let float = &payloads.vec_float;
            let regions = [&payloads.index, &payloads.quant, &payloads.vec_i8, float];
            for (region, bytes) in (0..).zip(regions) {
                if !bytes.is_empty() {
                    let at = host.put(bytes);
                    let call = [host.context, region, at, bytes.len() as u32];
                    assert_eq!(host.call4("rvf_resident", call), 0);
                }
            }
        }
        host
    }

    pub(crate) fn ask(&mut self, asked: &Asked) -> Outcome {
        let start = self.free;
        let outcome = self.run(asked);
        self.free = start;
        outcome
    }

    fn run(&mut self, asked: &Asked) -> Outcome {
        let live = asked.live.as_deref();
        let filter = live.map(|live| self.payloads.bitmap(live));
        let filter = filter.filter(|_| !asked.exact);
        let window = match self.feeding {
            Feeding::Resident => u32::MAX,
            Feeding::Least => self.least_window(filter.as_deref()),
        };
        let params = [
            asked.k,
            u32::from(asked.exact),
            asked.probes,
            asked.slack.to_bits(),
            asked.pool,
            filter.is_some().into(),
            window,
            4,
        ];
        let params: Vec<u8> = params.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.write(self.params, &params);
        let vector: Vec<u8> = asked.vector.iter().flat_map(|x| x.to_le_bytes()).collect();
        let vector = self.put(&vector);
        let size = self.call2("rvf_size", [self.context, self.params]);
        let state_len = code(size)?;
        let state = self.take(state_len);
        let begun = self.call5(
            "rvf_begin",
            [self.context, self.params, vector, state, state_len],
        );
        code(begun)?;
        if asked.exact {
            let records = self.payloads.exact_records(live);
            let count = records.len() / self.payloads.record_len();
            let at = self.put(&records);
            code(self.call3("rvf_block", [state, at, count as u32]))?;
        }
        // A query of the mode for blocks is done from the start.
        let mut steps = 0;
        loop {
            let count = self.call1("rvf_step", state);
            let count = code(count)?;
            if count == 0 {
                break;
            }
            self.feed(filter.as_deref(), state, count, window)?;
            // Every step that is fed gets on (K-ABI-1), by a group of rows or by a record at least.
            steps += 1;
            assert!(
                steps < 100_000,
                "the kernel asks for the same again and again"
            );
        }
        let out = self.take(8 * asked.k);
        let count = self.call3("rvf_results", [state, out, asked.k]);
        let count = code(count)?;
        let hits = self.words(out, 2 * count);
        let hits = hits.chunks_exact(2).map(|hit| (hit[0], hit[1])).collect();
        let out = self.take(16);
        code(self.call2("rvf_stats", [state, out]))?;
        let stats = self.words(out, 4);
        if asked.exact {
            return Ok((hits, self.payloads.exact_stats(live)));
        }
        Ok((hits, [stats[0], stats[1], stats[2], stats[3]]))
    }

    /// Gives the first need; where that is the filter, the one that follows it too (K-ABI-1).
    fn feed(
        &mut self,
        filter: Option<&[u8]>,
        state: u32,
        count: u32,
        window: u32,
    ) -> Result<(), i32> {
        assert!(count <= 4, "max needs is 4");
        let needs = self.call1("rvf_needs", state) as u32;
        let needs = self.words(needs, 4 * count);
        let start = self.free;
        for (number, need) in (0..).zip(needs.chunks_exact(4)) {
            let (region, len) = (need[0], need[1]);
            if number > 1 || (number == 1 && needs[0] != FILTER) {
                break;
            }
            assert!(len > 0 && len <= window, "a need of {len} bytes");
            let from = (u64::from(need[2]) | u64::from(need[3]) << 32) as usize;
            let bytes = match region {
                0 => &self.payloads.index[..],
                1 => &self.payloads.quant,
                2 => &self.payloads.vec_i8,
                3 => &self.payloads.vec_float,
                FILTER => filter.expect("there is a filter"),
                _ => panic!("a need of region {region}"),
            };
            let bytes = bytes[from..from + len as usize].to_vec();
            let at = self.put(&bytes);
            code(self.call3("rvf_feed", [state, number, at]))?;
        }
        // What was fed must stay until the next step returns; it is the next feed that writes over it.
        self.free = start;
        Ok(())
    }

    /// K-ABI-3: a group of entries, a record, the filter.
    fn least_window(&self, filter: Option<&[u8]>) -> u32 {
        let group = 256 * self.payloads.head(0x18) + 256;
        let record = |bytes: &[u8]| bytes.len() as u32 / self.payloads.rows();
        [
            group,
            record(&self.payloads.vec_i8),
            record(&self.payloads.vec_float),
            filter.map_or(0, |filter| filter.len() as u32),
        ]
        .into_iter()
        .max()
        .unwrap_or_default()
    }

    /// Gives out memory on a multiple of 16.
    fn take(&mut self, len: u32) -> u32 {
        let at = self.free.next_multiple_of(16);
        self.free = at + len;
        let size = self.memory.data_size(&self.store) as u64;
        // K-ABI-7: 16 bytes lie behind each buffer.
        let wanted = u64::from(self.free) + 16;
        let missing = wanted.saturating_sub(size).div_ceil(65_536);
        self.memory
            .grow(&mut self.store, missing)
            .expect("memory for a small file");
        at
    }

    fn put(&mut self, bytes: &[u8]) -> u32 {
        let at = self.take(bytes.len() as u32);
        self.write(at, bytes);
        at
    }

    fn write(&mut self, at: u32, bytes: &[u8]) {
        let memory = self.memory.data_mut(&mut self.store);
        memory[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
    }

    fn words(&self, at: u32, count: u32) -> Vec<u32> {
        let memory = self.memory.data(&self.store);
        let bytes = &memory[at as usize..at as usize + 4 * count as usize];
        let (words, _) = bytes.as_chunks::<4>();
        words.iter().map(|word| u32::from_le_bytes(*word)).collect()
    }

    fn function<P: wasmi::WasmParams>(&self, name: &str) -> TypedFunc<P, i32> {
        self.instance
            .get_typed_func(&self.store, name)
            .expect("an export of the interface")
    }

    fn call1(&mut self, name: &str, a: u32) -> i32 {
        let function = self.function::<i32>(name);
        function.call(&mut self.store, a as i32).expect("no trap")
    }

    fn call2(&mut self, name: &str, arguments: [u32; 2]) -> i32 {
        let [a, b] = arguments.map(|argument| argument as i32);
        let function = self.function::<(i32, i32)>(name);
        function.call(&mut self.store, (a, b)).expect("no trap")
    }

    fn call3(&mut self, name: &str, arguments: [u32; 3]) -> i32 {
        let [a, b, c] = arguments.map(|argument| argument as i32);
        let function = self.function::<(i32, i32, i32)>(name);
        function.call(&mut self.store, (a, b, c)).expect("no trap")
    }

    fn call4(&mut self, name: &str, arguments: [u32; 4]) -> i32 {
        let [a, b, c, d] = arguments.map(|argument| argument as i32);
        let function = self.function::<(i32, i32, i32, i32)>(name);
        function
            .call(&mut self.store, (a, b, c, d))
            .expect("no trap")
    }

    fn call5(&mut self, name: &str, arguments: [u32; 5]) -> i32 {
        let [a, b, c, d, e] = arguments.map(|argument| argument as i32);
        let function = self.function::<(i32, i32, i32, i32, i32)>(name);
        function
            .call(&mut self.store, (a, b, c, d, e))
            .expect("no trap")
    }
}

/// A negative answer is an error.
fn code(answer: i32) -> Result<u32, i32> {
    u32::try_from(answer).map_err(|_| answer)
}
