"""The valid test vectors with more than one list."""

import numpy as np
import rvf_kernel as kernel
import rvf_writer as writer
from rvf_kernel import COSINE, F16, F32_KIND, I8, IP, L2

from samples import Numbers, ask, made, modules, text_ids

# --- lists ---


def nearest(xhat, points):
    """The lists of each row, the nearest first. By S16, so that every machine finds the same."""
    distances = np.array([kernel.s16((xhat - point) ** 2) for point in points]).T
    return np.argsort(distances, axis=1, kind="stable")


def clustered_lists(count, every=3, empty=0, weights=None):
    """Gives what makes `count` lists around means, with a second entry for one row of `every` (none
    if 0), in the list that is the second nearest. Of the `empty` lists behind them, the first has
    the centroid of list 0, and the others the mean. `weights` are those of writer.Lists."""

    def lists(xhat):
        points = xhat[:: max(1, len(xhat) // count)][:count]
        for _ in range(3):
            near = nearest(xhat, points)
            own = [np.flatnonzero(near[:, 0] == n).tolist() for n in range(count)]
            points = [kernel.mean(xhat[rows]) if rows else points[n] for n, rows in enumerate(own)]
        near = nearest(xhat, points)
        own = [np.flatnonzero(near[:, 0] == n).tolist() for n in range(count)]
        second = [[] for _ in own]
        for row in range(0, len(xhat) if every else 0, every or 1):
            second[near[row, 1]].append(row)
        same = [points[0]] + [None] * empty
        return writer.Lists(own + [[]] * empty, second + [[]] * empty, list(points) + same[:empty], weights)

    return lists


def shuffled(numbers, items):
    items = list(items)
    for i in range(len(items) - 1, 0, -1):
        j = numbers.below(i + 1)
        items[i], items[j] = items[j], items[i]
    return items


# --- queries ---


def list_queries(x, seed, vectors):
    """What each file with lists is asked: few lists, all, more than there are; with filters."""
    rows, dim = x.shape
    numbers = Numbers(seed + 1000)
    first, second = x[numbers.below(rows)], x[numbers.below(rows)]
    near = first + numbers.normal(dim) * np.float32(0.25)
    between = (first + second) * np.float32(0.5)
    k = min(5, rows)
    options = {"vectors": vectors}
    even = list(range(0, rows, 2))
    return [
        ask(near, k, "exact", **options),
        ask(near, k, slack=2.0, **options),
        ask(near, k, probes=1, slack=2.0, **options),
        ask(near, 1, probes=1, slack=0.0, pool=1, **options),
        ask(between, k, probes=1, slack=3.0, pool=k + 1, **options),
        ask(between, k, probes=2, slack=1.0, **options),
        ask(between, k, probes=3, slack=16.0, **options),
        ask(between, k, probes=65536, slack=0.5, **options),
        ask(first, k, probes=1, slack=1.5, **options),
        ask(between, k, probes=2, slack=2.0, filter=even, **options),
        ask(near, k, probes=2, slack=2.0, filter=[rows - 1, 0], **options),
        ask(near, k, probes=1, slack=2.0, filter=[], **options),
        ask(between, k, "exact", filter=even, **options),
        ask(near, rows + 2, probes=2, slack=1.0, **options),
        ask(near * np.float32(1e-9), k, probes=2, slack=2.0, **options),
        ask(near * np.float32(3e12), k, probes=2, slack=2.0, **options),
    ]


# --- files ---


def list_sizes():
    """Lists whose own vectors, and whose own and second ones together, end at, before and behind
    the end of a group; rows, own and second ones in no order."""
    sizes = [(33, 7), (0, 5), (1, 31), (100, 0), (31, 1), (32, 33), (0, 0), (3, 2)]
    numbers = Numbers(4242)
    rows = shuffled(numbers, range(sum(own for own, _ in sizes)))
    own, at = [], 0
    for size, _ in sizes:
        own.append(rows[at : at + size])
        at += size
    free, second = shuffled(numbers, rows), []
    for n, (_, size) in enumerate(sizes):
        others = [row for row in free if row not in own[n]]
        second.append(others[:size])
        free = [row for row in free if row not in second[n]]
    x = np.empty((len(rows), 65), np.float32)
    centres = numbers.normal(len(sizes), 65) * np.float32(2)
    for n, members in enumerate(own):
        for row in members:
            x[row] = centres[n] + numbers.normal(65)
    points = [None if members else centres[n] for n, members in enumerate(own)]
    return x, writer.Lists(own, second, points)


def with_probes(plan):
    """Efforts that name lists to be visited."""
    plan.efforts = [
        (1, 1, 0.5, 1, 80, 100, 30, 5),
        (1, 2, 2.0, 1, 95, 100, 50, 20),
        (10, 1, 0.25, 10, 700, 1000, 30, 22),
        (10, 2, 1.0, 10, 900, 1000, 50, 31),
        (10, 0, 3.5, 10, 985, 1000, 110, 60),
        (100, 4, 1.0, 100, 9300, 10000, 70, 70),
    ]


MANY = 1130


def many_lists():
    """1,120 lists, so that the buffer of the centroids runs full before the last (K-PROBE-2), and
    1,100 vectors in one of them, so that it does again in a list, and another list comes behind it."""
    numbers = Numbers(99)
    points = numbers.normal(1120, 3) * np.float32(4)
    own = [[] for _ in points]
    own[700] = list(range(1100))
    for row in range(1100, MANY):
        own[numbers.below(1120)].append(row)
    second = [[] for _ in points]
    second[701] = list(range(0, 1100, 100))
    x = numbers.normal(MANY, 3)
    for n, members in enumerate(own):
        x[members] += points[n]
    lists = writer.Lists(own, second, list(points))
    at, far = points[700], points[700] + np.float32(30)
    queries = [
        ask(at, 1, probes=1, slack=16.0),
        ask(at, 1, probes=2, slack=16.0),
        ask(at, 1, probes=2, slack=1.0),
        ask(at, 10, probes=40, slack=2.0),
        ask(far, 1, probes=2, slack=8.0),
        ask(far, 1, probes=1, slack=16.0),
        ask(far, 2, probes=2, slack=16.0),
        ask(far, 3, probes=700, slack=1.0),
        ask(points[701], 5, probes=1, slack=4.0),
        ask(points[701], 5, probes=0, slack=2.0, filter=list(range(0, MANY, 7))),
        ask(points[701], 5, "exact"),
    ]
    return made("l2-i8-many-lists", 99, MANY, 3, L2, I8, x=x, queries=lambda *_: queries, lists=lists)


def files():
    """(name, bytes, warnings, queries) of each valid file with lists."""
    both = modules()
    ask_lists = {"queries": list_queries}
    x, lists = list_sizes()
    yield made("l2-i8-list-sizes", 31, len(x), 65, L2, I8, x=x, lists=lists, modules=both, **ask_lists)
    # Any bias is right: also one with which a list comes last.
    yield made(
        "l2-f16-lists", 32, 90, 3, L2, F16, lists=clustered_lists(4, weights=[0, 9_000_000, 7, 500]), **ask_lists
    )
    yield made(
        "l2-f32-lists",
        33,
        70,
        33,
        L2,
        F32_KIND,
        lists=clustered_lists(5, every=1, weights=writer.ADVISED),
        modules=both,
        b=10,
        stored=True,
        **ask_lists,
    )
    yield made("ip-i8-lists", 34, 80, 16, IP, I8, lists=clustered_lists(4, empty=2), **ask_lists)
    yield made(
        "ip-f16-lists",
        35,
        66,
        65,
        IP,
        F16,
        ids=[7 * i + 2**60 for i in range(66)],
        lists=clustered_lists(3, every=2, empty=1),
        modules=both,
        **ask_lists,
    )
    yield made("ip-f32-two-lists", 36, 75, 5, IP, F32_KIND, lists=clustered_lists(2, every=0), **ask_lists)
    yield made(
        "cosine-i8-lists",
        37,
        110,
        64,
        COSINE,
        I8,
        ids=text_ids(110),
        lists=clustered_lists(6, every=2, weights=writer.ADVISED),
        modules=both,
        change=with_probes,
        **ask_lists,
    )
    yield made("cosine-f16-lists", 38, 60, 7, COSINE, F16, lists=clustered_lists(5, empty=1), **ask_lists)
    single = writer.Lists([[row * 5 % 33] for row in range(33)])
    yield made(
        "cosine-f32-a-list-a-row", 39, 33, 24, COSINE, F32_KIND, lists=single, modules=both, **ask_lists
    )
    yield many_lists()
