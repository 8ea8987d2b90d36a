//! The block functions.

use rvf_microkernel::Mode;

use crate::module::{BUILDS, Host, prebuilt};
use crate::naive::METRICS;
use crate::naive::distance::integer_distance;
use crate::naive::pack::pack;
use crate::naive::search::{Ask, exact};
use crate::support::{Rng, bits, params};

#[test]
fn block_functions_give_integer_distances_and_merge_them() {
    let mut rng = Rng::new(5);
    let input = rng.clustered(150, 70);
    let stride = 12 + 72;
    for build in BUILDS {
        for metric in METRICS {
            let file = pack(&input, metric, 0, 1);
            let q = rng.near(&input);
            let ask = Ask::new(20);
            let mut host = Host::new(&prebuilt(build));
            let ctx = host.open(&file.index).unwrap();
            let state = host.begin(ctx, &params(&ask, Mode::Blocks), &q).unwrap();
            assert_eq!(host.call("rvf_query_step", &[state]), 0);
            let records = host.put(&file.vec_i8, 1);
            let out = host.alloc(150 * 8, 1);
            for start in (0..150).step_by(50) {
                let (records, out) = (records + start * stride, out + start * 8);
                assert_eq!(
                    host.call("rvf_block_distances", &[state, records, 50, out]),
                    0
                );
                assert_eq!(host.call("rvf_topk_merge", &[state, out, 50]), 0);
                // To read in between does no harm.
                assert_eq!(host.results(state, 7).len(), 7);
            }
            for (row, pair) in host.get(out, 150 * 8).chunks(8).enumerate() {
                let record = &file.vec_i8[row * stride as usize..][..stride as usize];
                assert_eq!(pair[..4], (row as u32).to_le_bytes());
                assert_eq!(pair[4..], integer_distance(&file, &q, record).to_le_bytes());
            }
            let found = host.results(state, 99);
            assert_eq!(bits(&found), bits(&exact(&file, &q, &ask).unwrap().0));
        }
    }
}

#[test]
fn a_merged_nan_counts_as_infinity_and_minus_zero_as_zero() {
    let file = pack(&[vec![1.0, 2.0]], 0, 0, 1);
    let ask = Ask::new(9);
    for build in BUILDS {
        let mut host = Host::new(&prebuilt(build));
        let ctx = host.open(&file.index).unwrap();
        let state = host
            .begin(ctx, &params(&ask, Mode::Blocks), &[1.0, 1.0])
            .unwrap();
        let pairs = [
            (7, f32::NAN),
            (5, -0.0),
            (3, -1.5),
            (4, 0.0),
            (6, f32::NEG_INFINITY),
        ];
        let bytes: Vec<u8> = pairs
            .iter()
            .flat_map(|&(row, distance): &(u32, f32)| {
                [row.to_le_bytes(), distance.to_le_bytes()].concat()
            })
            .collect();
        let at = host.put(&bytes, 0);
        assert_eq!(host.call("rvf_topk_merge", &[state, at, 5]), 0);
        let expected = vec![
            (6, f32::NEG_INFINITY),
            (3, -1.5),
            (4, 0.0),
            (5, 0.0),
            (7, f32::INFINITY),
        ];
        assert_eq!(bits(&host.results(state, 9)), bits(&expected));
    }
}
