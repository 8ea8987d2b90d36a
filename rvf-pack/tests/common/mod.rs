//! A second reading of the format: files taken apart byte by byte, and the arithmetic written as the text says it,
//! without the crates that the packer is made of. And data to pack.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]

pub mod arithmetic;
pub mod data;

use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};

pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

pub fn f32_at(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(u32_at(bytes, at))
}

/// R-HASH-1.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 * (crc & 1))
        })
    })
}

pub fn shake(parts: &[&[u8]], length: usize) -> Vec<u8> {
    let mut shake = Shake256::default();
    parts.iter().for_each(|part| shake.update(part));
    let mut out = vec![0; length];
    shake.finalize_xof().read(&mut out);
    out
}

/// R-HASH-2.
fn table(payload: &[u8], block_log: u8) -> Vec<u8> {
    payload
        .chunks(1 << block_log)
        .flat_map(|block| shake(&[&[0], block], 16))
        .collect()
}

/// R-HASH-3.
fn hash(header: &[u8], table: &[u8]) -> Vec<u8> {
    let mut bare = header.to_vec();
    bare[0x28..0x38].fill(0);
    bare[0x3C..0x40].fill(0);
    shake(&[&[1], &bare, table], 32)
}

pub struct Segment {
    pub id: u64,
    pub kind: u8,
    pub block_log: u8,
    pub sub_kind: u32,
    pub offset: usize,
    pub payload: Vec<u8>,
    pub has_table: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Effort {
    pub k: u32,
    pub probes: u32,
    pub slack: f32,
    pub pool: u32,
    pub hits: u32,
    pub total: u32,
    pub scanned: u32,
    pub ranked: u32,
}

pub struct File {
    pub rows: usize,
    pub dimension: usize,
    pub lists: usize,
    pub metric: u8,
    pub vectors: u8,
    pub id_kind: u8,
    pub segments: Vec<Segment>,
    pub efforts: Vec<Effort>,
    pub properties: Vec<(String, String)>,
}

pub const VEC: u8 = 0x01;
pub const INDEX: u8 = 0x02;
pub const QUANT: u8 = 0x06;
pub const WASM: u8 = 0x10;
pub const DIGEST: u8 = 0x81;
pub const IDS: u8 = 0x82;
pub const ORDER: u8 = 0x83;

/// A list and its entries.
pub struct List {
    pub centroid: Vec<f32>,
    /// The scale of the centroid's record, and s − Q of K-CODE-6.
    pub weight: (f32, u32),
    /// The numbers of its own vectors, then of those that have their second entry here.
    pub entries: Vec<usize>,
    pub own: usize,
    /// Code and correction word of each entry.
    pub codes: Vec<(Vec<u64>, u32)>,
}

pub struct Index {
    pub mean: Vec<f32>,
    pub seed: u64,
    pub lists: Vec<List>,
    /// Code and correction word of each centroid; none with one list.
    pub centroid_codes: Vec<(Vec<u64>, u32)>,
}

fn up(length: usize) -> usize {
    length.div_ceil(64) * 64
}

/// The header and the payload of the segment at `offset`, with header and padding checked.
fn segment(file: &[u8], offset: usize) -> (&[u8], &[u8]) {
    let header = &file[offset..offset + 64];
    assert_eq!(u32_at(header, 0), 0x5256_4653);
    assert_eq!(header[4], 2);
    assert_eq!(u16_at(header, 6), 0, "no flags");
    assert_eq!(header[0x20], if offset == 0 { 0 } else { 2 });
    assert!(
        header[0x21..0x28]
            .iter()
            .chain(&header[0x38..0x3C])
            .all(|byte| *byte == 0)
    );
    assert_eq!(u32_at(header, 0x3C), crc32(&header[..0x3C]));
    let length = u64_at(header, 0x10) as usize;
    let end = offset + 64 + length;
    assert!(file[end..up(end)].iter().all(|byte| *byte == 0), "padding");
    (header, &file[offset + 64..end])
}

/// Takes a file apart and checks all of its structure: every byte is where it should be and has the digest it should.
pub fn read(file: &[u8]) -> File {
    let (root, _) = segment(file, 0);
    assert_eq!(
        (root[5], u64_at(root, 8), u64_at(root, 0x10)),
        (0x80, 0, 4032)
    );
    assert_eq!(
        file[0x200..0x280],
        file[0x400..0x480],
        "both records are the same"
    );
    for (from, to) in [(0x28, 0x38), (0x40, 0x200), (0x280, 0x400), (0x480, 0x1000)] {
        assert!(file[from..to].iter().all(|byte| *byte == 0));
    }
    let record = &file[0x200..0x280];
    assert_eq!(&record[..8], b"RVFR\x02\x00\x01\x00", "a draft");
    assert_eq!(u64_at(record, 8), 1, "the first generation");
    assert_eq!(u64_at(record, 0x10) as usize, file.len(), "no tail");
    assert!(record[0x48..0x7C].iter().all(|byte| *byte == 0));
    assert_eq!(u32_at(record, 0x7C), crc32(&record[..0x7C]));

    let manifest_at = u64_at(record, 0x18) as usize;
    let (header, manifest) = segment(file, manifest_at);
    assert_eq!(header[5], 0x05);
    assert_eq!(manifest.len() as u64, u64_at(record, 0x20));
    assert_eq!(
        up(manifest_at + 64 + manifest.len()),
        file.len(),
        "the manifest is the last"
    );
    let manifest_hash = hash(header, &table(manifest, 16));
    assert_eq!(manifest_hash, record[0x28..0x48]);
    assert_eq!(manifest_hash[..16], header[0x28..0x38]);
    parts(file, manifest, manifest_at)
}

fn parts(file: &[u8], manifest: &[u8], manifest_at: usize) -> File {
    assert_eq!(&manifest[..8], b"RVFM\x01\x00\x00\x00");
    assert_eq!(u64_at(manifest, 8), 1);
    assert!(
        manifest[0x20..0x70].iter().all(|byte| *byte == 0),
        "no predecessor, no lineage"
    );
    assert!(manifest[0x88..0x100].iter().all(|byte| *byte == 0));
    let count = |at| u32_at(manifest, at) as usize;
    let (entries, dead, efforts, properties) = (count(0x70), count(0x74), count(0x78), count(0x7C));
    assert_eq!(dead, 0);
    assert_eq!(
        256 + entries * 96 + efforts * 32 + count(0x80),
        manifest.len()
    );
    let entry = |number: usize| &manifest[256 + number * 96..][..96];
    let mut next = 4096;
    let mut segments: Vec<Segment> = Vec::new();
    for number in 0..entries {
        let entry = entry(number);
        let offset = u64_at(entry, 0x10) as usize;
        assert_eq!(offset, next, "no gap, no overlap");
        let (header, payload) = segment(file, offset);
        let stored_at = u64_at(entry, 0x40) as usize;
        let (id, kind, block_log) = (u64_at(entry, 0), entry[8], entry[9]);
        assert!(segments.last().is_none_or(|before| before.id < id) && id > 0);
        assert_eq!(
            (u64_at(header, 8), header[5], u16_at(entry, 10)),
            (id, kind, 0)
        );
        assert_eq!(u64_at(entry, 0x18) as usize, payload.len());
        assert!(entry[0x48..].iter().all(|byte| *byte == 0));
        let table = table(payload, block_log);
        let expected = hash(header, &table);
        assert_eq!(expected, entry[0x20..0x40]);
        assert_eq!(expected[..16], header[0x28..0x38]);
        if stored_at > 0 {
            assert_eq!(
                table,
                file[stored_at..stored_at + table.len()],
                "the stored table"
            );
        }
        next = up(offset + 64 + payload.len());
        segments.push(Segment {
            id,
            kind,
            block_log,
            sub_kind: u32_at(entry, 12),
            offset,
            payload: payload.to_vec(),
            has_table: stored_at > 0,
        });
    }
    assert_eq!(next, manifest_at);
    let at = 256 + entries * 96;
    let effort = |number: usize| {
        let entry = &manifest[at + number * 32..][..32];
        let field = |place| u32_at(entry, place);
        Effort {
            k: field(0),
            probes: field(4),
            slack: f32_at(entry, 8),
            pool: field(12),
            hits: field(16),
            total: field(20),
            scanned: field(24),
            ranked: field(28),
        }
    };
    File {
        rows: u64_at(manifest, 0x10) as usize,
        dimension: count(0x18),
        lists: count(0x84),
        metric: manifest[0x1C],
        vectors: manifest[0x1D],
        id_kind: manifest[0x1E],
        segments,
        efforts: (0..efforts).map(effort).collect(),
        properties: read_properties(&manifest[at + efforts * 32..], properties),
    }
}

fn read_properties(mut bytes: &[u8], count: usize) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for _ in 0..count {
        let (key, value) = (u16_at(bytes, 0) as usize, u32_at(bytes, 4) as usize);
        assert_eq!(u16_at(bytes, 2), 0);
        let text = |from: usize, length: usize| {
            String::from_utf8(bytes[from..from + length].to_vec()).unwrap()
        };
        found.push((text(8, key), text(8 + key, value)));
        bytes = &bytes[8 + key + value..];
    }
    assert!(bytes.is_empty());
    found
}

impl File {
    pub fn of_kind(&self, kind: u8) -> Vec<&Segment> {
        self.segments
            .iter()
            .filter(|segment| segment.kind == kind)
            .collect()
    }

    pub fn payload(&self, kind: u8) -> &[u8] {
        let found = self.of_kind(kind);
        assert_eq!(found.len(), 1, "one segment of type {kind:#x}");
        &found[0].payload
    }

    pub fn vec(&self, element: u32) -> Option<&[u8]> {
        let found = self
            .of_kind(VEC)
            .into_iter()
            .find(|segment| segment.sub_kind == element);
        found.map(|segment| &segment.payload[..])
    }

    /// The rows of the vectors in their order.
    pub fn rows_of_vectors(&self) -> Vec<usize> {
        let i8s = self.vec(0).unwrap();
        let stride = i8s.len() / self.rows;
        i8s.chunks(stride)
            .map(|record| u32_at(record, 0) as usize)
            .collect()
    }

    /// INDEX and QUANT, with all of their structure checked.
    pub fn index(&self) -> Index {
        let index = self.payload(INDEX);
        assert_eq!(&index[..8], b"RVFI\x02\x00\x00\x00");
        assert_eq!(
            (u32_at(index, 8) as usize, u32_at(index, 12) as usize),
            (self.rows, self.dimension)
        );
        assert_eq!(&index[16..20], [self.metric, self.vectors, 0, 0]);
        let stride = 12 + self.dimension.div_ceil(4) * 4;
        let words = self.dimension.div_ceil(64);
        let found = [0x14, 0x18, 0x1C].map(|at| u32_at(index, at) as usize);
        assert_eq!(found, [self.lists, words, stride]);
        assert!(index[0x38..128].iter().all(|byte| *byte == 0));
        let directory = (128 + 4 * self.dimension).div_ceil(64) * 64;
        let zeros = |from: usize, to: usize| assert!(index[from..to].iter().all(|byte| *byte == 0));
        zeros(128 + 4 * self.dimension, directory);
        let floats = |at: usize| {
            (0..self.dimension)
                .map(|i| f32_at(index, at + 4 * i))
                .collect::<Vec<_>>()
        };
        let mean = floats(128);
        let end = directory + 32 * self.lists;
        let (mut centroids, mut centroid_codes) = (vec![mean.clone()], Vec::new());
        let mut weights = vec![(0.0, 0)];
        let offsets = (u64_at(index, 0x28) as usize, u64_at(index, 0x30) as usize);
        if self.lists == 1 {
            assert_eq!((offsets, index.len()), ((0, 0), end));
        } else {
            let codes = up(end);
            zeros(end, codes);
            let mut at = codes;
            centroid_codes = groups(index, &mut at, self.lists, 0, words).0;
            let records = up(at);
            zeros(at, records);
            assert_eq!(offsets, (codes, records));
            assert_eq!(index.len(), records + self.lists * stride);
            let record = |list: usize| &index[records + list * stride..][..stride];
            weights = (0..self.lists)
                .map(|list| {
                    let squares = record(list)[12..12 + self.dimension]
                        .iter()
                        .map(|x| i32::from(*x as i8).pow(2) as u32);
                    let weight = u32_at(record(list), 8) - squares.sum::<u32>();
                    (f32_at(record(list), 4), weight)
                })
                .collect();
            centroids = (0..self.lists)
                .map(|list| {
                    assert_eq!(u32_at(record(list), 0) as usize, list);
                    let scale = f32_at(record(list), 4);
                    record(list)[12..12 + self.dimension]
                        .iter()
                        .map(|x| scale * f32::from(*x as i8))
                        .collect()
                })
                .collect();
        }
        let quant = self.payload(QUANT);
        let (mut at, mut first) = (0, 0);
        let mut lists = Vec::new();
        for (number, (centroid, weight)) in centroids.into_iter().zip(weights).enumerate() {
            let entry = directory + 32 * number;
            let [own, second, first_own] =
                [8, 12, 16].map(|place| u32_at(index, entry + place) as usize);
            assert_eq!((u64_at(index, entry) as usize, first_own), (at, first));
            zeros(entry + 20, entry + 32);
            let (codes, numbers) = groups(quant, &mut at, own, second, words);
            assert!(quant[at..up(at)].iter().all(|byte| *byte == 0));
            at = up(at);
            let mut entries: Vec<usize> = (first..first + own).collect();
            // Own entries have their number where any in the group has one.
            for (place, found) in numbers {
                match entries.get(place) {
                    Some(number) => assert_eq!(*number, found),
                    None => entries.push(found),
                }
            }
            assert_eq!(entries.len(), own + second);
            first += own;
            lists.push(List {
                centroid,
                weight,
                entries,
                own,
                codes,
            });
        }
        assert_eq!((at, first), (quant.len(), self.rows));
        Index {
            mean,
            seed: u64_at(index, 0x20),
            lists,
            centroid_codes,
        }
    }
}

type Codes = Vec<(Vec<u64>, u32)>;

/// The codes of a list from `at` on (R-QNT-1), which moves behind them, and the numbers that stand there by their places.
fn groups(
    bytes: &[u8],
    at: &mut usize,
    own: usize,
    second: usize,
    words: usize,
) -> (Codes, Vec<(usize, usize)>) {
    let (mut codes, mut numbers) = (Vec::new(), Vec::new());
    for first in (0..own + second).step_by(32) {
        let entries = (own + second - first).min(32);
        let places = entries.div_ceil(4) * 4;
        let corrections = *at + places * words * 8;
        let behind = corrections + places * 4;
        let numbered = first + entries > own;
        for place in 0..places {
            let word = |word: usize| {
                u64_at(
                    bytes,
                    *at + place / 4 * 32 * words + word * 32 + place % 4 * 8,
                )
            };
            let code: Vec<u64> = (0..words).map(word).collect();
            let correction = u32_at(bytes, corrections + 4 * place);
            let number = if numbered {
                u32_at(bytes, behind + 4 * place) as usize
            } else {
                0
            };
            if place >= entries {
                assert!(code.iter().all(|word| *word == 0) && correction == 0 && number == 0);
                continue;
            }
            codes.push((code, correction));
            if numbered {
                numbers.push((first + place, number));
            }
        }
        *at = behind + if numbered { places * 4 } else { 0 };
    }
    (codes, numbers)
}
