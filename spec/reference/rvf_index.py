"""Reads INDEX, QUANT and ORDER (spec/format.md, sections 6 and 7): the lists of a file."""

import struct

import numpy as np
import rvf_kernel as kernel
from rvf_common import (
    Fault,
    group_size,
    groups_of,
    index_places,
    list_size,
    need,
    stride_of,
    up,
    words_of,
)


class List:
    """An entry of the list directory."""

    def __init__(self, raw, at):
        self.offset, self.own, self.second, self.first = struct.unpack_from("<QIII", raw, at)
        self.zeros = raw[at + 20 : at + 32]

    def owns(self, number):
        return self.first <= number < self.first + self.own


class Group:
    """R-QNT-1: a group of entries. `codes`, `words` and `numbers` are those of its entries;
    `lacking` is what stands in the places that its last tile lacks."""

    def __init__(self, raw, entries, dim, numbered):
        places, width = up(entries, 4), words_of(dim)
        tiles = np.frombuffer(raw, "<u8", places * width).reshape(places // 4, width, 4)
        codes = np.ascontiguousarray(tiles.transpose(0, 2, 1)).reshape(places, width)
        codes = codes.view(np.uint8)
        words = np.frombuffer(raw, "<u4", places, places * width * 8)
        numbers = np.frombuffer(raw, "<u4", places, places * (width * 8 + 4)) if numbered else None
        self.codes, self.words = codes[:entries], words[:entries]
        self.numbers = numbers[:entries].tolist() if numbered else None
        self.lacking = codes[entries:].tobytes() + words[entries:].tobytes()
        if numbered:
            self.lacking += numbers[entries:].tobytes()


class Index:
    """The lists of a file. Reading it checks R-IDX-1 to R-IDX-3, and of R-IDX-4 the rows."""

    def __init__(self, file):
        self.file, self.dim, self.lists = file, file.dim, file.lists
        self.raw = file.payload(file.index_segment)
        places = index_places(file.dim, file.lists)
        self.directory_at, self.codes_at, self.records_at, self.end = places
        self.read_head()
        self.read_directory()
        if self.lists > 1:
            self.between(self.directory_at + 32 * self.lists, self.codes_at)
            self.between(self.codes_at + list_size(self.lists, 0, self.dim), self.records_at)
            for number in range(self.lists):
                row = self.centroid(number)[0]
                need(row == number, "R-IDX-4", f"INDEX: centroid record {number} has row {row}")

    def between(self, start, end):
        need(not any(self.raw[start:end]), "R-NUM-3", f"INDEX: zeros between its parts, before byte {end}")

    def read_head(self):
        raw, file, dim = self.raw, self.file, self.dim
        (
            magic,
            layout,
            zero1,
            rows,
            found,
            metric,
            vectors,
            zero2,
            lists,
            words,
            stride,
            seed,
            codes,
            records,
        ) = struct.unpack_from("<4sHHIIBBHIIIQQQ", raw)
        need(magic == b"RVFI" and layout == 2, "R-IDX-1", "INDEX: magic or layout")
        same = (rows, found, metric, vectors, lists) == (
            file.rows,
            dim,
            file.metric,
            file.vectors,
            self.lists,
        )
        need(same, "R-IDX-1", "INDEX: its head disagrees with the manifest")
        need((words, stride) == (words_of(dim), stride_of(0, dim)), "R-IDX-1", "INDEX: code words or stride")
        places = (codes, records) == (self.codes_at, self.records_at)
        need(places, "R-IDX-1", "INDEX: where the centroids stand")
        need(zero1 == zero2 == 0 and not any(raw[0x38:128]), "R-NUM-3", "INDEX: zero bytes of the head")
        self.between(128 + 4 * dim, self.directory_at)
        self.seed, self.mean = seed, np.frombuffer(raw, "<f4", dim, 128)
        need(np.all(np.isfinite(self.mean)), "R-IDX-3", "INDEX: the mean is not finite")

    def read_directory(self):
        """R-IDX-1: the chain of the lists."""
        rows = self.file.rows
        self.directory = [List(self.raw, self.directory_at + 32 * n) for n in range(self.lists)]
        offset = first = 0
        for number, entry in enumerate(self.directory):
            where = f"INDEX: list {number}"
            need(entry.offset == offset, "R-IDX-1", f"{where} at byte {entry.offset} of QUANT, not {offset}")
            need(entry.first == first, "R-IDX-1", f"{where}: its first vector is {entry.first}, not {first}")
            need(entry.own + entry.second <= rows, "R-IDX-1", f"{where} has more entries than there are rows")
            need(self.lists > 1 or not entry.second, "R-IDX-1", f"{where}: the only one, with second entries")
            need(not any(entry.zeros), "R-NUM-3", f"{where}: zero bytes of the directory")
            offset += up(list_size(entry.own, entry.second, self.dim), 64)
            first += entry.own
        need(first == rows, "R-IDX-1", f"INDEX: the lists own {first} vectors of {rows}")
        length = self.file.quant.length
        need(offset == length, "R-QNT-1", f"QUANT: {length} bytes, its lists end at {offset}")

    def centroid(self, number):
        """R-IDX-4: the record of a centroid: (row, scale, sum of squares, components)."""
        return i8_record(self.raw, self.records_at + number * stride_of(0, self.dim), self.dim)

    def weight(self, number):
        """K-CODE-6: s - Q of a list."""
        if self.lists == 1:
            return 0
        _, _, squares, x = self.centroid(number)
        return squares - int(np.sum(x.astype(np.int64) ** 2))

    def point(self, number):
        """R-IDX-4: the centroid of a list as a point."""
        if self.lists == 1:
            return self.mean
        _, scale, _, x = self.centroid(number)
        return scale * x.astype(kernel.F32)

    def centroid_groups(self):
        """(number of the first centroid, group) of the centroid codes."""
        at = self.codes_at
        for first, entries, _ in groups_of(self.lists, 0):
            size = group_size(entries, self.dim, False)
            yield first, Group(self.raw[at : at + size], entries, self.dim, False)
            at += size

    def groups(self, number):
        """R-QNT-1: (place of its first entry in the list, group) of a list."""
        entry = self.directory[number]
        at = entry.offset
        for first, entries, numbered in groups_of(entry.own, entry.second):
            size = group_size(entries, self.dim, numbered)
            raw = self.file.payload(self.file.quant, at, size)
            yield first, Group(raw, entries, self.dim, numbered)
            at += size


def i8_record(raw, at, dim):
    """R-VEC-1: (row, scale, sum of squares, components)."""
    row, scale, squares = struct.unpack_from("<IfI", raw, at)
    return row, kernel.F32(scale), squares, np.frombuffer(raw, np.int8, dim, at + 12)


def order_of(file):
    """R-VEC-7: the vector number of each row."""
    if file.lists == 1:
        return range(file.rows)
    numbers = struct.unpack(f"<{file.rows}I", file.payload(file.order_segment))
    for row, number in enumerate(numbers):
        if number >= file.rows:
            raise Fault("R-VEC-7", f"ORDER: row {row} is vector {number} of {file.rows}")
    return numbers
