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
from rvf_common import WASM, Fault, groups_of, group_size, list_size
from rvf_file import File
from rvf_search import visited_lists
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


def no_stats():
    return {"scanned": 0, "second_looks": 0, "ranked": 0, "float_distances": 0}


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
                    counted = "float_distances" if vectors else "ranked"
                    self.assertEqual({n: c for n, c in stats.items() if c}, {counted: 300})

    def lists(self, xhat, count=8):
        """Lists around rows, with a second entry for each row of two."""
        points = xhat[:count]
        near = np.argsort([((xhat - point) ** 2).sum(axis=1) for point in points], axis=0)
        own = [np.flatnonzero(near[0] == n).tolist() for n in range(count)]
        second = [[row for row in range(0, len(xhat), 2) if near[1, row] == n] for n in range(count)]
        return writer.Lists(own, second)

    def files(self, kinds):
        for metric in (kernel.L2, kernel.IP, kernel.COSINE):
            for vectors in kinds:
                for lists in (None, self.lists):
                    yield metric, File(writer.write(writer.build(self.x, metric, vectors, lists=lists)))

    def test_coded_search_finds_what_exact_search_finds(self):
        for _, file in self.files((kernel.I8, kernel.F32_KIND)):
            found = 0
            for q in self.queries:
                exact, _ = file.query(q, 10, exact=True)
                wide, _ = file.query(q, 10, slack=16)
                narrow, stats = file.query(q, 10, slack=3.0)
                if file.vectors == kernel.I8:
                    self.assertEqual(wide, exact)
                self.assertGreaterEqual(len({h[0] for h in wide} & {h[0] for h in exact}), 10)
                found += len({h[0] for h in narrow} & {h[0] for h in exact})
                self.assertLess(stats["ranked"], 1000)
            self.assertGreaterEqual(found, 9 * len(self.queries))

    def test_a_search_of_one_list_finds_the_nearest_of_its_entries(self):
        through_a_second_entry = 0
        for _, file in self.files((kernel.I8,)):
            index = file.index()
            for q in (self.x[20:24] + self.x[30:34]) / np.float32(2) if file.lists > 1 else ():
                query = kernel.Query(q, 10, 1, 16.0, 10, file.metric, file.vectors, index.mean, index.seed)
                [(_, n)] = visited_lists(index, query, no_stats())
                entry = index.directory[n]
                owned = set(range(entry.first, entry.first + entry.own))
                entered = {number for _, group in index.groups(n) for number in group.numbers or ()}
                rows = {number: file.i8(number)[0] for number in owned | entered}
                hits, _ = file.query(q, 10, probes=1, slack=16)
                self.assertEqual(hits, file.query(q, 10, exact=True, filter_rows=rows.values())[0])
                through_a_second_entry += len({row for row, _ in hits} - {rows[n] for n in owned})
        self.assertGreater(through_a_second_entry, 0)

    def test_estimates_have_no_bias(self):
        for metric, file in self.files((kernel.F32_KIND,)):
            index = file.index()
            q = self.queries[0]
            query = kernel.Query(q, 1, 0, 1.0, 1, metric, kernel.F32_KIND, index.mean, index.seed)
            est = np.empty(file.rows)
            for base, number in visited_lists(index, query, no_stats()):
                entry = index.directory[number]
                for first, group in index.groups(number):
                    own = max(0, min(entry.own - first, len(group.words)))
                    found = query.looks(group.codes, group.words, base)[1][:own]
                    est[entry.first + first : entry.first + first + own] = found
            rows = [file.exact(number)[0] for number in range(file.rows)]
            truth = true_distances(self.x[rows], q, metric)
            error = est - truth
            self.assertLess(abs(error.mean()), 0.05 * truth.std())
            self.assertGreater(np.corrcoef(est, truth)[0, 1], 0.9)

    def test_a_filter_hides_rows(self):
        for lists in (None, lambda xhat: self.lists(xhat, 3)):
            file = File(writer.write(writer.build(self.x[:200], kernel.L2, kernel.I8, lists=lists)))
            for exact in (False, True):
                options = {"slack": 16, "exact": exact}
                hits, _ = file.query(self.queries[0], 5, filter_rows=range(4, 200, 2), **options)
                self.assertEqual(len(hits), 5)
                self.assertTrue(all(row % 2 == 0 and row > 2 for row, _ in hits))
                few, _ = file.query(self.queries[0], 5, filter_rows=[9], **options)
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

    def test_signs_are_those_of_xorshift(self):
        # The first words of xorshift64 from the state 1, as its paper's triple (13, 7, 17) gives them.
        x, words = 1, []
        for _ in range(3):
            x = (x ^ (x << 13)) % 2**64
            x = x ^ (x >> 7)
            x = (x ^ (x << 17)) % 2**64
            words.append(x)
        self.assertEqual(words[0], 0x40822041)
        parts = [w >> shift & 0xFFFF for w in words for shift in (0, 16, 32, 48)]
        self.assertEqual(kernel.signs(1, 12).tolist(), [part >= 0x8000 for part in parts])
        self.assertEqual(kernel.signs(1, 5).tolist(), kernel.signs(1, 12).tolist()[:5])

    def test_the_size_of_a_list_is_that_of_its_groups(self):
        for dim in (1, 64, 65):
            for own in (0, 1, 4, 5, 31, 32, 33, 64, 100):
                for second in (0, 1, 4, 31, 32, 33, 64):
                    groups = [group_size(n, dim, numbered) for _, n, numbered in groups_of(own, second)]
                    self.assertEqual(list_size(own, second, dim), sum(groups))

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
            index, order = file.index(), file.order()
            x = np.array([file.exact(number)[1] for number in order])
            rows = np.argsort(order)
            own = [rows[e.first : e.first + e.own].tolist() for e in index.directory]
            numbers = [
                [v for _, group in index.groups(n) for v in group.numbers or [None] * len(group.words)]
                for n in range(index.lists)
            ]
            second = [rows[found[len(o) :]].tolist() for o, found in zip(own, numbers, strict=True)]
            points = [index.point(n) for n in range(index.lists)]
            above = [index.weight(n) for n in range(index.lists)]
            lists = writer.Lists(own, second, points, above)
            again = writer.build(x, file.metric, file.vectors, seed=index.seed, lists=lists)
            segments = [file.index_segment, file.quant, file.i8_segment]
            segments += [file.exact_segment] if file.vectors else []
            segments += [file.order_segment] if file.lists > 1 else []
            for seg, part in zip(segments, again.parts, strict=True):
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
                        hits, _ = file.query(
                            vector, query["k"], query["probes"], query["slack"], query["pool"]
                        )
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
                if query["mode"] == "coded" and (query["slack"] < 16 or query["probes"]):
                    continue
                vector = np.frombuffer(bytes.fromhex(case["vectors"][query["vector"]]), ">f4")
                live = range(file.rows) if query["filter"] is None else query["filter"]
                x = np.array([file.exact(file.order()[row])[1] for row in live]).reshape(len(live), file.dim)
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
