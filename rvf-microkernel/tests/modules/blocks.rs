//! The block functions.

use rvf_microkernel::Mode;

use crate::module::{BUILDS, Host, prebuilt};
use crate::naive::METRICS;
use crate::naive::pack::pack_lists;
use crate::naive::search::{Ask, exact};
use crate::support::{Rng, bits, params, plan};

#[test]
fn blocks_of_records_are_merged_by_their_integer_distances() {
    let mut rng = Rng::new(5);
    let input = rng.clustered(150, 70);
    let stride = 12 + 72;
    for build in BUILDS {
        for metric in METRICS {
            for lists in [1, 6] {
                let plan = plan(&mut rng, &input, lists);
                let file = pack_lists(&input, metric, 0, 1, &plan);
                let q = rng.near(&input);
                let ask = Ask::new(20);
                let mut host = Host::new(&prebuilt(build));
                let ctx = host.open(&file.index).unwrap();
                let state = host.begin(ctx, &params(&ask, Mode::Blocks), &q).unwrap();
                assert_eq!(host.results(state, 7).len(), 0);
                assert_eq!(host.call("rvf_step", &[state]), 0);
                let records = host.put(&file.vec_i8, 1);
                for start in (0..150).step_by(50) {
                    let records = records + start * stride;
                    assert_eq!(host.call("rvf_block", &[state, records, 50]), 0);
                    // To read in between does no harm.
                    assert_eq!(host.results(state, 7).len(), 7);
                }
                assert_eq!(host.call("rvf_block", &[state, records, 0]), 0);
                let found = host.results(state, 99);
                assert_eq!(bits(&found), bits(&exact(&file, &q, &ask).unwrap().0));
            }
        }
    }
}

#[test]
fn a_block_with_a_row_that_is_not_there_is_bad_data() {
    let mut rng = Rng::new(5);
    let input = rng.clustered(30, 7);
    let mut file = pack_lists(&input, 0, 0, 1, &plan(&mut rng, &input, 3));
    file.vec_i8[20 * 17..][..4].copy_from_slice(&30_u32.to_le_bytes());
    for build in BUILDS {
        let mut host = Host::new(&prebuilt(build));
        let ctx = host.open(&file.index).unwrap();
        let ask = Ask::new(5);
        let state = host
            .begin(ctx, &params(&ask, Mode::Blocks), &input[0])
            .unwrap();
        let records = host.put(&file.vec_i8, 3);
        assert_eq!(host.call("rvf_block", &[state, records, 17]), 0);
        assert_eq!(host.call("rvf_block", &[state, records, 18]), -9);
        // Behind the memory, and longer than it.
        let end = host.memory_len() as u32;
        assert_eq!(host.call("rvf_block", &[state, end - 20, 1]), -1);
        assert_eq!(host.call("rvf_block", &[state, records, u32::MAX]), -1);
    }
}
