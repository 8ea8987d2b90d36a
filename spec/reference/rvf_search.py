"""The search of spec/kernel.md, section 6: probing, scanning, ranking.

`file` gives checked records: file.i8(n) is (row, scale, sum of squares, components), file.exact(n)
is (row, components). `index` gives the lists: see rvf_index.
"""

import heapq

import numpy as np
from rvf_common import GROUP
from rvf_kernel import F32, I8


class Best:
    """The n least of what is offered: numbers, or (distance, row, ...) tuples."""

    def __init__(self, n, key):
        self.n, self.key, self.heap = n, key, []

    def offer(self, item):
        entry = (tuple(-x for x in self.key(item)), item)
        if len(self.heap) < self.n:
            heapq.heappush(self.heap, entry)
        elif entry[0] > self.heap[0][0]:
            heapq.heapreplace(self.heap, entry)

    def full(self):
        return len(self.heap) == self.n

    def largest(self):
        return self.heap[0][1]

    def items(self):
        return sorted((item for _, item in self.heap), key=self.key)


class Scan:
    """K-SCAN and K-RANK-1: estimate heap, buffer and pool. Entries are (item, lower), where an item
    is what `distance` turns into the (distance, ...) by which the pool is ordered."""

    def __init__(self, query, k, pool, capacity, distance, stats, share=1.0):
        self.share = F32(share)  # of the widths E1 and E2 (K-PROBE-2)
        self.query, self.distance, self.stats, self.capacity = query, distance, stats, capacity
        self.estimates, self.buffer = Best(k, lambda e: (e,)), []
        self.pool = Best(pool, lambda item: (float(item[0]), item[1]))

    def threshold(self):
        return F32(self.estimates.largest() if self.estimates.full() else np.inf)

    def group(self, base, codes, words, item):
        """K-SCAN-1 to K-SCAN-5. `item(i)` is None for an entry that does not go on (K-SCAN-3)."""
        t = self.threshold()
        lower1, est, lower = self.query.looks(codes, words, base, self.share)
        for i in range(len(words)):
            self.stats["scanned"] += 1
            if not lower1[i] <= t - base:
                continue
            self.stats["second_looks"] += 1
            if not lower[i] <= t:
                continue
            found = item(i)
            if found is None:
                continue
            if not np.isnan(est[i]):
                self.estimates.offer(float(est[i]))
            self.buffer.append((found, lower[i]))
        if self.capacity - len(self.buffer) < GROUP:
            self.rank()

    def rank(self):
        """K-RANK-1."""
        t = self.threshold()
        for item, lower in self.buffer:
            if lower > t or (self.pool.full() and lower > self.pool.largest()[0]):
                continue
            self.stats["ranked"] += 1
            self.pool.offer(self.distance(item))
        self.buffer.clear()

    def best(self):
        self.rank()
        return self.pool.items()


def visited_lists(index, query, stats):
    """K-PROBE-1 to K-PROBE-3: (base, list) of each list to be visited, in order."""
    if index.lists == 1:
        return [(query.base, 0)]
    count = min(index.lists, query.probes or index.lists)

    def distance(number):
        _, scale, squares, x = index.centroid(number)
        return query.centroid_distance(scale, squares, x), number

    scan = Scan(query, count, count, capacity(query, index), distance, stats, share=0.5)
    for first, group in index.centroid_groups():
        scan.group(query.base, group.codes, group.words, lambda i, first=first: first + i)
    return scan.best()


def capacity(query, index):
    """C of K-SCAN-1."""
    visited = min(index.lists, query.probes or index.lists)
    return 1024 + 32 * max(query.pool, visited)


def search(file, index, query, exact, live):
    """The hits as (distance, row), and the stats. `live`: the vector numbers of the filter, or None."""
    stats = {"scanned": 0, "second_looks": 0, "ranked": 0, "float_distances": 0}
    by_row = lambda item: (float(item[0]), item[1])
    kept_as_i8 = file.vectors == I8

    def integer(number):
        """What the pool is ordered by (K-SCAN-1), and then the number."""
        row, scale, squares, x = file.i8(number)
        return query.integer_distance(scale, squares, x), row if kept_as_i8 else number, number

    def floating(number):
        stats["float_distances"] += 1
        row, x = file.exact(number)
        return query.float_distance(x), row

    if exact:
        hits = Best(query.k, by_row)
        for number in range(file.rows) if live is None else sorted(live):
            if kept_as_i8:
                stats["ranked"] += 1
                hits.offer(integer(number)[:2])
            else:
                hits.offer(floating(number))
        return hits.items(), stats

    visited = visited_lists(index, query, stats)
    lists = [index.directory[number] for _, number in visited]
    scan = Scan(query, query.k, query.pool, capacity(query, index), integer, stats)
    for (base, number), entry in zip(visited, lists, strict=True):
        for first, group in index.groups(number):

            def item(i, entry=entry, first=first, group=group):
                """K-SCAN-3: the vector number of entry i, or None where it does not go on."""
                vector = entry.first + first + i
                if first + i >= entry.own:
                    vector = group.numbers[i]
                    file.check_number(vector)
                    if any(other.owns(vector) for other in lists):
                        return None
                return vector if live is None or vector in live else None

            scan.group(base, group.codes, group.words, item)
    hits = scan.best()
    if not kept_as_i8:
        hits = sorted((floating(number) for _, _, number in hits), key=by_row)
    return [hit[:2] for hit in hits[: query.k]], stats
