//! Small files to test with.
#![allow(
    dead_code,
    reason = "each test binary uses its own part of this module"
)]

use rvf_host::{Bytes, OpenOptions, Reader};
use rvf_pack::source::{Id, MemorySource};
use rvf_pack::{Metric, Module, Packer, VectorKind};

/// splitmix64.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Evenly spread in −1 to 1.
    pub(crate) fn float(&mut self) -> f32 {
        (self.word() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.word() % bound
    }
}

/// Vectors around a few centres, as real ones are.
pub(crate) fn vectors(rows: usize, dimension: usize, seed: u64) -> Vec<f32> {
    let mut random = Random(seed);
    let centres: Vec<Vec<f32>> = (0..8)
        .map(|_| (0..dimension).map(|_| random.float()).collect())
        .collect();
    (0..rows)
        .flat_map(|_| {
            let centre = &centres[random.below(8) as usize];
            let vector: Vec<f32> = centre.iter().map(|c| c + 0.5 * random.float()).collect();
            vector
        })
        .collect()
}

/// What a test file is made of.
#[derive(Debug, Clone)]
pub(crate) struct Spec {
    pub(crate) rows: usize,
    pub(crate) dimension: usize,
    pub(crate) metric: Metric,
    pub(crate) kept: VectorKind,
    pub(crate) ids: Option<Vec<Id>>,
    pub(crate) modules: Option<Vec<Module>>,
    pub(crate) measure: bool,
    pub(crate) lists: Option<u32>,
    pub(crate) seed: u64,
}

impl Spec {
    pub(crate) fn new(rows: usize, dimension: usize) -> Self {
        Self {
            rows,
            dimension,
            metric: Metric::Cosine,
            kept: VectorKind::I8,
            ids: None,
            modules: None,
            measure: false,
            lists: None,
            seed: 7,
        }
    }

    pub(crate) fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    pub(crate) fn kept(mut self, kept: VectorKind) -> Self {
        self.kept = kept;
        self
    }

    pub(crate) fn ids(mut self, ids: Vec<Id>) -> Self {
        self.ids = Some(ids);
        self
    }

    pub(crate) fn modules(mut self, modules: Vec<Module>) -> Self {
        self.modules = Some(modules);
        self
    }

    pub(crate) fn no_code(self) -> Self {
        self.modules(Vec::new())
    }

    pub(crate) fn measured(mut self) -> Self {
        self.measure = true;
        self
    }

    pub(crate) fn lists(mut self, lists: u32) -> Self {
        self.lists = Some(lists);
        self
    }

    /// The vectors that are packed.
    pub(crate) fn input(&self) -> Vec<f32> {
        vectors(self.rows, self.dimension, self.seed)
    }

    /// Vectors to search for.
    pub(crate) fn queries(&self, count: usize) -> Vec<Vec<f32>> {
        vectors(self.rows + count, self.dimension, self.seed)
            .chunks(self.dimension)
            .skip(self.rows)
            .map(<[f32]>::to_vec)
            .collect()
    }

    /// The bytes of the file.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut packer = Packer::new()
            .metric(self.metric)
            .vectors(self.kept)
            .measure(self.measure)
            .threads(1);
        if let Some(modules) = &self.modules {
            packer = packer.modules(modules.clone());
        }
        if let Some(lists) = self.lists {
            packer = packer.lists(lists);
        }
        if let Some(ids) = &self.ids {
            packer = packer.ids(ids.clone());
        }
        let mut source = MemorySource::new(self.dimension, self.input(), None).unwrap();
        packer.pack_to_vec(&mut source).unwrap().0
    }

    pub(crate) fn open(&self, options: &OpenOptions) -> Reader {
        open(self.pack(), options)
    }
}

pub(crate) fn open(file: Vec<u8>, options: &OpenOptions) -> Reader {
    Reader::open(Bytes::from(file), options).unwrap()
}

/// Text ids of different lengths.
pub(crate) fn text_ids(rows: usize) -> Vec<Id> {
    (0..rows)
        .map(|row| Id::Text(format!("id-{row}-{}", "ä".repeat(row % 5))))
        .collect()
}

/// Numbers that are in no order.
pub(crate) fn number_ids(rows: usize) -> Vec<Id> {
    (0..rows as u64)
        .map(|row| Id::U64(row.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
        .collect()
}
