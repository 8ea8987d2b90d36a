//! Calls and data that the interface does not allow, and the codes that they get.

use rvf_microkernel::{Mode, Params};

use crate::module::{BUILDS, Host, prebuilt};
use crate::naive::File;
use crate::naive::pack::{pack, pack_lists};
use crate::naive::search::Ask;
use crate::support::{Rng, params, plan};

#[test]
fn calls_that_break_the_rules_get_the_code_of_the_table() {
    let mut rng = Rng::new(1);
    let input = rng.clustered(100, 10);
    let file = pack(&input, 2, 0, 1);
    for build in BUILDS {
        let mut host = Host::new(&prebuilt(build));
        assert_eq!(host.call("rvf_abi", &[]), 0x2_0002);
        let caps = host.call("rvf_caps", &[]);
        assert_eq!(caps, 0x2_0FEA | i32::from(build == "simd"));

        let head = host.put(&file.index, 0);
        let len = file.index.len() as u32;
        let ctx = host.alloc(256, 0);
        let end = host.memory_len() as u32;
        // BAD_POINTER, SMALL_BUFFER, BAD_INDEX, UNSUPPORTED
        assert_eq!(host.call("rvf_open", &[head, len, ctx + 4, 256]), -1);
        assert_eq!(host.call("rvf_open", &[head, len, end, 256]), -1);
        assert_eq!(host.call("rvf_open", &[end - 100, 128, ctx, 256]), -1);
        assert_eq!(host.call("rvf_open", &[u32::MAX, u32::MAX, ctx, 256]), -1);
        assert_eq!(host.call("rvf_open", &[head, len, ctx, 255]), -3);
        assert_eq!(host.call("rvf_open", &[head, 127, ctx, 256]), -4);
        // Without the last byte of the mean.
        assert_eq!(host.call("rvf_open", &[head, 128 + 40 - 1, ctx, 256]), -4);
        assert_eq!(host.call("rvf_open", &[head, 128 + 40, ctx, 256]), 0);
        let ctx = host.alloc(256, 0);
        for (at, value, code) in [
            (0, 0, -4),
            (4, 1, -5),
            (4, 3, -5),
            (8, 0, -4),
            (12, 11 << 8, -4),
            (0x10, 3, -5),
            (0x11, 3, -5),
            (0x14, 0, -4),
            (0x14, 101, -4),
            (0x18, 2, -4),
            (0x1C, 5, -4),
        ] {
            let mut index = file.index.clone();
            index[at] = value as u8;
            if at == 8 {
                index[8..12].fill(0);
            }
            assert_eq!(host.open(&index), Err(code), "{build} byte {at}");
        }

        // BAD_HANDLE
        for name in ["rvf_step", "rvf_needs"] {
            assert_eq!(host.call(name, &[ctx]), -2, "{name}");
            assert_eq!(host.call(name, &[ctx + 1]), -1, "{name}");
            assert_eq!(host.call(name, &[end & !15]), -1, "{name}");
        }
        let ctx = host.open(&file.index).unwrap();
        assert_eq!(host.call("rvf_step", &[ctx]), -2);
        assert_eq!(host.call("rvf_size", &[ctx + 16, head]), -2);
        assert_eq!(host.call("rvf_size", &[ctx, end]), -1);
        assert_eq!(host.call("rvf_resident", &[ctx, 5, head, len]), -6);
        assert_eq!(host.call("rvf_resident", &[ctx, 0, end - 1, 2]), -1);

        // BAD_PARAM, WINDOW, BAD_QUERY
        let ask = Ask::new(3);
        let good = params(&ask, Mode::Coded);
        let q = &input[0];
        for bad in [
            Params {
                k: 0,
                pool: 0,
                ..good
            },
            Params {
                k: 65_537,
                pool: 65_537,
                ..good
            },
            Params {
                probes: 65_537,
                ..good
            },
            Params { pool: 2, ..good },
            Params { pool: 4, ..good },
            Params {
                slack: -0.5,
                ..good
            },
            Params {
                slack: 16.5,
                ..good
            },
            Params {
                slack: f32::NAN,
                ..good
            },
            Params {
                max_needs: 3,
                ..good
            },
            Params {
                max_needs: 4097,
                ..good
            },
        ] {
            assert_eq!(host.begin(ctx, &bad, q), Err(-6), "{build} {bad:?}");
        }
        assert_eq!(
            host.begin(
                ctx,
                &Params {
                    window: 256 + 256 - 1,
                    ..good
                },
                q
            ),
            Err(-8)
        );
        for value in [f32::NAN, f32::INFINITY, 1.1e15, -2e15] {
            let mut q = q.clone();
            q[3] = value;
            assert_eq!(host.begin(ctx, &good, &q), Err(-7));
        }
        assert_eq!(host.begin(ctx, &good, &[0.0; 10]), Err(-7));

        // STATE
        let state = host.begin(ctx, &good, q).unwrap();
        assert_eq!(host.call("rvf_results", &[state, head, 1]), -10);
        assert_eq!(host.call("rvf_block", &[state, head, 1]), -10);
        assert_eq!(host.call("rvf_feed", &[state, 0, head]), -10);
        let n = host.call("rvf_step", &[state]);
        assert!(n > 0);
        assert_eq!(host.call("rvf_feed", &[state, n as u32, head]), -10);
        let end = host.memory_len() as u32;
        assert_eq!(host.call("rvf_feed", &[state, 0, end - 1]), -1);
        assert_eq!(host.call("rvf_step", &[state]), -10);
    }
}

#[test]
fn parameters_that_no_version_knows_are_refused() {
    let file = pack(&Rng::new(1).clustered(100, 10), 2, 0, 1);
    // k, mode, probes, slack, pool, flags, window, max needs
    let good = [3, 0, 0, 1.0_f32.to_bits(), 3, 0, u32::MAX, 4];
    for build in BUILDS {
        let mut host = Host::new(&prebuilt(build));
        let ctx = host.open(&file.index).unwrap();
        let mut size = |at: usize, value: u32| {
            let mut words = [0; 16];
            words[..8].copy_from_slice(&good);
            words[at] = value;
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let params = host.put(&bytes, 2);
            host.call("rvf_size", &[ctx, params])
        };
        assert!(size(0, 3) > 0);
        assert!(size(1, 1) > 0);
        assert!(size(5, 1) > 0);
        assert!(size(2, 65_536) > 0);
        for (at, value) in [(1, 2), (1, u32::MAX), (5, 2), (5, 3), (2, 65_537)] {
            assert_eq!(size(at, value), -6, "{build} word {at}: {value}");
        }
    }
}

#[test]
fn a_buffer_without_sixteen_bytes_behind_it_is_refused() {
    let file = pack(&Rng::new(1).clustered(100, 10), 2, 0, 1);
    let len = file.index.len() as u32;
    for build in BUILDS {
        let mut host = Host::new(&prebuilt(build));
        let end = host.memory_len() as u32;
        let ctx = host.alloc(256, 0);
        let open = |host: &mut Host, at: u32| {
            host.write(at, &file.index);
            host.call("rvf_open", &[at, len, ctx, 256])
        };
        assert_eq!(open(&mut host, end - len - 15), -1);
        assert_eq!(open(&mut host, end - len - 16), 0);
        let mut resident = |len: u32| host.call("rvf_resident", &[ctx, 1, end - 116, len]);
        assert_eq!(resident(101), -1);
        assert_eq!(resident(100), 0);
    }
}

#[test]
fn bad_data_get_their_code() {
    let mut rng = Rng::new(1);
    let input = rng.clustered(100, 10);
    let plan = plan(&mut rng, &input, 5);
    let file = pack_lists(&input, 2, 0, 1, &plan);
    // Behind 128 bytes of head and 64 of the mean: the directory. The centroid records end the payload.
    let (directory, records) = (192, file.index.len() - 5 * 24);
    let own = directory + 8;
    for build in BUILDS {
        let mut host = Host::new(&prebuilt(build));
        for mode in [Mode::Coded, Mode::Blocks] {
            let ask = Ask::new(100);
            let params = params(&ask, mode);
            let mut search = |file: &File| {
                let resident = host.search(file, &input[0], &params, &ask, &[0, 1, 2], 1);
                let fed = host.search(file, &input[0], &params, &ask, &[], 3);
                assert_eq!(resident, fed);
                fed.err()
            };
            let coded = (mode == Mode::Coded).then_some(-9);
            assert_eq!(search(&file), None);
            let mut damaged = file.clone();
            damaged.index[own..own + 4].copy_from_slice(&101_u32.to_le_bytes());
            assert_eq!(search(&damaged), coded);
            let mut damaged = file.clone();
            damaged.index[records] ^= 1;
            assert_eq!(search(&damaged), coded);
            let mut damaged = file.clone();
            damaged.index[128 + 3] = 0x7F;
            damaged.index[128 + 2] = 0xC0;
            assert_eq!(search(&damaged), Some(-9));
            let mut damaged = file.clone();
            damaged.vec_i8[24 * 50] = 100;
            assert_eq!(search(&damaged), Some(-9));
        }
    }
}
