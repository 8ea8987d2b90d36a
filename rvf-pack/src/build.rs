//! Builds a file: one pass over the input, one over what was stored, then what measures it.

use rvf_types::{IdKind, ManifestBuf, SegmentType, limits};

use crate::codes::write_codes;
use crate::error::PackError;
use crate::ids::write_ids;
use crate::measure::{Parts, measure};
use crate::packer::Options;
use crate::plan::Plan;
use crate::progress::{Phase, Reporter};
use crate::report::{PackReport, SegmentSize};
use crate::source::Source;
use crate::store::store;
use crate::writer::{Storage, commit, write_tables};

/// Packs `source` into `storage`, which is empty.
pub(crate) fn build(
    options: &Options,
    source: &mut dyn Source,
    storage: &mut dyn Storage,
    mut reporter: Reporter<'_, '_>,
) -> Result<PackReport, PackError> {
    let mut plan = Plan::new(options, source)?;
    let mut stored = store(options, &mut plan, source, storage, &mut reporter)?;
    let mut segments = plan.write_first(stored.rows, &stored.mean, storage)?;
    let ids = match &stored.ids {
        Some(ids) => Some(write_ids(
            ids,
            options,
            &mut plan,
            source,
            storage,
            &mut reporter,
        )?),
        None => None,
    };
    let codes = write_codes(options.seed, &stored, plan.records, storage, &mut reporter)?;
    let efforts = match (stored.sample.take(), segments.first()) {
        (Some(sample), Some(index)) => {
            let parts = Parts {
                records: plan.records,
                rows: stored.rows,
                index: index.entry,
                quant: codes.entry,
                vectors: stored.vectors.entry,
                floats: stored.floats.as_ref().map(|floats| floats.entry),
            };
            measure(sample, &parts, source, storage, &mut reporter)?
        }
        _ => Vec::new(),
    };
    let queries = efforts
        .iter()
        .map(|effort| effort.total / effort.k.max(1))
        .max();
    segments.push(codes);
    segments.push(stored.vectors);
    segments.extend(stored.floats);
    segments.extend(ids);

    reporter.start(Phase::Commit, Some(1))?;
    let (id, offset) = plan.next();
    let tables = write_tables(&mut segments, id, offset, options.timestamp, storage);
    if let Some(tables) = tables.map_err(PackError::output("write the digests"))? {
        plan.place(SegmentType::DIGEST, tables.entry.payload_length);
        segments.push(tables);
    }
    let id_kind = stored.ids.as_ref().map_or(IdKind::None, |ids| ids.kind());
    let dimension = plan.records.dimension as u32;
    let mut manifest = ManifestBuf::new(
        stored.rows,
        dimension,
        options.metric,
        options.vectors,
        id_kind,
    );
    manifest.entries = segments.iter().map(|segment| segment.entry).collect();
    manifest.efforts = efforts;
    manifest.properties = options.properties.clone();
    let (id, offset) = plan.next();
    let file_length = commit(&manifest, id, offset, options.timestamp, storage)?;
    reporter.done(1)?;
    Ok(PackReport {
        rows: stored.rows,
        dimension,
        metric: options.metric,
        vectors: options.vectors,
        id_kind,
        file_length,
        segments: sizes(&manifest, file_length),
        efforts: manifest.efforts,
        queries: queries.unwrap_or(0),
        ignored_columns: source.info().ignored_columns.clone(),
        phases: reporter.finish(),
    })
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
