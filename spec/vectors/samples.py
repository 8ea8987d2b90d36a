"""The valid test vectors: their data, and the queries with their answers."""

import pathlib

import numpy as np
import rvf_kernel as kernel
import rvf_writer as writer
from rvf_kernel import COSINE, F16, F32_KIND, I8, IP, L2

PREBUILT = pathlib.Path(__file__).resolve().parents[2] / "rvf-microkernel" / "prebuilt"
WISHES = [(0.5, 10), (0.9, 10), (0.99, 10), (0.9, 1), (0.9, 50), (0.9, 1000)]
WITH_BAD_QUERIES = (
    "cosine-i8",
    "cosine-f32-one-row",
    "l2-i8-dimension-1",
    "ip-f16-dimension-3",
    "cosine-i8-lists",
)


# --- modules ---


def section(kind, body):
    assert len(body) < 128
    return bytes([kind, len(body)]) + body


def tiny_module(simd=False, extra=b"", start=b"", pages=b"\x00\x01"):
    """A module that exports a memory and rvf_abi; with `simd`, one that needs SIMD."""
    instructions = (b"\xfd\x0c" + bytes(16) + b"\x1a" if simd else b"") + b"\x41\x81\x80\x08\x0b"
    body = b"\x00" + instructions
    return (
        b"\0asm\1\0\0\0"
        + section(1, b"\x01\x60\x00\x01\x7f")
        + extra
        + section(3, b"\x01\x00")
        + section(5, b"\x01" + pages)
        + section(7, b"\x02\x06memory\x02\x00\x07rvf_abi\x00\x00")
        + start
        + section(10, b"\x01" + bytes([len(body)]) + body)
    )


def modules():
    """The SIMD and the scalar kernel: the prebuilt ones, or what stands in for them."""
    found = [PREBUILT / f"rvf-microkernel-{name}.wasm" for name in ("simd", "scalar")]
    if all(path.exists() for path in found):
        return [path.read_bytes() for path in found]
    return [tiny_module(simd=True), tiny_module()]


# --- numbers that are the same everywhere ---


def splitmix64(state):
    """The word that follows from a state of splitmix64 (Steele, Lea, Flood: OOPSLA 2014)."""
    z = state + 0x9E3779B97F4A7C15 & kernel.MASK
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & kernel.MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & kernel.MASK
    return z ^ (z >> 31)


class Numbers:
    """Normal-like f32 numbers from splitmix64; each is a multiple of 2^-15."""

    def __init__(self, seed):
        self.state = seed

    def word(self):
        word = splitmix64(self.state)
        self.state = self.state + 0x9E3779B97F4A7C15 & kernel.MASK
        return word

    def below(self, n):
        return self.word() % n

    def normal(self, *shape):
        flat = []
        for _ in range(int(np.prod(shape))):
            word = self.word()
            total = sum(word >> shift & 0xFFFF for shift in (0, 16, 32, 48))
            flat.append((total - 131070) / 32768)
        return np.array(flat, np.float32).reshape(shape)


def clustered(seed, rows, dim, clusters=5):
    numbers = Numbers(seed)
    centres = numbers.normal(clusters, dim) * np.float32(2)
    x = np.array([centres[numbers.below(clusters)] for _ in range(rows)])
    return x + numbers.normal(rows, dim)


# --- files ---


def ask(vector, k, mode="coded", probes=0, slack=2.0, pool=None, vectors=I8, filter=None):
    pool = k if vectors == I8 else (pool or 2 * k)
    return {
        "vector": vector,
        "k": k,
        "mode": mode,
        "probes": probes,
        "slack": slack,
        "pool": pool,
        "filter": filter,
    }


def usual_queries(x, seed, vectors):
    """What each file is asked: exact and coded, with a filter, near a row and at one."""
    rows, dim = x.shape
    numbers = Numbers(seed + 1000)
    near = x[numbers.below(rows)] + numbers.normal(dim) * np.float32(0.25)
    at = x[numbers.below(rows)]
    k = min(5, rows)
    even, some = list(range(0, rows, 2)), [row for row in range(rows) if row % 3]
    return [
        ask(near, k, "exact", vectors=vectors),
        ask(near, k, slack=2.0, vectors=vectors),
        ask(near, 1, slack=0.0, vectors=vectors, pool=1),
        ask(near, k, slack=16.0, pool=k + 3, vectors=vectors),
        ask(at, k, slack=1.5, vectors=vectors),
        ask(at, k, "exact", vectors=vectors),
        ask(near, k, slack=2.0, filter=even, vectors=vectors),
        ask(near, k, slack=2.0, filter=[row for row in even if row % 3], vectors=vectors),
        ask(near, k, "exact", filter=some, vectors=vectors),
        ask(near, rows + 2, slack=1.0, vectors=vectors),
        ask(near * np.float32(1e-9), k, slack=2.0, vectors=vectors),
        ask(near * np.float32(3e12), k, slack=2.0, vectors=vectors),
    ]


def small_queries(x, seed, vectors):
    return usual_queries(x, seed, vectors)[:8]


def text_ids(rows):
    names = ["a", "zwölf", "日本", "x" * 30, "row/with/path", "🙂"]
    return [f"{names[i % len(names)]}-{i}" for i in range(rows - 1)] + ["é" * 256]


def made(name, seed, rows, dim, metric, vectors, x=None, queries=usual_queries, change=None, **options):
    x = clustered(seed, rows, dim) if x is None else x
    plan = writer.build(x, metric, vectors, seed=seed * 0x0123456789ABCDEF & kernel.MASK, **options)
    if change:
        change(plan)
    return name, writer.write(plan), [], queries(x, seed, vectors)


def with_efforts(plan):
    pool = lambda k: k if plan.vectors == I8 else 3 * k
    plan.efforts = [
        (1, 0, 0.5, pool(1), 80, 100, 70, 5),
        (1, 0, 2.0, pool(1), 95, 100, 70, 20),
        (10, 0, 0.25, pool(10), 700, 1000, 70, 22),
        (10, 0, 1.0, pool(10), 900, 1000, 70, 31),
        (10, 0, 3.5, pool(10), 985, 1000, 70, 60),
        (100, 0, 1.0, pool(100), 9300, 10000, 70, 70),
    ]
    plan.properties = {"title": "Test vectors", "a": "", "größe": "70 × 65"}


def with_unknown_segment(plan):
    plan.parts.insert(1, writer.Part(0x7E, b"a later version put this here" * 50, kind=7, b=10, flags=0x8000))


def with_newer_minor(plan):
    def newer(body):
        body[5] = 3
        body[0x50:0x58] = (1 << 41).to_bytes(8, "little")

    plan.record_edits = [newer, newer]


def second_generation(name, seed):
    x = clustered(seed, 40, 100)
    plan = writer.build(x, IP, I8, modules=modules(), seed=seed, ids=[3 * i for i in range(40)])
    old = writer.Part(0x7D, bytes(range(256)) * 9, b=11, flags=0x8000)
    plan.parts.append(old)
    plan = writer.next_generation(plan, writer.write(plan), drop=[old])
    plan.properties = {"note": "made in generation 2"}
    kept = writer.Part(0x7D, b"kept", b=10, flags=0x8000)
    plan = writer.next_generation(plan, writer.write(plan), add=[kept])
    return name, writer.write(plan), [], small_queries(x, seed, I8)


def with_tail(name, seed):
    made_name, data, _, queries = made(
        name, seed, 20, 65, COSINE, I8, modules=modules()[1:], queries=small_queries
    )
    return made_name, data + b"a commit that was cut short" * 3, ["R-ROOT-5"], queries


MANY = 1216


def many_rows():
    """1,216 rows, in pairs of opposite ones that come nearer to the origin, so that the buffer of a
    coded search runs full (K-SCAN-5): for a query at the origin of entries that are passed by now,
    for a wide slack of ones that are not."""
    numbers = Numbers(77)
    x = np.empty((MANY, 3), np.float32)
    for i in range(0, MANY, 2):
        x[i] = numbers.normal(3)
        x[i] *= np.float32(max(MANY - i, MANY * 3 // 8) / 64) / np.sqrt(kernel.s16(x[i] * x[i]))
        x[i + 1] = -x[i]
    origin, far = np.zeros(3, np.float32), x[0]
    queries = [
        ask(origin, 1, slack=1.0),
        ask(far / np.float32(64), 1, slack=4.0),
        ask(far / np.float32(64), 3, slack=16.0),
        ask(far, 1, slack=16.0),
        ask(far, 1, slack=1.0),
        ask(far, 2, slack=8.0),
        ask(origin, 30, slack=2.0, filter=list(range(0, MANY, 4))),
        ask(origin, 30, "exact"),
    ]
    return made("l2-i8-many-rows", 77, MANY, 3, L2, I8, x=x, queries=lambda *_: queries, modules=modules())


def files():
    """(name, bytes, warnings, queries) of each valid file."""
    both = modules()
    yield made("cosine-i8", 1, 70, 65, COSINE, I8, ids=text_ids(70), modules=both, change=with_efforts)
    yield made("cosine-f16", 2, 33, 100, COSINE, F16, ids=text_ids(33), modules=both, b=10, stored=True)
    yield made("cosine-f32-one-row", 3, 1, 64, COSINE, F32_KIND, ids=[2**64 - 1], modules=both)
    small = np.array([[i * 7 % 256] for i in range(33)], np.float32)
    yield made("l2-i8-dimension-1", 4, 33, 1, L2, I8, x=small, modules=both)
    yield made("l2-f16-ids", 5, 34, 64, L2, F16, ids=[i * 2**57 + 5 for i in range(34)], modules=both)
    yield made(
        "l2-f32-stored-tables", 6, 65, 33, L2, F32_KIND, modules=both, b=10, stored=True, change=with_efforts
    )
    yield made("ip-f16-dimension-3", 7, 96, 3, IP, F16, modules=both)
    yield made("ip-f32-newer-minor", 8, 31, 65, IP, F32_KIND, modules=both, change=with_newer_minor)
    yield second_generation("ip-i8-generation-3", 9)
    equal = np.tile(np.array([[0.3, -0.7, 0.2]], np.float32), (70, 1))
    yield made("l2-i8-all-equal", 10, 70, 3, L2, I8, x=equal, modules=both, queries=small_queries)
    zeros = np.zeros((33, 5), np.float32)
    zeros[7] = [1e15, -1e15, 1e15, 0, 3]
    zeros[9] = 1e-38
    zeros[20] = [127, -127, 1, 0, 2]
    yield made("ip-i8-zeros-and-extremes", 11, 33, 5, IP, I8, x=zeros, modules=both)
    yield made(
        "cosine-i8-unknown-segment",
        12,
        33,
        64,
        COSINE,
        I8,
        change=with_unknown_segment,
        queries=small_queries,
    )
    yield with_tail("cosine-i8-uncommitted-tail", 13)
    yield many_rows()


# --- answers ---


def vector_bits(vector):
    """The components' bits, 8 hexadecimal digits each."""
    return "".join(f"{kernel.bits(value):08x}" for value in np.asarray(vector, np.float32))


def answer(file, query):
    """The query as JSON, with what a conforming reader answers."""
    hits, stats = file.query(
        query["vector"],
        query["k"],
        probes=query["probes"],
        slack=query["slack"],
        pool=query["pool"],
        exact=query["mode"] == "exact",
        filter_rows=query["filter"],
    )
    found = [[row, f"{kernel.bits(distance):08x}"] for row, distance in hits]
    return query | {"hits": found, "stats": list(stats.values())}


def with_shared_vectors(queries, vectors):
    """The queries with the place of each vector in `vectors`, which is filled."""
    for query in queries:
        text = vector_bits(query["vector"])
        if text not in vectors:
            vectors.append(text)
        yield query | {"vector": vectors.index(text)}


def wish(file, recall, k):
    """R-MAN-8."""
    effort, ceiling = file.effort(recall, k)
    if effort is None:
        return {"recall": recall, "k": k, "ceiling": ceiling}
    return {"recall": recall, "k": k, "probes": effort[0], "slack": effort[1], "pool": effort[2]}


def bad_queries(file):
    """Queries that must be refused, and why."""
    ones = np.ones(file.dim, np.float32)
    nan, large = ones.copy(), ones.copy()
    nan[-1], large[0] = np.nan, np.float32(1.0000001e15)
    cases = [
        (ask(nan, 1), "BAD_QUERY"),
        (ask(large, 1), "BAD_QUERY"),
        (ask(ones, 0), "BAD_PARAM"),
        (ask(ones, 65537), "BAD_PARAM"),
        (ask(ones, 1, probes=65537), "BAD_PARAM"),
        (ask(ones, 1, slack=-0.5), "BAD_PARAM"),
        (ask(ones, 1, slack=16.5), "BAD_PARAM"),
        (ask(ones, 2) | {"pool": 1}, "BAD_PARAM"),
    ]
    if file.vectors == I8:
        cases.append((ask(ones, 2) | {"pool": 3}, "BAD_PARAM"))
    if file.metric == COSINE:
        cases.append((ask(ones * 0, 1), "BAD_QUERY"))
        cases.append((ask(ones * np.float32(2.0**-60), 1), "BAD_QUERY"))
    found = []
    for query, error in cases:
        try:
            answer(file, query)
        except kernel.BadQuery:
            found.append(query | {"error": error})
        else:
            raise AssertionError(f"{query} was not refused")
    return found
