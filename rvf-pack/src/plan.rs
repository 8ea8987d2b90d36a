//! What is known of a new file before its rows are: the first segments and their places.

use std::io;

use rvf_microkernel::Backend;
use rvf_types::{IndexHead, SegmentType, VectorKind, index, limits, quant, vec};

use crate::error::PackError;
use crate::layout::Layout;
use crate::packer::Options;
use crate::records::Records;
use crate::source::Source;
use crate::writer::{Segment, SegmentWriter, Storage, Written};

/// The parameters of the file, and where its first segments stand.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) records: Records,
    seed: u64,
    index: Segment,
    modules: Vec<(Segment, Vec<u8>)>,
    /// What follows the modules.
    layout: Layout,
}

/// Where the segments stand whose lengths depend on the number of rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowSegments {
    pub(crate) quant: Segment,
    pub(crate) vectors: Segment,
    pub(crate) floats: Option<Segment>,
}

impl Plan {
    /// Refuses properties and modules that can't be in a file.
    pub(crate) fn new(options: &Options, source: &dyn Source) -> Result<Self, PackError> {
        check_properties(options)?;
        let dimension = source.info().dimension;
        if !(1..=limits::MAX_DIMENSION as usize).contains(&dimension) {
            return Err(PackError::Dimension { found: dimension });
        }
        let records = Records {
            dimension,
            metric: options.metric,
            vectors: options.vectors,
            backend: Backend::best(),
        };
        let mut layout = Layout::new(options.timestamp);
        let index_length = index::payload_length(dimension as u32, index::LISTS);
        let index = layout.place(SegmentType::INDEX, 0, index_length);
        let mut modules = Vec::new();
        for (number, module) in options.modules.iter().enumerate() {
            let payload = module.payload();
            let (sub_kind, payload) = payload.map_err(|error| PackError::Module {
                index: number,
                error,
            })?;
            modules.push((
                layout.place(SegmentType::WASM, sub_kind, payload.len() as u64),
                payload,
            ));
        }
        Ok(Self {
            records,
            seed: options.seed,
            index,
            modules,
            layout,
        })
    }

    /// Gives out the places of the segments that hold `rows` rows.
    pub(crate) fn place_rows(&mut self, rows: u32) -> RowSegments {
        let dimension = self.records.dimension as u32;
        let vectors = |kind: VectorKind| {
            let length = vec::payload_length(kind, rows, dimension);
            (SegmentType::VEC, u32::from(kind.byte()), length)
        };
        let (i8s, floats) = (vectors(VectorKind::I8), vectors(self.records.vectors));
        let mut place = |(kind, sub_kind, length)| self.layout.place(kind, sub_kind, length);
        RowSegments {
            quant: place((SegmentType::QUANT, 0, quant::list_length(rows, dimension))),
            vectors: place(i8s),
            floats: (self.records.vectors != VectorKind::I8).then(|| place(floats)),
        }
    }

    /// Gives out the place of a further segment.
    pub(crate) fn place(&mut self, kind: SegmentType, payload_length: u64) -> Segment {
        self.layout.place(kind, 0, payload_length)
    }

    /// The id that the next segment gets, and where it starts.
    pub(crate) fn next(&self) -> (u64, u64) {
        self.layout.next()
    }

    /// Writes INDEX and the modules.
    pub(crate) fn write_first(
        &self,
        rows: u32,
        mean: &[f32],
        storage: &mut dyn Storage,
    ) -> Result<Vec<Written>, PackError> {
        let Records {
            dimension,
            metric,
            vectors,
            ..
        } = self.records;
        let head = IndexHead::new(rows, dimension as u32, metric, vectors, self.seed);
        let mut written = vec![
            write_whole(self.index, &index::write(&head, mean)?, storage)
                .map_err(PackError::output("write the index"))?,
        ];
        for (segment, payload) in &self.modules {
            written.push(
                write_whole(*segment, payload, storage)
                    .map_err(PackError::output("write the modules"))?,
            );
        }
        Ok(written)
    }
}

fn write_whole(segment: Segment, payload: &[u8], storage: &mut dyn Storage) -> io::Result<Written> {
    let mut writer = SegmentWriter::new(segment);
    writer.write(storage, payload)?;
    writer.finish(storage)
}

/// Bytes of a property in the manifest beside its key and its value (section 5 of the format): their lengths.
const PROPERTY_HEAD: u64 = 8;

fn check_properties(options: &Options) -> Result<(), PackError> {
    let mut length = 0_u64;
    for (key, value) in &options.properties {
        let refuse = |problem| {
            Err(PackError::Property {
                key: key.clone(),
                problem,
            })
        };
        if key.is_empty() {
            return refuse("expected a key that is not empty");
        }
        if key.len() > usize::from(u16::MAX) {
            return refuse(
                "expected a key of at most 65,535 bytes, found a longer one; shorten it",
            );
        }
        length += PROPERTY_HEAD + key.len() as u64 + value.len() as u64;
        if length > limits::MAX_MANIFEST_LEN / 2 {
            return refuse(
                "expected properties of at most 32 MiB together, found more; leave some out",
            );
        }
    }
    Ok(())
}
