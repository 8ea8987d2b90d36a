//! A search by kernel.md, section 6.

use super::distance::{centroid_distance, float_distance, integer_distance};
use super::lists::{BadData, bytes, centroid, centroids, float_record, i8_record, list};
pub(crate) use super::query::Ask;
use super::query::Planes;
use super::scan::{Scan, scan};
use super::{File, u32_at};

/// Row and distance.
pub(crate) type Hits = Vec<(u32, f32)>;

/// Rows scanned, second looks, integer distances, float distances.
pub(crate) type Stats = [u32; 4];

pub(crate) type Answer = Result<(Hits, Stats), BadData>;

fn order(hits: &mut Hits) {
    hits.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
}

/// The mean is read in every mode.
fn prepare(file: &File, q: &[f32], ask: &Ask<'_>) -> Result<Planes, BadData> {
    bytes(&file.index, 128, 4 * file.d)?;
    let planes = Planes::new(file, q, ask.slack);
    if planes.delta2.is_finite() {
        Ok(planes)
    } else {
        Err(BadData)
    }
}

/// Exact search. What a host brings itself is not counted.
pub(crate) fn exact(file: &File, q: &[f32], ask: &Ask<'_>) -> Answer {
    prepare(file, q, ask)?;
    let mut hits = Hits::new();
    for n in (0..file.rows).filter(|&n| ask.live(n)) {
        if file.kind == 0 {
            let record = i8_record(file, n)?;
            hits.push((u32_at(record, 0), integer_distance(file, q, record)));
        } else {
            let record = float_record(file, n)?;
            hits.push((u32_at(record, 0), float_distance(file, q, record)));
        }
    }
    order(&mut hits);
    hits.truncate(ask.k);
    Ok((hits, [0; 4]))
}

/// With one list a coded search knows the row of each record.
fn at_its_place(file: &File, n: usize, record: &[u8]) -> Result<(), BadData> {
    if file.lists == 1 && u32_at(record, 0) as usize != n {
        Err(BadData)
    } else {
        Ok(())
    }
}

/// K-SCAN-1.
fn capacity(file: &File, ask: &Ask<'_>) -> usize {
    1024 + 32 * ask.pool.max(ask.visits(file.lists))
}

/// K-PROBE: the lists that are visited, in order, with their bases.
fn probe(
    file: &File,
    q: &[f32],
    ask: &Ask<'_>,
    planes: &Planes,
    stats: &mut Stats,
) -> Result<Vec<(usize, f32)>, BadData> {
    if file.lists == 1 {
        return Ok(vec![(0, planes.base)]);
    }
    // K-PROBE-2: half of the widths.
    let mut halved = planes.clone();
    halved.e1 *= 0.5;
    halved.e2 *= 0.5;
    let visits = ask.visits(file.lists);
    let distance = |l: usize| {
        let record = centroid(file, l)?;
        Ok((l as u32, centroid_distance(file, q, record)))
    };
    let pool = scan(
        Scan {
            planes: &halved,
            d: file.d,
            limit: file.lists,
            k: visits,
            p: visits,
            capacity: capacity(file, ask),
            wanted: &|_, _| true,
            distance: &distance,
            estimates: Vec::new(),
            buffer: Vec::new(),
            pool: Vec::new(),
            stats,
        },
        &[centroids(file, planes.base)],
    )?;
    Ok(pool.iter().map(|&(l, _, distance)| (l, distance)).collect())
}

/// The lists that a coded search visits, in order.
pub(crate) fn visited(file: &File, q: &[f32], ask: &Ask<'_>) -> Result<Vec<usize>, BadData> {
    let planes = Planes::new(file, q, ask.slack);
    let lists = probe(file, q, ask, &planes, &mut [0; 4])?;
    Ok(lists.iter().map(|&(l, _)| l).collect())
}

/// The coded search.
pub(crate) fn coded(file: &File, q: &[f32], ask: &Ask<'_>) -> Answer {
    let planes = prepare(file, q, ask)?;
    let mut stats = [0; 4];
    let lists = probe(file, q, ask, &planes, &mut stats)?
        .into_iter()
        .map(|(l, base)| list(file, l, base))
        .collect::<Result<Vec<_>, _>>()?;
    let pool = scan(
        Scan {
            planes: &planes,
            d: file.d,
            limit: file.rows,
            k: ask.k,
            p: ask.pool,
            capacity: capacity(file, ask),
            wanted: &|n, second| !(second && lists.iter().any(|list| list.owns(n))) && ask.live(n),
            distance: &|n| {
                let record = i8_record(file, n)?;
                at_its_place(file, n, record)?;
                let tie = if file.kind == 0 {
                    u32_at(record, 0)
                } else {
                    n as u32
                };
                Ok((tie, integer_distance(file, q, record)))
            },
            estimates: Vec::new(),
            buffer: Vec::new(),
            pool: Vec::new(),
            stats: &mut stats,
        },
        &lists,
    )?;

    // K-RANK-3
    let mut hits = Hits::new();
    for (n, row, distance) in pool {
        if file.kind == 0 {
            hits.push((row, distance));
        } else {
            stats[3] += 1;
            let record = float_record(file, n)?;
            at_its_place(file, n, record)?;
            hits.push((u32_at(record, 0), float_distance(file, q, record)));
        }
    }
    order(&mut hits);
    hits.truncate(ask.k);
    Ok((hits, stats))
}
