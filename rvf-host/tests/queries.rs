//! Queries that can't be answered as asked, rows, ids and vectors.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod common;

use common::Spec;
use rvf_host::{Effort, Engine, HostError, Id, IdBuf, OpenOptions, Plan, Query, RowSet};
use rvf_pack::{Metric, VectorKind};

fn search(spec: &Spec, query: &Query<'_>) -> HostError {
    spec.open(&OpenOptions::new()).search(query).unwrap_err()
}

#[test]
fn a_query_of_another_dimension_is_refused() {
    let spec = Spec::new(50, 8);
    for len in [0, 7, 9, 16] {
        let error = search(&spec, &Query::vector(&vec![0.5; len]));
        assert!(
            matches!(error, HostError::Dimension { expected: 8, found } if found == len),
            "{error}"
        );
    }
}

#[test]
fn a_component_that_is_no_number_is_named() {
    let spec = Spec::new(50, 8).metric(Metric::L2);
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.1e15, -1.1e15] {
        let mut query = [0.5; 8];
        query[6] = bad;
        let error = search(&spec, &Query::vector(&query));
        assert!(
            matches!(error, HostError::Component { index: 6, .. }),
            "{error}"
        );
        assert_eq!(error.rule(), Some("K-QRY-1"));
    }
}

#[test]
fn a_zero_vector_is_refused_under_cosine_alone() {
    let zero = [0.0; 8];
    for tiny in [zero, [1e-20; 8]] {
        assert!(matches!(
            search(&Spec::new(50, 8), &Query::vector(&tiny)),
            HostError::ZeroQuery
        ));
    }
    for metric in [Metric::L2, Metric::InnerProduct] {
        let reader = Spec::new(50, 8).metric(metric).open(&OpenOptions::new());
        assert_eq!(reader.search(&Query::vector(&zero)).unwrap().hits.len(), 10);
    }
}

#[test]
fn k_and_effort_have_ranges() {
    let spec = Spec::new(50, 8);
    let vector = [0.5; 8];
    let query = Query::vector(&vector);
    for k in [0, 65_537, u32::MAX] {
        assert!(matches!(
            search(&spec, &query.k(k)),
            HostError::Parameter { name: "k", .. }
        ));
    }
    for slack in [-0.5, 16.5, f32::NAN] {
        assert!(matches!(
            search(&spec, &query.effort(Effort::Slack(slack))),
            HostError::Parameter { name: "slack", .. }
        ));
    }
    for recall in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(
            search(&spec, &query.effort(Effort::Recall(recall))),
            HostError::Parameter { name: "recall", .. }
        ));
    }
    let reader = spec.open(&OpenOptions::new());
    assert_eq!(
        reader
            .search(&query.k(65_536).effort(Effort::Exact))
            .unwrap()
            .hits
            .len(),
        50
    );
}

#[test]
fn a_filter_of_another_file_is_refused_and_one_of_this_file_kept() {
    let spec = Spec::new(50, 8);
    let vector = [0.5; 8];
    let error = search(&spec, &Query::vector(&vector).filter(&RowSet::new(51)));
    assert!(matches!(
        error,
        HostError::Filter {
            expected: 50,
            found: 51
        }
    ));
    let rows = RowSet::from_rows(50, [3, 49, 20]);
    let reader = spec.open(&OpenOptions::new());
    let mut found: Vec<u32> = reader
        .search(&Query::vector(&vector).filter(&rows))
        .unwrap()
        .hits
        .iter()
        .map(|hit| hit.row)
        .collect();
    found.sort_unstable();
    assert_eq!(found, [3, 20, 49]);
}

#[test]
fn a_recall_above_the_ceiling_is_refused_with_the_ceiling() {
    let spec = Spec::new(4_000, 32).measured();
    let reader = spec.open(&OpenOptions::new());
    let efforts = &reader.manifest().efforts;
    assert!(!efforts.is_empty());
    let ceiling = efforts
        .iter()
        .filter(|effort| effort.k == 10)
        .map(rvf_types::Effort::recall)
        .fold(0.0, f64::max);
    let vector = spec.queries(1).remove(0);
    let answer = reader
        .search(&Query::vector(&vector).effort(Effort::Recall(ceiling)))
        .unwrap();
    assert!(matches!(answer.plan, Plan::Coded { recall: Some(recall), .. } if recall >= ceiling));
    if ceiling < 1.0 {
        let error = reader
            .search(&Query::vector(&vector).effort(Effort::Recall(1.0)))
            .unwrap_err();
        assert!(
            matches!(error, HostError::Ceiling { ceiling: Some(found), k: 10, .. } if found == ceiling),
            "{error}"
        );
        let text = error.to_string();
        assert!(
            text.contains("--vectors f16") && text.contains("--exact"),
            "{text}"
        );
        assert_eq!(error.rule(), Some("R-MAN-8"));
    }
    // No table: nothing can be promised, and the default is exact.
    let plain = Spec::new(100, 32);
    let error = search(&plain, &Query::vector(&vector).effort(Effort::Recall(0.5)));
    assert!(
        matches!(error, HostError::Ceiling { ceiling: None, .. }),
        "{error}"
    );
    let answer = plain
        .open(&OpenOptions::new())
        .search(&Query::vector(&vector))
        .unwrap();
    assert_eq!(answer.plan, Plan::Exact);
}

#[test]
fn ids_lead_to_rows_and_rows_to_ids() {
    for rows in [1, 2, 63, 64, 65, 1_000] {
        let numbers = common::number_ids(rows);
        let texts = common::text_ids(rows);
        for ids in [None, Some(numbers), Some(texts)] {
            let mut spec = Spec::new(rows, 3);
            spec.ids = ids.clone();
            let reader = spec.open(&OpenOptions::new());
            for row in 0..rows as u32 {
                let id = reader.id(row).unwrap();
                match &ids {
                    None => assert_eq!(id, IdBuf::U64(row.into())),
                    Some(ids) => assert_eq!(id.to_string(), ids[row as usize].to_string()),
                }
                assert_eq!(reader.row_of(id.as_id()).unwrap(), row);
                let text = id.to_string();
                assert_eq!(reader.row_of(reader.parse_id(&text).unwrap()).unwrap(), row);
            }
            for unknown in [Id::U64(u64::MAX - 1), Id::Utf8("nobody"), Id::Utf8("")] {
                assert!(matches!(
                    reader.row_of(unknown),
                    Err(HostError::NoId { .. })
                ));
            }
            assert!(matches!(
                reader.id(rows as u32),
                Err(HostError::NoRow { .. })
            ));
            assert!(matches!(reader.get(u32::MAX), Err(HostError::NoRow { .. })));
        }
    }
}

#[test]
fn a_row_that_is_left_out_does_not_raise_the_effort() {
    for kept in [VectorKind::I8, VectorKind::F16] {
        let reader = Spec::new(3_000, 24).kept(kept).measured();
        let reader = reader.open(&OpenOptions::new());
        let [vector, like] = [Query::vector(&[0.5; 24]), Query::like_row(7)];
        let plan = |query: Query<'_>| reader.search(&query).unwrap().plan;
        for effort in [Effort::Default, Effort::Recall(0.8), Effort::Slack(2.0)] {
            for k in [1, 10, 100] {
                // One hit more has to have a place, and no more than that.
                let expected = plan(vector.k(k).effort(effort)).with_room_for(k + 1, kept);
                let answer = reader
                    .search(&like.k(k).effort(effort).without_itself())
                    .unwrap();
                assert_eq!(answer.plan, expected, "{kept}, {effort:?}, {k} hits");
                assert_eq!(answer.hits.len(), k as usize);
                assert!(answer.hits.iter().all(|hit| hit.row != 7));
            }
        }
    }
}

#[test]
fn a_row_is_nearest_to_itself_and_can_be_left_out() {
    let spec = Spec::new(300, 16)
        .kept(VectorKind::F32)
        .ids(common::text_ids(300));
    let reader = spec.open(&OpenOptions::new());
    for row in [0, 150, 299] {
        let id = reader.id(row).unwrap();
        let by_row = reader
            .search(&Query::like_row(row).k(5).effort(Effort::Exact))
            .unwrap()
            .hits;
        assert_eq!(by_row[0].row, row);
        let by_id = reader
            .search(&Query::like_id(id.as_id()).k(5).effort(Effort::Exact))
            .unwrap()
            .hits;
        assert_eq!(by_row, by_id);
        let others = reader
            .search(
                &Query::like_row(row)
                    .k(4)
                    .effort(Effort::Exact)
                    .without_itself(),
            )
            .unwrap()
            .hits;
        assert_eq!(others, by_row[1..]);
    }
    assert!(matches!(
        reader.search(&Query::like_row(300)),
        Err(HostError::NoRow {
            row: 300,
            rows: 300
        })
    ));
    assert!(matches!(
        reader.search(&Query::like_id(Id::Utf8("nobody"))),
        Err(HostError::NoId { .. })
    ));
}

#[test]
fn vectors_come_out_as_they_are_stored() {
    // Integers are kept by i8 as they are; halves by f16; everything by f32.
    let input = common::vectors(200, 12, 3);
    for (kept, rounded) in [
        (
            VectorKind::I8,
            input
                .iter()
                .map(|x| (x * 50.0).round())
                .collect::<Vec<f32>>(),
        ),
        (
            VectorKind::F16,
            input.iter().map(|x| (x * 64.0).round() / 64.0).collect(),
        ),
        (VectorKind::F32, input.clone()),
    ] {
        let mut source = rvf_pack::source::MemorySource::new(12, rounded.clone(), None).unwrap();
        let mut packer = rvf_pack::Packer::new()
            .metric(Metric::L2)
            .vectors(kept)
            .measure(false);
        let reader = common::open(
            packer.pack_to_vec(&mut source).unwrap().0,
            &OpenOptions::new(),
        );
        let all: Vec<f32> = reader.vectors().flat_map(Result::unwrap).collect();
        assert_eq!(all, rounded);
        for row in [0, 77, 199] {
            assert_eq!(
                reader.get(row).unwrap().vector,
                rounded[row as usize * 12..][..12]
            );
        }
        assert_eq!(reader.vectors().count(), 200);
    }
}

#[test]
fn a_backend_that_the_processor_lacks_is_refused_with_those_it_has() {
    let engine = Engine::Native {
        backend: Some("z80".to_owned()),
    };
    let error = Spec::new(10, 2)
        .open(&OpenOptions::new().engine(engine))
        .search(&Query::vector(&[1.0, 0.0]))
        .unwrap_err();
    assert!(matches!(error, HostError::Backend { .. }));
    assert!(error.to_string().contains("scalar"), "{error}");
}

#[test]
fn an_answer_is_used_again_without_leftovers() {
    let spec = Spec::new(100, 8);
    let reader = spec.open(&OpenOptions::new());
    let mut session = reader.session().unwrap();
    let mut answer = rvf_host::Answer::new();
    let vector = [0.5; 8];
    session
        .search_into(&Query::vector(&vector).k(20), &mut answer)
        .unwrap();
    assert_eq!(answer.hits.len(), 20);
    session
        .search_into(&Query::vector(&vector).k(3), &mut answer)
        .unwrap();
    assert_eq!(answer.hits.len(), 3);
    assert!(
        session
            .search_into(&Query::vector(&[0.5; 7]), &mut answer)
            .is_err()
    );
    assert!(answer.hits.is_empty());
    session
        .search_into(&Query::vector(&vector).k(2), &mut answer)
        .unwrap();
    assert_eq!(answer.hits.len(), 2);
}

#[test]
fn info_tells_of_every_byte_and_every_module() {
    let spec = Spec::new(400, 16)
        .kept(VectorKind::F16)
        .ids(common::text_ids(400))
        .measured();
    let mut file = spec.pack();
    file.extend_from_slice(&[1; 100]);
    let len = file.len() as u64;
    let reader = common::open(file, &OpenOptions::new());
    let info = reader.info().unwrap();
    assert_eq!(
        (info.rows, info.dimension, info.bytes, info.generation),
        (400, 16, len, 1)
    );
    assert!(info.draft);
    let mut end = 0;
    for part in &info.parts {
        assert_eq!(part.offset, end);
        end += part.bytes;
    }
    assert_eq!(end, len);
    assert_eq!(
        info.parts.last().map(|part| part.kind),
        Some(rvf_host::PartKind::Tail)
    );
    assert_eq!(info.warnings.len(), 1);
    assert_eq!(info.kernels.len(), 2);
    for kernel in &info.kernels {
        assert!(kernel.known.is_some() && kernel.runnable, "{kernel:?}");
    }
    assert_eq!(info.efforts, reader.manifest().efforts);
}
