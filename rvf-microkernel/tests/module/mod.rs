//! The wasm modules under wasmi, with checks of everything that they answer.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests"
)]

use rvf_microkernel::{Mode, Params};
use wasmi::{Engine, Instance, Linker, Memory, Module, Store, Val};

use crate::naive::File;
use crate::naive::search::{Ask, Hits, Stats};
use crate::support::run::live_records;

/// A module of `prebuilt/`.
pub(crate) fn prebuilt(name: &str) -> Vec<u8> {
    let path = format!(
        "{}/prebuilt/rvf-microkernel-{name}.wasm",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}; run `cargo xtask wasm`"))
}

pub(crate) const BUILDS: [&str; 2] = ["simd", "scalar"];

/// A running module. Memory is taken from `__heap_base` on and never given back.
#[derive(Debug)]
pub(crate) struct Host {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    next: u32,
}

/// Offset in a region, length, region.
pub(crate) type Need = (u32, u64, u32);

impl Host {
    pub(crate) fn new(module: &[u8]) -> Self {
        let engine = Engine::default();
        let module = Module::new(&engine, module).unwrap();
        assert_eq!(module.imports().count(), 0);
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine)
            .instantiate_and_start(&mut store, &module)
            .unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        let base = instance
            .get_global(&store, "__heap_base")
            .unwrap()
            .get(&store);
        let Val::I32(next) = base else {
            panic!("__heap_base is no i32")
        };
        Self {
            store,
            instance,
            memory,
            next: next as u32,
        }
    }

    pub(crate) fn call(&mut self, name: &str, args: &[u32]) -> i32 {
        let function = self.instance.get_func(&self.store, name).unwrap();
        let args: Vec<Val> = args.iter().map(|&arg| Val::I32(arg as i32)).collect();
        let mut out = [Val::I32(0)];
        function
            .call(&mut self.store, &args, &mut out)
            .unwrap_or_else(|error| panic!("{name} trapped: {error}"));
        let Val::I32(value) = out[0] else {
            panic!("no i32")
        };
        value
    }

    /// Fresh memory, aligned to 16 bytes plus `skew`, with 16 bytes behind it (K-ABI-7).
    pub(crate) fn alloc(&mut self, len: usize, skew: u32) -> u32 {
        let at = self.next.next_multiple_of(16) + skew;
        self.next = at + len as u32;
        let have = self.memory.data_size(&self.store);
        let want = self.next as usize + 16;
        if want > have {
            let pages = (want - have).div_ceil(65536);
            self.memory.grow(&mut self.store, pages as u64).unwrap();
        }
        at
    }

    pub(crate) fn put(&mut self, bytes: &[u8], skew: u32) -> u32 {
        let at = self.alloc(bytes.len(), skew);
        self.memory
            .write(&mut self.store, at as usize, bytes)
            .unwrap();
        at
    }

    pub(crate) fn write(&mut self, at: u32, bytes: &[u8]) {
        self.memory
            .write(&mut self.store, at as usize, bytes)
            .unwrap();
    }

    pub(crate) fn get(&self, at: u32, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        self.memory
            .read(&self.store, at as usize, &mut out)
            .unwrap();
        out
    }

    pub(crate) fn memory_len(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    /// A context of the file.
    pub(crate) fn open(&mut self, index: &[u8]) -> Result<u32, i32> {
        let head = self.put(index, 1);
        let ctx = self.alloc(256, 0);
        match self.call("rvf_open", &[head, index.len() as u32, ctx, 256]) {
            0 => Ok(ctx),
            code => Err(code),
        }
    }

    /// A context of the file with all of it in memory, and where free memory starts behind that.
    pub(crate) fn open_resident(&mut self, file: &File) -> Result<(u32, u32), i32> {
        let ctx = self.open(&file.index)?;
        for (region, bytes) in [&file.index, &file.quant, &file.vec_i8, &file.vec_float]
            .into_iter()
            .enumerate()
        {
            let at = self.put(bytes, 0);
            assert_eq!(
                self.call(
                    "rvf_resident",
                    &[ctx, region as u32, at, bytes.len() as u32]
                ),
                0
            );
        }
        Ok((ctx, self.next))
    }

    /// Gives back the memory from an address on.
    pub(crate) fn free_from(&mut self, address: u32) {
        self.next = address;
    }

    pub(crate) fn begin(&mut self, ctx: u32, params: &Params, q: &[f32]) -> Result<u32, i32> {
        let mut bytes = Vec::new();
        for word in [
            params.k,
            params.mode as u32,
            params.probes,
            params.slack.to_bits(),
            params.pool,
        ] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(u32::from(params.filter).to_le_bytes());
        bytes.extend(params.window.to_le_bytes());
        bytes.extend(params.max_needs.to_le_bytes());
        bytes.resize(64, 0);
        let params = self.put(&bytes, 3);
        let vector: Vec<u8> = q.iter().flat_map(|v| v.to_le_bytes()).collect();
        let vector = self.put(&vector, 2);
        let size = self.call("rvf_size", &[ctx, params]);
        if size < 0 {
            return Err(size);
        }
        // Memory that holds garbage must do.
        let state = self.put(&vec![0xA5; size as usize], 0);
        assert_eq!(
            self.call("rvf_begin", &[ctx, params, vector, state, size as u32 - 1]),
            -3
        );
        match self.call("rvf_begin", &[ctx, params, vector, state, size as u32]) {
            0 => Ok(state),
            code => Err(code),
        }
    }

    pub(crate) fn needs(&mut self, state: u32, count: usize) -> Vec<Need> {
        let at = self.call("rvf_needs", &[state]) as u32;
        self.get(at, count * 16)
            .chunks(16)
            .map(|need| {
                let word = |at: usize| {
                    u32::from_le_bytes([need[at], need[at + 1], need[at + 2], need[at + 3]])
                };
                (
                    word(0),
                    u64::from(word(8)) | u64::from(word(12)) << 32,
                    word(4),
                )
            })
            .collect()
    }

    pub(crate) fn results(&mut self, state: u32, max: usize) -> Hits {
        let out = self.alloc(max * 8, 1);
        let n = self.call("rvf_results", &[state, out, max as u32]);
        assert!(n >= 0 && n as usize <= max, "results: {n}");
        self.get(out, n as usize * 8)
            .chunks(8)
            .map(|hit| {
                (
                    u32::from_le_bytes([hit[0], hit[1], hit[2], hit[3]]),
                    f32::from_le_bytes([hit[4], hit[5], hit[6], hit[7]]),
                )
            })
            .collect()
    }

    pub(crate) fn stats(&mut self, state: u32) -> Stats {
        let out = self.alloc(16, 3);
        assert_eq!(self.call("rvf_stats", &[state, out]), 0);
        let bytes = self.get(out, 16);
        std::array::from_fn(|i| {
            u32::from_le_bytes([
                bytes[4 * i],
                bytes[4 * i + 1],
                bytes[4 * i + 2],
                bytes[4 * i + 3],
            ])
        })
    }

    /// A search in which the regions of `resident` stand in memory and the others are fed, the filter
    /// of each step and the first `feed` ranges behind it.
    pub(crate) fn search(
        &mut self,
        file: &File,
        q: &[f32],
        params: &Params,
        ask: &Ask<'_>,
        resident: &[u32],
        feed: usize,
    ) -> Result<(Hits, Stats), i32> {
        let start = self.next;
        let ctx = self.open(&file.index)?;
        let nothing = [];
        let regions: [&[u8]; 5] = [
            &file.index,
            &file.quant,
            &file.vec_i8,
            &file.vec_float,
            ask.filter.unwrap_or(&nothing),
        ];
        for &region in resident {
            let at = self.put(regions[region as usize], region % 3);
            let len = regions[region as usize].len() as u32;
            assert_eq!(self.call("rvf_resident", &[ctx, region, at, len]), 0);
        }
        let state = self.begin(ctx, params, q)?;
        if params.mode == Mode::Blocks {
            assert_eq!(self.call("rvf_step", &[state]), 0);
            let records = live_records(file, ask).map_err(|_| -9)?;
            let stride = records.len() / (0..file.rows).filter(|&n| ask.live(n)).count().max(1);
            for (i, block) in records.chunks((feed * stride).max(1)).enumerate() {
                let at = self.put(block, i as u32 % 4);
                let count = (block.len() / stride) as u32;
                let code = self.call("rvf_block", &[state, at, count]);
                if code != 0 {
                    self.next = start;
                    return Err(code);
                }
            }
        }
        let arena = self.next;
        let mut steps = 0;
        loop {
            let n = self.call("rvf_step", &[state]);
            if n < 0 {
                self.next = start;
                return Err(n);
            }
            if n == 0 {
                break;
            }
            steps += 1;
            assert!(steps < 200_000, "the query does not get on");
            assert!(n as u32 <= params.max_needs);
            assert_eq!(self.call("rvf_step", &[state]), -10, "a step without feed");
            self.next = arena;
            let needs = self.needs(state, n as usize);
            let filter = usize::from(needs[0].0 == 4);
            for (i, &(region, offset, len)) in needs.iter().enumerate().take(filter + feed) {
                assert!(len > 0 && len <= params.window);
                // What the file does not have is bad data for a host.
                let Some(bytes) = usize::try_from(offset)
                    .ok()
                    .and_then(|at| regions[region as usize].get(at..at.checked_add(len as usize)?))
                else {
                    self.next = start;
                    return Err(-9);
                };
                assert!(!resident.contains(&region));
                let bytes = bytes.to_vec();
                let at = self.put(&bytes, i as u32 % 4);
                assert_eq!(self.call("rvf_feed", &[state, i as u32, at]), 0);
            }
        }
        let found = (self.results(state, params.k as usize), self.stats(state));
        // Reading twice gives the same.
        assert_eq!(
            self.results(state, 1),
            found.0.iter().take(1).copied().collect::<Hits>()
        );
        self.next = start;
        Ok(found)
    }
}
