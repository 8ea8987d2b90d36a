"""Writes RVF files of version 2 (draft) from spec/format.md and spec/kernel.md, to make test vectors.

A `Plan` holds the parts of a file before they are laid out. The patches on it damage one thing and
leave every hash and CRC above it right, as the invalid test vectors ask for.
"""

import hashlib
import math
import struct
import zlib

import numpy as np
import rvf_kernel as kernel
import rvf_wasm
from rvf_common import (
    DIGEST,
    IDS,
    INDEX,
    MANIFEST,
    ORDER,
    QUANT,
    ROOT,
    ROOT_SIZE,
    VEC,
    WASM,
    block_digests,
    groups_of,
    id_hash,
    index_places,
    list_size,
    segment_hash,
    stride_of,
    up,
    words_of,
)


class Part:
    """A segment to be. `header` and `entry` are patches: lists of (offset, bytes)."""

    def __init__(self, kind_of_segment, payload, kind=0, b=12, stored=False, flags=0):
        self.type, self.payload, self.kind, self.b = kind_of_segment, payload, kind, b
        self.stored, self.flags, self.id = stored, flags, None
        self.header, self.entry, self.gap = [], [], 0
        self.offset = self.hash = None
        self.table_offset = 0

    @property
    def payload_at(self):
        return self.offset + 64

    @property
    def extent(self):
        """The dead extent that this part becomes when a later generation drops it."""
        return self.offset, up(64 + len(self.payload), 64), self.hash, self.b


class Plan:
    def __init__(self, rows, dim, metric, vectors, id_kind, lists, parts):
        self.rows, self.dim, self.metric, self.vectors, self.id_kind = rows, dim, metric, vectors, id_kind
        self.lists = lists
        self.parts, self.efforts, self.properties = parts, [], {}
        self.generation, self.predecessor, self.dead = 1, None, []
        self.start = None  # the bytes of the generation before
        self.manifest = None  # the Part, once written
        # Damage, for the invalid vectors:
        self.manifest_edit = self.manifest_header = None
        self.record_edits = []  # functions on a 124-byte record body, one for each record
        self.page_edit = None

    def part(self, segment_type, kind=0):
        return next(p for p in self.parts if p.type == segment_type and p.kind == kind)


def patch(raw, patches):
    raw = bytearray(raw)
    for at, value in patches:
        raw[at : at + len(value)] = value
    return bytes(raw)


def sealed_header(fields, table):
    """A segment header with its content hash and CRC, and the segment's hash."""
    digest = segment_hash(fields, table)
    header = fields[:0x28] + digest[:16] + fields[0x38:0x3C]
    return header + struct.pack("<I", zlib.crc32(header)), digest


def header_fields(segment_type, flags, ident, length):
    algorithm = 0 if segment_type == ROOT else 2
    fields = struct.pack("<IBBHQQQBB", 0x52564653, 2, segment_type, flags, ident, length, 0, algorithm, 0)
    return fields.ljust(64, b"\0")


def segment(part, patches=()):
    """The bytes of a segment; sets the part's hash."""
    fields = patch(header_fields(part.type, part.flags, part.id, len(part.payload)), part.header)
    fields = patch(fields, patches)
    header, part.hash = sealed_header(fields, block_digests(part.payload, part.b))
    raw = header + part.payload
    return raw.ljust(up(len(raw), 64), b"\0") + bytes(part.gap)


def write(plan):
    """The bytes of the file."""
    out = bytearray(plan.start or bytes(ROOT_SIZE))
    new = [p for p in plan.parts if p.offset is None]
    tables = [p for p in new if p.stored]
    if tables:
        digest = Part(DIGEST, b"".join(b"".join(block_digests(p.payload, p.b)) for p in tables), b=16)
        plan.parts.append(digest)
        new.append(digest)
    next_id = max([p.id for p in plan.parts if p.id] + [e[4] for e in plan.dead] + [0]) + 1
    for part in new:
        if part.id is None:
            part.id, next_id = next_id, next_id + 1
        part.offset = len(out)
        out += segment(part)
    if tables:
        at = digest.payload_at
        for part in tables:
            part.table_offset, at = at, at + 16 * len(block_digests(part.payload, part.b))
    plan.manifest = Part(MANIFEST, manifest_payload(plan), b=16)
    plan.manifest.id = next_id
    if plan.manifest_edit:
        plan.manifest.payload = bytes(plan.manifest_edit(bytearray(plan.manifest.payload)))
    plan.manifest.offset = len(out)
    out += segment(plan.manifest, plan.manifest_header or ())
    out[:ROOT_SIZE] = root_page(plan, len(out))
    return bytes(out)


def manifest_payload(plan):
    properties = b""
    for key, value in sorted((k.encode(), v.encode()) for k, v in plan.properties.items()):
        properties += struct.pack("<HHI", len(key), 0, len(value)) + key + value
    before = plan.predecessor or (0, 0, bytes(32))
    counts = (len(plan.parts), len(plan.dead), len(plan.efforts), len(plan.properties), len(properties))
    head = struct.pack(
        "<4sHHQQIBBBB",
        b"RVFM",
        1,
        0,
        plan.generation,
        plan.rows,
        plan.dim,
        plan.metric,
        plan.vectors,
        plan.id_kind,
        0,
    )
    head += struct.pack("<QQ", *before[:2]) + before[2] + bytes(32) + struct.pack("<6I", *counts, plan.lists)
    raw = head.ljust(256, b"\0")
    for p in plan.parts:
        entry = struct.pack("<QBBHIQQ", p.id, p.type, p.b, p.flags, p.kind, p.offset, len(p.payload))
        raw += patch((entry + p.hash + struct.pack("<Q", p.table_offset)).ljust(96, b"\0"), p.entry)
    for offset, length, digest, b, _ in plan.dead:
        raw += struct.pack("<QQ32sB15x", offset, length, digest, b)
    for effort in plan.efforts:
        raw += struct.pack("<IIfIIIII", *effort)
    return raw + properties


def record_body(plan, length):
    m = plan.manifest
    body = struct.pack("<4sBBHQQQQ", b"RVFR", 2, 0, 1, plan.generation, length, m.offset, len(m.payload))
    return bytearray((body + m.hash).ljust(124, b"\0"))


def sealed_record(body):
    return bytes(body) + struct.pack("<I", zlib.crc32(body))


def root_page(plan, length):
    fields = header_fields(ROOT, 0, 0, ROOT_SIZE - 64)
    page = bytearray(ROOT_SIZE)
    page[:60] = fields[:60]
    for i, at in enumerate((0x200, 0x400)):
        body = record_body(plan, length)
        if i < len(plan.record_edits) and plan.record_edits[i]:
            plan.record_edits[i](body)
        page[at : at + 128] = sealed_record(body)
    if plan.page_edit:
        plan.page_edit(page)
    page[60:64] = struct.pack("<I", zlib.crc32(bytes(page[:60])))
    return page


def next_generation(plan, data, drop=(), add=()):
    """A plan for the generation after a written one: some parts dropped, some added."""
    after = Plan(plan.rows, plan.dim, plan.metric, plan.vectors, plan.id_kind, plan.lists, [])
    after.parts = [p for p in plan.parts if p not in drop] + list(add)
    after.efforts, after.properties = plan.efforts, dict(plan.properties)
    after.generation, after.start = plan.generation + 1, data
    gone = list(drop) + [plan.manifest]
    after.dead = sorted(plan.dead + [p.extent + (p.id,) for p in gone])
    after.predecessor = (plan.manifest.offset, len(plan.manifest.payload), plan.manifest.hash)
    return after


# --- payloads ---


def index_payload(rows, dim, metric, vectors, seed, mean, directory, codes=b"", records=b""):
    """`directory`: (own, second) of each list; codes and records: those of the centroids."""
    _, codes_at, records_at, length = index_places(dim, len(directory))
    raw = struct.pack(
        "<4sHHIIBBHIIIQQQ",
        b"RVFI",
        2,
        0,
        rows,
        dim,
        metric,
        vectors,
        0,
        len(directory),
        words_of(dim),
        stride_of(0, dim),
        seed,
        codes_at,
        records_at,
    )
    raw = raw.ljust(128, b"\0") + mean.astype("<f4").tobytes()
    raw = raw.ljust(up(len(raw), 64), b"\0")
    offset = first = 0
    for own, second in directory:
        raw += struct.pack("<QIII", offset, own, second, first).ljust(32, b"\0")
        offset += up(list_size(own, second, dim), 64)
        first += own
    if codes:
        raw = (raw.ljust(codes_at, b"\0") + codes).ljust(records_at, b"\0") + records
    assert len(raw) == length
    return raw


def list_payload(codes, words, own, numbers=()):
    """R-QNT-1: the groups of a list, whose entries behind the `own` first are second ones."""
    raw = b""
    for first, entries, numbered in groups_of(own, len(codes) - own):
        lacking, last = -entries % 4, first + entries
        group = np.concatenate([codes[first:last], np.zeros((lacking, codes.shape[1]), np.uint8)])
        tiles = group.view("<u8").reshape((entries + lacking) // 4, 4, -1).transpose(0, 2, 1)
        raw += tiles.tobytes() + words[first:last].astype("<u4").tobytes() + bytes(4 * lacking)
        if numbered:
            raw += np.array(numbers[first:last], "<u4").tobytes() + bytes(4 * lacking)
    return raw


def squares(x):
    return int(np.sum(x.astype(np.int64) ** 2))


def i8_record(row, scale, x, weight=0):
    raw = struct.pack("<IfI", row, scale, squares(x) + weight) + x.tobytes()
    return raw.ljust(up(len(raw), 4), b"\0")


def exact_record(row, x, vectors):
    raw = struct.pack("<I", row) + x.astype("<f2" if vectors == kernel.F16 else "<f4").tobytes()
    return raw.ljust(up(len(raw), 4), b"\0")


def ids_payload(ids):
    """`ids`: a list of ints, or of strings."""
    kind = 1 if isinstance(ids[0], int) else 2
    if kind == 1:
        raw_ids = [struct.pack("<Q", i) for i in ids]
        body, strings = b"".join(raw_ids), b""
    else:
        raw_ids = [i.encode() for i in ids]
        starts = []
        strings = b""
        for row, raw in enumerate(raw_ids):
            if row % 64 == 0:
                starts.append(len(strings))
            strings += struct.pack("<H", len(raw)) + raw
        starts.append(len(strings))
        body = struct.pack(f"<{len(starts)}Q", *starts) + strings
    index_at = up(64 + len(body), 8)
    head = struct.pack("<4sHBBQQQ", b"RVFD", 1, kind, 0, len(ids), index_at, len(strings)).ljust(64, b"\0")
    index = sorted((id_hash(raw), row) for row, raw in enumerate(raw_ids))
    return (head + body).ljust(index_at, b"\0") + b"".join(struct.pack("<II", *entry) for entry in index)


def wasm_payload(code, priority=0):
    """A WASM payload whose header says what the module says."""
    facts = rvf_wasm.module_facts(code)
    least, most = facts.memories[0] if facts.memories else (0, 0)
    head = struct.pack("<IHBBHHII", 0x5256574D, 1, 0, 0, facts.features, len(facts.exports), len(code), 0)
    head += struct.pack("<BBBB", 0, least, most or 0, facts.tables) + hashlib.shake_256(code).digest(32)
    return (head + struct.pack("<B", priority)).ljust(64, b"\0") + code, 65536 * facts.features


def wasm_part(code, priority=0, **options):
    payload, kind = wasm_payload(code, priority)
    return Part(WASM, payload, kind=kind, **options)


#: As weights of lists: those that K-CODE-6 advises.
ADVISED = "advised"


class Lists:
    """Which rows stand in which list. `own` and `second`: for each list a list of rows, in their
    order; `points`: for each list a point for its centroid, or None for the mean of its own vectors;
    `weights`: s - Q of each list (K-CODE-6), None for 0, or ADVISED for what that rule advises."""

    def __init__(self, own, second=None, points=None, weights=None):
        self.own = own
        self.second = second or [[] for _ in own]
        self.points = points or [None for _ in own]
        self.weights = weights or [0 for _ in own]


def centroids(xhat, lists, mean):
    """R-IDX-4: (scale, components) of the centroid of each list."""
    for own, point in zip(lists.own, lists.points, strict=True):
        if point is None:
            point = kernel.mean(xhat[own]) if own else mean
        yield kernel.quantise(point)


def weights(xhat, lists, records, metric):
    """K-CODE-6: s - Q of each list."""
    if metric == kernel.IP:
        return [0 for _ in records]
    if lists.weights is not ADVISED:
        return lists.weights
    return [advised(xhat[own], *record) for own, record in zip(lists.own, records, strict=True)]


def advised(own, scale, x):
    """What K-CODE-6 advises for a list with these own vectors and this centroid; for an empty one nothing."""
    if not len(own) or scale == 0:
        return 0
    apart = own.astype(np.float64) - (scale * x.astype(np.float32)).astype(np.float64)
    mean = math.fsum((apart * apart).ravel()) / len(own)
    return min(round(mean / 2 / float(scale) ** 2), 2**32 - 1 - squares(x))


def list_segments(xhat, mean, lists, seed, metric, facts):
    """The payloads of INDEX and QUANT, and the rows in the order of the vector numbers."""
    dim = len(mean)
    directory = [(len(own), len(second)) for own, second in zip(lists.own, lists.second, strict=True)]
    order = [row for own in lists.own for row in own]
    number_of = {row: number for number, row in enumerate(order)}
    if len(directory) == 1:
        points, biases, index_codes, index_records = [mean], [0.0], b"", b""
    else:
        records = list(centroids(xhat, lists, mean))
        points = [scale * x.astype(np.float32) for scale, x in records]
        above = weights(xhat, lists, records, metric)
        biases = [kernel.bias(scale, weight, metric) for (scale, _), weight in zip(records, above, strict=True)]
        codes, words = kernel.encode(np.array(points), mean, mean, seed, metric, -np.array(biases))
        index_codes = list_payload(codes, words, len(points))
        index_records = b"".join(
            i8_record(n, *record, weight) for n, (record, weight) in enumerate(zip(records, above, strict=True))
        )
    quant = b""
    for own, second, point, bias in zip(lists.own, lists.second, points, biases, strict=True):
        rows = list(own) + list(second)
        if rows:
            codes, words = kernel.encode(xhat[rows], point, mean, seed, metric, bias)
            quant += list_payload(codes, words, len(own), [number_of[row] for row in rows])
            quant = quant.ljust(up(len(quant), 64), b"\0")
    index = index_payload(len(order), dim, *facts, seed, mean, directory, index_codes, index_records)
    return index, quant, order


def build(x, metric, vectors, ids=None, modules=(), seed=1, b=12, stored=False, lists=None):
    """A Plan for the rows of x (rows x dim, f32): with one list, or with `lists` (a Lists, or what
    makes one from x-hat)."""
    x = np.asarray(x, np.float32)
    rows, dim = x.shape
    if vectors == kernel.F16:
        x = x.astype(np.float16).astype(np.float32)
    records = [kernel.quantise(row) for row in x]
    if vectors == kernel.I8:
        x = np.array([scale * c.astype(np.float32) for scale, c in records], np.float32)
    xhat = kernel.normalised(x, metric)
    mean = kernel.mean(xhat)
    if lists is None:
        lists = Lists([list(range(rows))])
    elif not isinstance(lists, Lists):
        lists = lists(xhat)
    index, quant, order = list_segments(xhat, mean, lists, seed, metric, (metric, vectors))
    options = {"b": b, "stored": stored}
    parts = [
        Part(INDEX, index, **options),
        Part(QUANT, quant, **options),
        Part(VEC, b"".join(i8_record(row, *records[row]) for row in order), **options),
    ]
    if vectors:
        exact = b"".join(exact_record(row, x[row], vectors) for row in order)
        parts.append(Part(VEC, exact, kind=vectors, **options))
    if len(lists.own) > 1:
        parts.append(Part(ORDER, np.argsort(order).astype("<u4").tobytes(), **options))
    if ids:
        parts.append(Part(IDS, ids_payload(ids), **options))
    parts += [wasm_part(code, priority, **options) for priority, code in enumerate(modules)]
    id_kind = 0 if not ids else (1 if isinstance(ids[0], int) else 2)
    return Plan(rows, dim, metric, vectors, id_kind, len(lists.own), parts)
