//! What is known of a new file before its rows are: the first segments and their places.

use std::io;

use rvf_microkernel::Backend;
use rvf_types::manifest::RECALL_PROPERTY;
use rvf_types::{SegmentType, limits};

use crate::error::PackError;
use crate::layout::Layout;
use crate::packer::Options;
use crate::records::Records;
use crate::source::Source;
use crate::writer::{Segment, SegmentWriter, Storage, Written};

/// The parameters of the file, and the modules that go into it.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) records: Records,
    modules: Vec<(u32, Vec<u8>)>,
    layout: Layout,
}

impl Plan {
    /// Refuses properties and modules that can't be in a file.
    pub(crate) fn new(options: &Options, source: &dyn Source) -> Result<Self, PackError> {
        let problem = match options.recall {
            Some(recall) if !(recall > 0.0 && recall <= 1.0) => {
                Some("expected a recall above 0 and at most 1")
            }
            Some(_) if !options.measure => {
                Some("expected that recall is measured, else it is not known to be reached")
            }
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(PackError::Property {
                key: RECALL_PROPERTY.to_owned(),
                problem,
            });
        }
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
        let modules = options.modules.iter().zip(0..);
        let modules = modules.map(|(module, index)| module.payload(index));
        Ok(Self {
            records,
            modules: modules.collect::<Result<_, _>>()?,
            layout: Layout::new(options.timestamp),
        })
    }

    /// Gives out the place of the next segment. `payload_length` is that which it will have.
    pub(crate) fn place(
        &mut self,
        kind: SegmentType,
        sub_kind: u32,
        payload_length: u64,
    ) -> Segment {
        self.layout.place(kind, sub_kind, payload_length)
    }

    /// The id that the next segment gets, and where it starts.
    pub(crate) fn next(&self) -> (u64, u64) {
        self.layout.next()
    }

    /// Writes INDEX and the modules.
    pub(crate) fn write_first(
        &mut self,
        index: &[u8],
        storage: &mut dyn Storage,
    ) -> Result<Vec<Written>, PackError> {
        let place = self.place(SegmentType::INDEX, 0, index.len() as u64);
        let index = write_whole(place, index, storage);
        let mut written = vec![index.map_err(PackError::output("write the index"))?];
        for (sub_kind, payload) in std::mem::take(&mut self.modules) {
            let place = self.place(SegmentType::WASM, sub_kind, payload.len() as u64);
            let module = write_whole(place, &payload, storage);
            written.push(module.map_err(PackError::output("write the modules"))?);
        }
        Ok(written)
    }
}

/// Writes a segment whose payload is at hand.
pub(crate) fn write_whole(
    segment: Segment,
    payload: &[u8],
    storage: &mut dyn Storage,
) -> io::Result<Written> {
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
