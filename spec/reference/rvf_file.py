"""Opens an RVF file of version 2 (draft) and reads its parts, written from spec/format.md.

Slow, and meant to be read beside the text. Each fault names the rule that is broken.
"""

import struct
import zlib

import numpy as np
import rvf_kernel as kernel
from rvf_common import (
    ANCILLARY,
    DIGEST,
    IDS,
    INDEX,
    LONGEST_MANIFEST,
    MANIFEST,
    MOST_LISTS,
    NAMES,
    ORDER,
    QUANT,
    ROOT,
    ROOT_SIZE,
    VEC,
    WASM,
    Fault,
    block_digests,
    index_places,
    list_size,
    need,
    segment_hash,
    stride_of,
    up,
)
from rvf_index import Index, i8_record, order_of
from rvf_search import search


class Segment:
    """A segment as an entry of the manifest names it."""

    def __init__(self, raw, at):
        self.at = at
        (self.id, self.type, self.b, self.flags, self.kind, self.offset, self.length) = struct.unpack_from(
            "<QBBHIQQ", raw
        )
        self.hash, self.table_offset, self.tail = raw[32:64], struct.unpack_from("<Q", raw, 64)[0], raw[72:]
        self.payload_at = self.offset + 64
        self.end = up(self.payload_at + self.length, 64)
        self.checked_table, self.good_blocks = None, set()

    def __str__(self):
        return f"{NAMES.get(self.type, hex(self.type))} segment {self.id} at byte {self.offset}"


class File:
    """An open file. Opening checks the root and the manifest; the rest is checked when it is read."""

    def __init__(self, data):
        self.data, self.warnings = data, []
        self.lists_read = self.order_read = None
        self.root()
        self.manifest()

    # Headers and records

    def header(self, at, what):
        """R-SEG-3: the fields of a segment header."""
        need(at + 64 <= len(self.data), "R-NUM-2", f"{what}: its header passes the end of the file")
        raw = bytes(self.data[at : at + 64])
        magic, version, kind, flags, ident, length, _ = struct.unpack_from("<IBBHQQQ", raw)
        need(magic == 0x52564653, "R-SEG-3", f"{what}: no segment header at byte {at}")
        need(version != 1, "R-SEG-3", f"{what}: an RVF file of version 1, which this reader does not read")
        need(version == 2, "R-SEG-3", f"{what}: version {version} of the header is not known")
        need(
            zlib.crc32(raw[:60]) == struct.unpack_from("<I", raw, 60)[0],
            "R-SEG-3",
            f"{what}: the header's CRC is wrong",
        )
        need(flags & ~ANCILLARY == 0, "R-SEG-3", f"{what}: flag bits {flags:#x}")
        need(raw[0x20] == (0 if kind == ROOT else 2), "R-SEG-3", f"{what}: checksum algorithm {raw[0x20]}")
        need(
            raw[0x21:0x28] == bytes(7) and raw[0x38:0x3C] == bytes(4),
            "R-SEG-3",
            f"{what}: compression or zero bytes",
        )
        need(kind not in NAMES or flags == 0, "R-SEG-3", f"{what}: ANCILLARY on a type that is not")
        return {
            "raw": raw,
            "type": kind,
            "flags": flags,
            "id": ident,
            "length": length,
            "hash": raw[0x28:0x38],
        }

    def root(self):
        data = self.data
        need(len(data) >= ROOT_SIZE, "R-ROOT-1", f"{len(data)} bytes are too few for a root")
        header = self.header(0, "root")
        need(
            header["type"] == ROOT, "R-SEG-2", f"the first segment is of type {header['type']:#x}, not a root"
        )
        fixed = header["id"] == 0 and header["flags"] == 0 and header["hash"] == bytes(16)
        need(
            fixed and header["length"] == ROOT_SIZE - 64,
            "R-ROOT-1",
            "root: id, flags, length or hash of its header",
        )
        zeros = data[64:0x200] + data[0x280:0x400] + data[0x480:ROOT_SIZE]
        need(not any(zeros), "R-ROOT-1", "root: a reserved byte is not zero")
        records = [bytes(data[at : at + 128]) for at in (0x200, 0x400)]
        valid = [record for record in records if self.record_is_valid(record)]
        need(valid, "R-ROOT-2", "no root record is valid")
        generation = lambda record: struct.unpack_from("<Q", record, 8)[0]
        record = max(valid, key=generation)
        if records[0] != records[1]:
            twins = len(valid) == 2 and generation(valid[0]) == generation(valid[1])
            need(not twins, "R-ROOT-3", "two root records of one generation differ")
            self.warnings.append(("R-ROOT-4", "one root record is damaged or of an older generation"))
        (self.generation, self.committed, self.manifest_at, self.manifest_length) = struct.unpack_from(
            "<QQQQ", record, 8
        )
        self.manifest_hash, required = record[0x28:0x48], struct.unpack_from("<Q", record, 0x48)[0]
        need(required == 0, "R-ROOT-6", f"the file asks for features that are not known: {required:#x}")
        self.minor, self.draft = record[5], bool(record[6] & 1)
        need(
            len(data) >= self.committed,
            "R-ROOT-5",
            f"{len(data)} bytes, where {self.committed} were committed",
        )
        if len(data) > self.committed:
            self.warnings.append(
                ("R-ROOT-5", f"{len(data) - self.committed} bytes behind the commit are ignored")
            )

    @staticmethod
    def record_is_valid(record):
        """R-ROOT-2."""
        generation, committed, offset, length = struct.unpack_from("<QQQQ", record, 8)
        return (
            record[:5] == b"RVFR\x02"
            and record[6] <= 1
            and record[7] == 0
            and zlib.crc32(record[:124]) == struct.unpack_from("<I", record, 124)[0]
            and not any(record[0x58:0x7C])
            and generation >= 1
            and committed % 64 == 0
            and committed >= ROOT_SIZE + 64
            and offset % 64 == 0
            and offset >= ROOT_SIZE
            and length <= LONGEST_MANIFEST
            and up(offset + 64 + length, 64) <= committed
        )

    # The manifest

    def manifest(self):
        self.manifest_segment = Segment(
            struct.pack("<QBBHIQQ", 0, MANIFEST, 16, 0, 0, self.manifest_at, self.manifest_length)
            + self.manifest_hash
            + bytes(32),
            0,
        )
        header = self.header(self.manifest_at, "manifest")
        self.manifest_segment.id = header["id"]
        self.check_header(self.manifest_segment)
        raw = self.payload(self.manifest_segment)
        need(len(raw) >= 256, "R-MAN-1", "the manifest is shorter than its head")
        magic, layout, zero, generation, self.rows, self.dim = struct.unpack_from("<4sHHQQI", raw)
        self.metric, self.vectors, self.id_kind, self.operation = raw[0x1C:0x20]
        need(magic == b"RVFM" and layout == 1, "R-MAN-1", "manifest: magic or layout")
        counts = struct.unpack_from("<IIIII", raw, 0x70)
        segments, dead, efforts, properties, property_bytes = counts
        asked = 256 + 96 * segments + 64 * dead + 32 * efforts + property_bytes
        need(asked == len(raw), "R-MAN-1", f"manifest: {len(raw)} bytes, its counts ask for {asked}")
        need(
            generation == self.generation,
            "R-MAN-1",
            f"manifest of generation {generation}, root {self.generation}",
        )
        need(1 <= self.dim <= 65536, "R-MAN-1", f"dimension {self.dim}")
        need(1 <= self.rows <= 2**32 - 1, "R-MAN-1", f"{self.rows} rows")
        self.lists = struct.unpack_from("<I", raw, 0x84)[0]
        need(1 <= self.lists <= min(MOST_LISTS, self.rows), "R-MAN-1", f"{self.lists} lists")
        ranges = self.metric <= 2 and self.vectors <= 2 and self.id_kind <= 2
        need(ranges, "R-MAN-1", "manifest: metric, vectors or id kind")
        need(
            zero == 0 and self.operation == 0 and not any(raw[0x88:256]),
            "R-NUM-3",
            "manifest: reserved bytes",
        )
        self.lineage = raw[0x50:0x70]

        at = 256
        self.segments = [Segment(raw[at + 96 * i : at + 96 * i + 96], at + 96 * i) for i in range(segments)]
        at += 96 * segments
        self.dead = []
        for _ in range(dead):
            offset, length = struct.unpack_from("<QQ", raw, at)
            need(10 <= raw[at + 48] <= 20, "R-MAN-1", f"a dead extent: block size 2^{raw[at + 48]}")
            self.dead.append((offset, length, raw[at + 16 : at + 48], raw[at + 48]))
            need(not any(raw[at + 49 : at + 64]), "R-NUM-3", "a dead extent: zero bytes")
            at += 64
        self.efforts = [struct.unpack_from("<IIfIIIII", raw, at + 32 * i) for i in range(efforts)]
        at += 32 * efforts
        self.check_entries()
        self.check_set()
        self.check_lengths()
        self.check_cover()
        self.check_tables()
        self.check_predecessor(raw[0x20:0x50])
        self.check_efforts()
        self.properties = self.read_properties(raw, at, properties)

    def check_entries(self):
        for seg in self.segments:
            known = seg.type in NAMES
            need(
                known or seg.flags & ANCILLARY,
                "R-SEG-4",
                f"{seg}: a type that is not known and not ancillary",
            )
            need(
                seg.flags & ~ANCILLARY == 0 and not (known and seg.flags),
                "R-MAN-1",
                f"{seg}: flags {seg.flags:#x}",
            )
            need(
                10 <= seg.b <= 20 and (seg.type != DIGEST or seg.b == 16),
                "R-MAN-1",
                f"{seg}: block size 2^{seg.b}",
            )
            need(not known or seg.type in (VEC, WASM) or seg.kind == 0, "R-MAN-1", f"{seg}: kind {seg.kind}")
            need(not any(seg.tail), "R-NUM-3", f"{seg}: zero bytes of the entry")

    def check_set(self):
        """R-MAN-3."""
        kinds = [(seg.type, seg.kind if seg.type == VEC else 0) for seg in self.segments]
        wanted = {(INDEX, 0): 1, (QUANT, 0): 1, (VEC, 0): 1}
        wanted |= {(IDS, 0): int(self.id_kind != 0), (ORDER, 0): int(self.lists > 1)}
        if self.vectors:
            wanted[(VEC, self.vectors)] = 1
        for kind, count in wanted.items():
            need(
                kinds.count(kind) == count,
                "R-MAN-3",
                f"{kinds.count(kind)} {NAMES[kind[0]]} of kind {kind[1]}, not {count}",
            )
        for kind in kinds:
            free = kind[0] in (WASM, DIGEST) or kind[0] not in NAMES
            need(free or kind in wanted, "R-MAN-3", f"{NAMES.get(kind[0])} of kind {kind[1]} has no place")
        one = lambda kind, element=0: next(
            s for s in self.segments if s.type == kind and (kind != VEC or s.kind == element)
        )
        self.index_segment, self.quant, self.i8_segment = one(INDEX), one(QUANT), one(VEC)
        self.exact_segment = one(VEC, self.vectors)
        self.ids_segment = one(IDS) if self.id_kind else None
        self.order_segment = one(ORDER) if self.lists > 1 else None

    def check_lengths(self):
        """R-MAN-4."""
        rows, dim = self.rows, self.dim
        wanted = {
            self.index_segment: index_places(dim, self.lists)[-1],
            self.i8_segment: rows * stride_of(0, dim),
            self.exact_segment: rows * stride_of(self.vectors, dim),
        }
        if self.lists == 1:
            wanted[self.quant] = up(list_size(rows, 0, dim), 64)
        else:
            wanted[self.order_segment] = 4 * rows
            need(self.quant.length % 64 == 0, "R-MAN-4", f"{self.quant}: not a multiple of 64 bytes")
        if self.id_kind == 1:
            wanted[self.ids_segment] = 64 + 16 * rows
        for seg, length in wanted.items():
            need(
                seg.length == length,
                "R-MAN-4",
                f"{seg}: {seg.length} bytes of payload, {length} are asked for",
            )
        if self.id_kind == 2:
            least = 64 + 8 * ((rows + 63) // 64 + 1) + up(3 * rows, 8) + 8 * rows
            need(self.ids_segment.length >= least, "R-MAN-4", f"{self.ids_segment}: too short for {rows} ids")

    def check_cover(self):
        """R-MAN-2."""
        extents = [(s.offset, s.end) for s in self.segments]
        need(extents == sorted(extents), "R-MAN-2", "the entries do not ascend by offset")
        extents += [(offset, offset + length) for offset, length, _, _ in self.dead]
        extents.append((self.manifest_at, self.manifest_segment.end))
        end = ROOT_SIZE
        for start, stop in sorted(extents):
            need(start == end, "R-MAN-2", f"a gap or an overlap: bytes {start} and {end}")
            end = stop
        need(end == self.committed, "R-MAN-2", f"segments end at {end}, the commit at {self.committed}")
        aligned = all(offset % 64 == 0 and length % 64 == 0 and length for offset, length, _, _ in self.dead)
        need(aligned, "R-MAN-1", "a dead extent is empty or not a multiple of 64")
        offsets, ids = [extent[0] for extent in self.dead], [s.id for s in self.segments]
        need(offsets == sorted(offsets), "R-MAN-2", "the dead extents do not ascend")
        need(ids == sorted(set(ids)), "R-MAN-2", "the segment ids do not ascend")
        need(
            0 not in ids and self.manifest_segment.id not in ids + [0],
            "R-MAN-2",
            "a segment id of 0 or the manifest's",
        )

    def check_tables(self):
        """R-MAN-5, and the end of R-HASH-5."""
        digests = [s for s in self.segments if s.type == DIGEST]
        for seg in self.segments:
            if seg.table_offset:
                need(seg.type != DIGEST, "R-HASH-5", f"{seg}: a digest segment with a stored table")
                end = seg.table_offset + 16 * (-(-seg.length // (1 << seg.b)))
                inside = any(
                    d.payload_at <= seg.table_offset and end <= d.payload_at + d.length for d in digests
                )
                need(
                    inside,
                    "R-MAN-5",
                    f"{seg}: its table at byte {seg.table_offset} is outside the digest segments",
                )

    def check_predecessor(self, raw):
        """R-MAN-7."""
        offset, length, digest = *struct.unpack_from("<QQ", raw), raw[16:]
        if self.generation == 1:
            need(not any(raw), "R-MAN-7", "generation 1 with a predecessor")
            return
        need(offset and length and any(digest), "R-MAN-7", "a later generation without a predecessor")
        extent = (offset, up(64 + length, 64), digest, 16)
        need(extent in self.dead, "R-MAN-7", "the predecessor is not among the dead extents")

    def check_efforts(self):
        """R-MAN-8."""
        before = None
        for k, _, slack, pool, hits, total, _, _ in self.efforts:
            need(1 <= k <= 65536 and k <= pool <= 65536, "R-MAN-8", "an effort's k or pool")
            need(self.vectors or pool == k, "R-MAN-8", "an effort's pool, where only i8 is kept")
            need(0 <= slack <= 16, "R-MAN-8", "an effort's slack")
            need(0 < total and hits <= total, "R-MAN-8", "an effort's hits and total")
            if before:
                last_k, last_hits, last_total = before
                ascending = k > last_k or (k == last_k and hits * last_total > last_hits * total)
                need(ascending, "R-MAN-8", "the efforts do not ascend by k and recall")
            before = k, hits, total

    def effort(self, recall, k):
        """R-MAN-8: (probes, slack, pool) for a wish, or None and the ceiling."""
        listed = [e[0] for e in self.efforts]
        if not listed:
            return None, None
        nearest = min((x for x in listed if x >= k), default=max(listed))
        rows = [e for e in self.efforts if e[0] == nearest]
        for _, probes, slack, pool, hits, total, _, _ in rows:
            if hits / total >= recall:
                return (probes, slack, max(pool, k) if self.vectors else k), None
        return None, rows[-1][4] / rows[-1][5]

    @staticmethod
    def read_properties(raw, at, count):
        found, before = {}, b""
        for _ in range(count):
            need(at + 8 <= len(raw), "R-MAN-1", "the properties pass the end of the manifest")
            key_length, zero, value_length = struct.unpack_from("<HHI", raw, at)
            need(zero == 0, "R-NUM-3", "a property's zero bytes")
            key, value = (
                raw[at + 8 : at + 8 + key_length],
                raw[at + 8 + key_length : at + 8 + key_length + value_length],
            )
            at += 8 + key_length + value_length
            need(at <= len(raw), "R-MAN-1", "the properties pass the end of the manifest")
            need(key > before, "R-MAN-1", "property keys are empty or do not ascend")
            try:
                found[key.decode("utf-8")] = value.decode("utf-8")
            except UnicodeDecodeError as error:
                raise Fault("R-MAN-1", f"a property is not UTF-8: {error}") from error
            before = key
        need(at == len(raw), "R-MAN-1", "bytes behind the properties")
        return found

    # Checked bytes (R-HASH-6)

    def check_header(self, seg):
        """R-MAN-6."""
        header = self.header(seg.offset, str(seg))
        agrees = (header["id"], header["type"], header["flags"], header["length"]) == (
            seg.id,
            seg.type,
            seg.flags,
            seg.length,
        )
        need(agrees, "R-MAN-6", f"{seg}: its header disagrees with its entry")
        need(header["hash"] == seg.hash[:16], "R-MAN-6", f"{seg}: the content hash of its header")
        return header["raw"]

    def table(self, seg):
        """The digest table of a segment, checked against the segment's hash."""
        if seg.checked_table is None:
            header = self.check_header(seg)
            if seg.table_offset:
                count = -(-seg.length // (1 << seg.b))
                raw = bytes(self.data[seg.table_offset : seg.table_offset + 16 * count])
                table = [raw[i : i + 16] for i in range(0, len(raw), 16)]
            else:
                table = block_digests(bytes(self.data[seg.payload_at : seg.payload_at + seg.length]), seg.b)
                seg.good_blocks.update(range(len(table)))
            need(
                segment_hash(header, table) == seg.hash,
                "R-HASH-3",
                f"{seg}: its content does not have its hash",
            )
            seg.checked_table = table
        return seg.checked_table

    def payload(self, seg, start=0, length=None):
        """Bytes of a payload, each block of them checked."""
        length = seg.length - start if length is None else length
        table = self.table(seg)
        if length:
            for block in range(start >> seg.b, (start + length - 1 >> seg.b) + 1):
                if block not in seg.good_blocks:
                    at = seg.payload_at + (block << seg.b)
                    raw = bytes(self.data[at : min(at + (1 << seg.b), seg.payload_at + seg.length)])
                    need(
                        block_digests(raw, seg.b) == [table[block]],
                        "R-HASH-2",
                        f"{seg}: block {block} at byte {at}",
                    )
                    seg.good_blocks.add(block)
        return bytes(self.data[seg.payload_at + start : seg.payload_at + start + length])

    # INDEX, VEC, IDS

    def index(self):
        """R-IDX-1 to R-IDX-3: the lists, checked when they are first read."""
        if self.lists_read is None:
            self.lists_read = Index(self)
        return self.lists_read

    def order(self):
        """R-VEC-7: the vector number of each row."""
        if self.order_read is None:
            self.order_read = order_of(self)
        return self.order_read

    def i8(self, number):
        """R-VEC-1: (row, scale, sum of squares, components) of a vector."""
        stride = stride_of(0, self.dim)
        raw = self.payload(self.i8_segment, number * stride, stride)
        record = i8_record(raw, 0, self.dim)
        self.check_row(record[0], self.i8_segment, number)
        return record

    def exact(self, number):
        """R-VEC-5: (row, components) of a vector of the most exact kind, as stored (R-VEC-6)."""
        if self.vectors == kernel.I8:
            row, scale, _, x = self.i8(number)
            return row, scale * x.astype(kernel.F32)
        stride = stride_of(self.vectors, self.dim)
        raw = self.payload(self.exact_segment, number * stride, stride)
        row = struct.unpack_from("<I", raw)[0]
        self.check_row(row, self.exact_segment, number)
        return row, np.frombuffer(raw, "<f2" if self.vectors == 1 else "<f4", self.dim, 4).astype(kernel.F32)

    def check_row(self, row, seg, number):
        need(row < self.rows, "R-VEC-7", f"{seg}: record {number} has row {row} of {self.rows}")
        need(self.lists > 1 or row == number, "R-VEC-7", f"{seg}: record {number} has row {row}")

    def check_number(self, number):
        """The number of a second entry, of which a search must know no more."""
        need(number < self.rows, "R-QNT-4", f"QUANT: a second entry of vector {number} of {self.rows}")

    def ids(self):
        """R-IDS-1, R-IDS-4: the bytes of all ids, by row, and the hash index."""
        raw, rows, kind = self.payload(self.ids_segment), self.rows, self.id_kind
        magic, layout, found, zero, count, index_at, string_bytes = struct.unpack_from("<4sHBBQQQ", raw)
        need(magic == b"RVFD" and layout == 1 and found == kind and count == rows, "R-IDS-1", "IDS: the head")
        need(zero == 0 and not any(raw[32:64]), "R-NUM-3", "IDS: zero bytes of the head")
        need(kind == 2 or string_bytes == 0, "R-IDS-1", "IDS: bytes of strings, where ids are numbers")
        runs = (rows + 63) // 64
        strings_at = 64 + (8 * rows if kind == 1 else 8 * (runs + 1))
        end = strings_at + string_bytes
        need(
            index_at == up(end, 8) and index_at + 8 * rows == len(raw),
            "R-IDS-2",
            "IDS: the place of the hash index",
        )
        need(not any(raw[end:index_at]), "R-NUM-3", "IDS: zeros before the hash index")
        index = list(struct.iter_unpack("<II", raw[index_at:]))
        if kind == 1:
            return [raw[64 + 8 * i : 72 + 8 * i] for i in range(rows)], index
        starts = struct.unpack_from(f"<{runs + 1}Q", raw, 64)
        need(
            list(starts) == sorted(starts) and starts[0] == 0 and starts[-1] == string_bytes,
            "R-IDS-4",
            "IDS: the block offsets",
        )
        ids = []
        for run in range(runs):
            at, stop = strings_at + starts[run], strings_at + starts[run + 1]
            for _ in range(min(64, rows - 64 * run)):
                need(at + 2 <= stop, "R-IDS-4", f"IDS: run {run} is too short for its ids")
                length = struct.unpack_from("<H", raw, at)[0]
                need(
                    at + 2 + length <= stop,
                    "R-IDS-4",
                    f"IDS: the id of row {len(ids)} passes the end of its run",
                )
                ids.append(raw[at + 2 : at + 2 + length])
                self.id_text(ids[-1], len(ids) - 1)
                at += 2 + length
            need(at == stop, "R-IDS-4", f"IDS: run {run} is not filled by its ids")
        return ids, index

    @staticmethod
    def id_text(raw, row):
        need(1 <= len(raw) <= 512, "R-LIM-1", f"IDS: the id of row {row} has {len(raw)} bytes")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Fault("R-LIM-1", f"IDS: the id of row {row} is not UTF-8") from error

    def id_of(self, row):
        if self.id_kind == 0:
            return row
        raw = self.ids()[0][row]
        return int.from_bytes(raw, "little") if self.id_kind == 1 else self.id_text(raw, row)

    def query(self, vector, k, probes=0, slack=2.0, pool=None, exact=False, filter_rows=None):
        """(hits as (row, distance), stats); the filter is given by row."""
        need(len(vector) == self.dim, "K-QRY-1", f"{len(vector)} components, not {self.dim}")
        index = self.index()
        pool = pool or (k if self.vectors == kernel.I8 else min(4 * k, 65536))
        query = kernel.Query(
            vector, k, probes, slack, pool, self.metric, self.vectors, index.mean, index.seed
        )
        live = None
        if filter_rows is not None:
            order = self.order()
            live = {order[row] for row in filter_rows}
        hits, stats = search(self, index, query, exact, live)
        return [(row, distance) for distance, row in hits], stats
