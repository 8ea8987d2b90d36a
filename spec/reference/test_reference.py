#!/usr/bin/env python3
"""Holds the reference reader and writer against a float64 search and against the test vectors.

python3 test_reference.py
"""

import json
import pathlib
import unittest

import numpy as np
import rvf_kernel as kernel
import rvf_writer as writer
from rvf_file import WASM, Fault, File
from rvf_verify import check_module, verify

VECTORS = pathlib.Path(__file__).parent.parent / "vectors"


def true_distances(x, q, metric):
    x, q = x.astype(np.float64), q.astype(np.float64)
    if metric == kernel.L2:
        return ((x - q) ** 2).sum(axis=1)
    dot = x @ q
    if metric == kernel.IP:
        return -dot
    return 1 - dot / (np.linalg.norm(x, axis=1) * np.linalg.norm(q))


class Search(unittest.TestCase):
    def setUp(self):
        random = np.random.default_rng(7)
        centres = random.normal(size=(20, 100)) * 2
        self.x = (centres[random.integers(0, 20, 1500)] + random.normal(size=(1500, 100))).astype(np.float32)
        self.queries = self.x[:4] + random.normal(size=(4, 100)).astype(np.float32) * np.float32(0.5)

    def test_exact_search_is_close_to_float64(self):
        for metric in (kernel.L2, kernel.IP, kernel.COSINE):
            for vectors, tolerance in ((kernel.I8, 2e-2), (kernel.F16, 2e-3), (kernel.F32_KIND, 1e-5)):
                file = File(writer.write(writer.build(self.x[:300], metric, vectors)))
                for q in self.queries:
                    truth = true_distances(self.x[:300], q, metric)
                    hits, stats = file.query(q, 10, exact=True)
                    scale = max(1.0, np.abs(truth).max())
                    for row, distance in hits:
                        self.assertLess(abs(truth[row] - distance), tolerance * scale)
                    self.assertEqual(stats["scanned"], 300)

    def test_coded_search_finds_what_exact_search_finds(self):
        for metric in (kernel.L2, kernel.IP, kernel.COSINE):
            for vectors in (kernel.I8, kernel.F32_KIND):
                file = File(writer.write(writer.build(self.x, metric, vectors)))
                found = 0
                for q in self.queries:
                    exact, _ = file.query(q, 10, exact=True)
                    wide, _ = file.query(q, 10, slack=16)
                    narrow, stats = file.query(q, 10, slack=3.0)
                    if vectors == kernel.I8:
                        self.assertEqual(wide, exact)
                    self.assertGreaterEqual(len({h[0] for h in wide} & {h[0] for h in exact}), 10)
                    found += len({h[0] for h in narrow} & {h[0] for h in exact})
                    self.assertLess(stats["ranked"], 1000)
                self.assertGreaterEqual(found, 9 * len(self.queries))

    def test_estimates_have_no_bias(self):
        for metric in (kernel.L2, kernel.IP, kernel.COSINE):
            file = File(writer.write(writer.build(self.x, metric, kernel.F32_KIND)))
            seed, mean = file.read_index()
            q = self.queries[0]
            query = kernel.Query(q, 1, 1.0, 1, metric, kernel.F32_KIND, mean, seed)
            est = np.concatenate([query.looks(codes, words)[1] for _, codes, words in file.groups()])
            truth = true_distances(self.x, q, metric)
            error = (est + query.base) - truth
            self.assertLess(abs(error.mean()), 0.05 * truth.std())
            self.assertGreater(np.corrcoef(est, truth)[0, 1], 0.9)

    def test_filter_and_deletes_hide_rows(self):
        file = File(writer.write(writer.build(self.x[:200], kernel.L2, kernel.I8)))
        for exact in (False, True):
            hits, _ = file.query(
                self.queries[0], 5, slack=16, exact=exact, filter_rows=range(0, 200, 2), deleted_rows=[0, 2]
            )
            self.assertEqual(len(hits), 5)
            self.assertTrue(all(row % 2 == 0 and row > 2 for row, _ in hits))
            few, _ = file.query(self.queries[0], 5, exact=exact, filter_rows=[3, 9], deleted_rows=[3])
            self.assertEqual([row for row, _ in few], [9])


class Arithmetic(unittest.TestCase):
    def test_s16_is_the_lane_sum(self):
        random = np.random.default_rng(3)
        for n in (1, 3, 16, 17, 65, 100):
            a = random.normal(size=n).astype(np.float32) * np.float32(1e3)
            lanes = [np.float32(0)] * 16
            for i in range(n):
                lanes[i % 16] = lanes[i % 16] + a[i]
            for half in (8, 4, 2, 1):
                lanes = [lanes[j] + lanes[j + half] for j in range(half)]
            self.assertEqual(kernel.bits(lanes[0]), kernel.bits(kernel.s16(a)))

    def test_hadamard_is_the_matrix(self):
        for m in range(7):
            p = 1 << m
            x = np.random.default_rng(m).normal(size=p).astype(np.float32)
            matrix = np.array([[(-1) ** bin(i & j).count("1") for j in range(p)] for i in range(p)])
            np.testing.assert_allclose(kernel.hadamard(x), matrix @ x / np.sqrt(p), atol=1e-5)

    def test_rotation_keeps_lengths(self):
        for dim in (1, 3, 64, 65, 100):
            x = np.random.default_rng(dim).normal(size=(5, dim)).astype(np.float32)
            turned = kernel.rotate(x, 99)
            np.testing.assert_allclose((turned**2).sum(axis=1), (x**2).sum(axis=1), rtol=1e-5)

    def test_quantising_is_a_fixed_point(self):
        random = np.random.default_rng(5)
        for _ in range(500):
            x = (random.normal(size=9) * 10.0 ** random.uniform(-32, 14)).astype(np.float32)
            scale, c = kernel.quantise(x)
            again, d = kernel.quantise(scale * c.astype(np.float32))
            self.assertEqual(kernel.bits(scale), kernel.bits(again))
            np.testing.assert_array_equal(c, d)


class Vectors(unittest.TestCase):
    def setUp(self):
        self.listed = json.loads((VECTORS / "vectors.json").read_text())

    def test_valid_files_are_sound(self):
        for case in self.listed["valid"]:
            faults, warnings = verify((VECTORS / case["file"]).read_bytes())
            self.assertEqual(faults, [], case["file"])
            self.assertEqual([w[0] for w in warnings], case["warnings"], case["file"])

    def test_packing_what_is_stored_gives_the_same_bytes(self):
        for case in self.listed["valid"]:
            file = File((VECTORS / case["file"]).read_bytes())
            x = np.array([file.exact(number)[1] for number in range(file.rows)])
            again = writer.build(x, file.metric, file.vectors, seed=file.read_index()[0])
            segments = [file.index_segment, file.quant, file.i8_segment, file.exact_segment]
            for seg, part in zip(segments, again.parts, strict=False):
                self.assertEqual(file.payload(seg), part.payload, f"{case['file']}: {seg}")

    def test_invalid_files_show_their_rule_first(self):
        for case in self.listed["invalid"]:
            data = (VECTORS / case["file"]).read_bytes()
            with self.subTest(case["file"]):
                faults, _ = verify(data)
                self.assertEqual(faults[0][0] if faults else None, case["rule"])
                self.assertEqual({f[0] for f in faults} - {case["rule"]}, set())
                if case["at"] == "open":
                    self.assertRaises(Fault, File, data)
                else:
                    File(data)

    def test_invalid_files_are_refused_in_time(self):
        query = self.listed["invalid_query"]
        vector = np.frombuffer(bytes.fromhex(query["vector"]), ">f4").astype(np.float32)
        for case in self.listed["invalid"]:
            data = (VECTORS / case["file"]).read_bytes()
            with self.subTest(case["file"]):
                if case["at"] == "query":
                    with self.assertRaises(Fault):
                        file = File(data)
                        hits, _ = file.query(vector, query["k"], query["slack"], query["pool"])
                        for row, _ in hits:
                            file.id_of(row)
                elif case["at"] == "module":
                    file = File(data)
                    module = next(seg for seg in file.segments if seg.type == WASM)
                    self.assertRaises(Fault, check_module, file, module)

    def test_answers_are_those_of_a_search_without_codes(self):
        for case in self.listed["valid"]:
            file = File((VECTORS / case["file"]).read_bytes())
            for query in case["queries"]:
                if query["mode"] == "coded" and query["slack"] < 16:
                    continue
                vector = np.frombuffer(bytes.fromhex(case["vectors"][query["vector"]]), ">f4")
                gone, wanted = query["deletes"] or (), query["filter"]
                live = [r for r in range(file.rows) if (wanted is None or r in wanted) and r not in gone]
                x = np.array([file.exact(row)[1] for row in live]).reshape(len(live), file.dim)
                metric = ("l2", "ip", "cosine").index(case["facts"]["metric"])
                truth = dict(zip(live, true_distances(x, vector, metric), strict=True))
                self.assertEqual(len(query["hits"]), min(query["k"], len(live)))
                size = max([1e-9] + [abs(d) for d in truth.values()])
                if metric == kernel.L2:
                    size += float(vector.astype(np.float64) @ vector)
                for row, digits in query["hits"]:
                    distance = float(kernel.from_bits(int(digits, 16)))
                    self.assertLess(abs(distance - truth[row]), 1e-3 * size, case["file"])
                if query["hits"] and len(query["hits"]) < len(live):
                    shown = {row for row, _ in query["hits"]}
                    last = max(truth[row] for row in shown)
                    rest = min(d for row, d in truth.items() if row not in shown)
                    self.assertLess(last - rest, 1e-3 * size, case["file"])

    def test_every_flipped_bit_of_a_file_is_found(self):
        case = min(self.listed["valid"], key=lambda c: c["bytes"])
        data = bytearray((VECTORS / case["file"]).read_bytes())
        for at in range(len(data)):
            data[at] ^= 1 << at % 8
            faults, _ = verify(bytes(data))
            self.assertTrue(faults, f"byte {at}")
            data[at] ^= 1 << at % 8


if __name__ == "__main__":
    unittest.main()
