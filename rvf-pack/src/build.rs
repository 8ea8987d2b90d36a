//! Builds a file: one pass over the input, one over what was stored, then what measures it.

use rvf_types::manifest::RECALL_PROPERTY;
use rvf_types::{
    FormatError, IdKind, IndexHead, ManifestBuf, ManifestHead, SegmentType, VectorKind, index,
    limits,
};

use crate::arrange::{write_order, write_vectors};
use crate::cluster::{Clusters, Points, Task};
use crate::codes::Coder;
use crate::error::PackError;
use crate::ids::{index_ids, write_ids};
use crate::measure::{HeldOut, Parts, check_ceiling, measure};
use crate::packer::Options;
use crate::plan::Plan;
use crate::progress::{Phase, Reporter};
use crate::quant::{self, Codes};
use crate::records::Records;
use crate::report::{PackReport, SegmentSize};
use crate::source::Source;
use crate::store::store;
use crate::writer::{SegmentWriter, Storage, commit, write_tables};

/// Packs `source` into `storage`, which is empty.
pub(crate) fn build(
    options: &Options,
    source: &mut dyn Source,
    storage: &mut dyn Storage,
    reporter: Reporter<'_, '_>,
) -> Result<PackReport, PackError> {
    let plan = Plan::new(options, source)?;
    build_plan(options, plan, source, storage, reporter)
}

fn build_plan(
    options: &Options,
    mut plan: Plan,
    source: &mut dyn Source,
    storage: &mut dyn Storage,
    mut reporter: Reporter<'_, '_>,
) -> Result<PackReport, PackError> {
    let records = plan.records;
    let dimension = records.dimension as u32;
    let mut stored = store(options, records, source, storage, &mut reporter)?;
    let ids = match stored.ids.clone() {
        Some(ids) => Some((index_ids(&ids, options, source, &mut reporter)?, ids)),
        None => None,
    };
    let coder = Coder {
        dimension: records.dimension,
        metric: records.metric,
        seed: options.seed,
        backend: records.backend,
    };
    let (rows, mean) = (stored.rows, std::mem::take(&mut stored.mean));
    let wanted = wanted_lists(options, rows)?;
    let held_out = match stored.sample.take() {
        Some(sample) => Some(HeldOut::new(
            sample,
            records.metric,
            rows,
            options.recall,
            source,
            &mut reporter,
        )?),
        None => None,
    };
    let exact = stored.exact_records()?;
    let points = Points::new(records, &exact);
    let task = Task {
        points,
        mean: &mean,
        coder,
        held_out: held_out.as_ref(),
    };
    let clusters = Clusters::new(&task, wanted, &mut reporter)?;
    let lists = &clusters.lists;
    let index = write_index(&clusters, rows, records, &mean, options.seed)?;
    let mut segments = plan.write_first(&index, storage)?;
    drop(index);

    reporter.start(
        Phase::Code,
        Some(u64::from(rows) + u64::from(lists.second_entries())),
    )?;
    let codes = Codes {
        coder,
        points,
        lists,
        mean: &mean,
        centroids: &clusters.centroids,
        biases: &clusters.biases,
    };
    let length = quant::payload_length(lists, dimension);
    let mut writer = SegmentWriter::new(plan.place(SegmentType::QUANT, 0, length));
    codes.write(&mut writer, storage, &mut reporter)?;
    let codes = writer
        .finish(storage)
        .map_err(PackError::output("write the codes"))?;
    drop(exact);

    reporter.start(
        Phase::Arrange,
        Some(u64::from(rows) * if stored.floats.is_some() { 2 } else { 1 }),
    )?;
    let vectors = write_vectors(
        VectorKind::I8,
        records,
        &stored.i8s.view()?,
        lists,
        &mut plan,
        storage,
        &mut reporter,
    )?;
    let floats = match &mut stored.floats {
        Some(floats) => Some(write_vectors(
            records.vectors,
            records,
            &floats.view()?,
            lists,
            &mut plan,
            storage,
            &mut reporter,
        )?),
        None => None,
    };
    // What is spooled takes as much room as the vectors: it goes before more is written.
    drop(stored);
    let order = if lists.count() > 1 {
        lists.order()
    } else {
        Vec::new()
    };
    let order_segment = if order.is_empty() {
        None
    } else {
        Some(write_order(&order, &mut plan, storage)?)
    };
    let ids_segment = match &ids {
        Some((index, ids)) => Some(write_ids(ids, index, &mut plan, storage)?),
        None => None,
    };
    let efforts = match (&held_out, segments.first()) {
        (Some(held_out), Some(index)) => {
            let parts = Parts {
                records,
                rows,
                index: index.entry,
                quant: codes.entry,
                vectors: vectors.entry,
                floats: floats.as_ref().map(|floats| floats.entry),
                order: &order,
            };
            let coverage = clusters.coverage.as_ref();
            let efforts = measure(held_out, coverage, &parts, storage, &mut reporter)?;
            check_ceiling(held_out, &efforts, records.vectors)?;
            efforts
        }
        _ => Vec::new(),
    };
    drop(order);
    let queries = match &held_out {
        Some(held_out) if !efforts.is_empty() => held_out.sample.len() as u32,
        _ => 0,
    };
    segments.push(codes);
    segments.push(vectors);
    segments.extend(floats);
    segments.extend(order_segment);
    segments.extend(ids_segment);

    reporter.start(Phase::Commit, Some(1))?;
    let (id, offset) = plan.next();
    let tables = write_tables(&mut segments, id, offset, options.timestamp, storage);
    if let Some(tables) = tables.map_err(PackError::output("write the digests"))? {
        plan.place(SegmentType::DIGEST, 0, tables.entry.payload_length);
        segments.push(tables);
    }
    let id_kind = ids.as_ref().map_or(IdKind::None, |(_, ids)| ids.kind());
    let head = ManifestHead::new(
        rows,
        dimension,
        lists.count() as u32,
        options.metric,
        options.vectors,
        id_kind,
    );
    let mut manifest = ManifestBuf::new(head);
    manifest.entries = segments.iter().map(|segment| segment.entry).collect();
    manifest.efforts = efforts;
    manifest.properties = options.properties.clone();
    if let Some(recall) = options.recall {
        manifest
            .properties
            .insert(RECALL_PROPERTY.to_owned(), recall.to_string());
    }
    let (id, offset) = plan.next();
    let file_length = commit(&manifest, id, offset, options.timestamp, storage)?;
    reporter.done(1)?;
    Ok(PackReport {
        rows,
        dimension,
        lists: lists.count() as u32,
        second_entries: lists.second_entries(),
        metric: options.metric,
        vectors: options.vectors,
        id_kind,
        file_length,
        segments: sizes(&manifest, file_length),
        efforts: manifest.efforts,
        queries,
        ignored_columns: source.info().ignored_columns.clone(),
        phases: reporter.finish(),
    })
}

/// How many lists are asked for, if any number is.
fn wanted_lists(options: &Options, rows: u32) -> Result<Option<usize>, PackError> {
    let most = rows.min(limits::MAX_LISTS);
    match options.lists {
        Some(lists) if !(1..=most).contains(&lists) => Err(PackError::TooManyLists { lists, most }),
        lists => Ok(lists.map(|lists| lists as usize)),
    }
}

/// The INDEX payload.
fn write_index(
    clusters: &Clusters,
    rows: u32,
    records: Records,
    mean: &[f32],
    seed: u64,
) -> Result<Vec<u8>, FormatError> {
    let dimension = records.dimension as u32;
    let lists = clusters.lists.count() as u32;
    let head = IndexHead::new(
        rows,
        dimension,
        records.metric,
        records.vectors,
        lists,
        seed,
    );
    let directory = quant::directory(&clusters.lists, dimension);
    index::write(&head, mean, &directory, &clusters.codes, &clusters.records)
}

/// The sizes of all segments, those of the manifest and the root included.
fn sizes(manifest: &ManifestBuf, file_length: u64) -> Vec<SegmentSize> {
    let mut sizes = vec![SegmentSize {
        name: String::from("ROOT"),
        bytes: limits::ROOT_LEN,
    }];
    let mut end = limits::ROOT_LEN;
    for entry in &manifest.entries {
        let kind = entry.kind.name().unwrap_or_default();
        let name = entry
            .vector_kind()
            .map_or_else(|| kind.to_owned(), |vectors| format!("{kind} {vectors}"));
        let bytes = entry.end().unwrap_or(end).saturating_sub(end);
        end += bytes;
        sizes.push(SegmentSize { name, bytes });
    }
    sizes.push(SegmentSize {
        name: String::from("MANIFEST"),
        bytes: file_length.saturating_sub(end),
    });
    sizes
}

#[cfg(test)]
mod tests {
    use rvf_microkernel::Backend;

    use super::*;
    use crate::Packer;
    use crate::source::MemorySource;

    #[test]
    fn every_instruction_set_gives_the_same_bytes() {
        let value = |i: u64| {
            (crate::hash::splitmix64(i / 160 % 700) >> 44) as f32 * 1e-6
                + (i * i % 1_009) as f32 * 1e-3
        };
        let vectors: Vec<f32> = (0..40 * 3_000).map(value).collect();
        for vectors_kept in [VectorKind::I8, VectorKind::F16] {
            let options = Packer::new().vectors(vectors_kept).lists(40).options;
            let pack = |backend| {
                let mut source = MemorySource::new(40, vectors.clone(), None).unwrap();
                let mut plan = Plan::new(&options, &source).unwrap();
                plan.records.backend = backend;
                let mut bytes = Vec::new();
                build_plan(
                    &options,
                    plan,
                    &mut source,
                    &mut bytes,
                    Reporter::new(None, None),
                )
                .unwrap();
                bytes
            };
            let scalar = pack(Backend::scalar());
            for backend in Backend::available() {
                assert!(pack(backend) == scalar, "{backend:?}");
            }
        }
    }
}
