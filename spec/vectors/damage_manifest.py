"""Invalid test vectors: the manifest."""

import struct

import rvf_writer as writer
from rvf_common import ANCILLARY, IDS, INDEX, QUANT, VEC
from rvf_kernel import F32_KIND
from rvf_writer import Part

from damage_tools import (
    base,
    case,
    changed,
    header,
    manifest,
    poke,
    raw,
    second_generation,
    u32,
    u64,
    unknown,
)

# --- the manifest ---

SECOND = 256 + 96  # the entry of QUANT
case("R-MAN-1", "generation", "open", "a generation that is not that of the root", manifest(8, u64(2)))
case("R-MAN-1", "segments", "open", "2^32 - 1 segments", manifest(0x70, u32(2**32 - 1)))
case("R-MAN-1", "property-count", "open", "2^32 - 1 properties in no bytes", manifest(0x7C, u32(2**32 - 1)))
case("R-MAN-1", "rows-0", "open", "no rows", manifest(0x10, u64(0)))
case("R-MAN-1", "dimension-too-large", "open", "dimension 65,537", manifest(0x18, u32(65537)))
case("R-MAN-1", "metric", "open", "metric 3", manifest(0x1C, b"\3"))
case("R-MAN-1", "block-size-21", "open", "blocks of 2^21 bytes", manifest(SECOND + 9, b"\x15"))


def properties(raw_properties):
    def edit(plan):
        def append(m):
            body = b"".join(struct.pack("<HHI", len(k), 0, len(v)) + k + v for k, v in raw_properties)
            m = poke(m, 0x7C, u32(len(raw_properties)) + u32(len(body)))
            return m + body

        plan.manifest_edit = append

    return changed(edit)


case(
    "R-MAN-1",
    "properties-out-of-order",
    "open",
    "property keys that do not ascend",
    properties([(b"b", b"1"), (b"a", b"2")]),
)
case(
    "R-MAN-1", "property-not-utf-8", "open", "a property that is not UTF-8", properties([(b"a", b"\xff\xfe")])
)
case("R-NUM-3", "manifest-head", "open", "a reserved byte of the manifest's head", manifest(0xFF, b"\1"))
case("R-NUM-3", "entry", "open", "a reserved byte of an entry", manifest(SECOND + 95, b"\1"))


def gap(plan):
    plan.part(QUANT).gap = 64


def swapped_entries(m):
    first, second = m[256 : 256 + 96], m[256 + 96 : 256 + 192]
    return poke(m, 256, second + first)


case("R-MAN-2", "gap", "open", "64 bytes between two segments belong to none", changed(gap))
case(
    "R-MAN-2",
    "entries-out-of-order",
    "open",
    "entries that do not ascend by offset",
    changed(lambda plan: setattr(plan, "manifest_edit", swapped_entries)),
)
case(
    "R-MAN-2",
    "segment-id-twice",
    "open",
    "two segments of one id",
    header(QUANT, [(8, u64(1))], [(0, u64(1))]),
)


def hostile_entry(at, value):
    def edit(plan):
        unknown(ANCILLARY)(plan)
        plan.parts[-1].entry = [(at, value)]

    return edit


case(
    "R-MAN-2",
    "payload-length-overflows",
    "open",
    "an ancillary segment of 2^64 - 1 bytes",
    changed(hostile_entry(0x18, u64(2**64 - 1))),
)
case(
    "R-MAN-2",
    "overlap",
    "open",
    "an ancillary segment that begins inside VEC",
    changed(hostile_entry(0x10, u64(4096 + 64 * 9))),
)


def longer_commit():
    plan = base()
    plan.record_edits = [lambda r: struct.pack_into("<Q", r, 16, struct.unpack_from("<Q", r, 16)[0] + 64)] * 2
    return writer.write(plan) + bytes(64)


def as_dead(part_type):
    """Drops a segment from the entries; it stays in the file as a dead extent."""

    def edit(plan):
        writer.write(plan)  # places the parts
        part = plan.part(part_type)
        after = base()
        for fresh in after.parts:
            fresh.id = None
        gone = after.part(part_type)
        after.parts = [p for p in after.parts if p is not gone]
        placed = Part(part_type, part.payload, kind=part.kind, b=part.b)
        placed.id, placed.offset = 9, writer.ROOT_SIZE
        after.start = bytes(writer.ROOT_SIZE) + writer.segment(placed)
        after.dead = [placed.extent + (9,)]
        return after

    return changed(edit)


def add(part):
    return lambda plan: plan.parts.append(part())


case("R-MAN-3", "no-quant", "open", "no QUANT", as_dead(QUANT))
case(
    "R-MAN-3",
    "two-indexes",
    "open",
    "two INDEX segments",
    changed(add(lambda: Part(INDEX, base().part(INDEX).payload))),
)
case(
    "R-MAN-3",
    "vec-f32-too-many",
    "open",
    "a VEC of kind f32 that the head does not name",
    changed(add(lambda: Part(VEC, base(vectors=F32_KIND).part(VEC, 2).payload, kind=2))),
)
case("R-MAN-3", "vec-f32-missing", "open", "vectors = 2 without a VEC of kind f32", manifest(0x1D, b"\2"))


def resize(segment_type, change, kind=0, **options):
    def edit(plan):
        part = plan.part(segment_type, kind)
        part.payload = part.payload[:change] if change < 0 else part.payload + bytes(change)

    return changed(edit, **options)


case("R-MAN-4", "quant-short", "open", "QUANT without its last 64 bytes", resize(QUANT, -64))
case("R-MAN-4", "vec-long", "open", "VEC i8 with a record too many", resize(VEC, 20))
case("R-MAN-4", "ids-short", "open", "IDS without its last row", resize(IDS, -8, ids=[3, 1, 4, 15, 9]))
case("R-MAN-4", "rows", "open", "2^32 - 1 rows in a small file", manifest(0x10, u64(2**32 - 1)))
case(
    "R-MAN-5",
    "table-past-the-end",
    "open",
    "a table that begins at the last byte of a DIGEST segment",
    changed(lambda plan: late_table(plan), stored=True),
)
case(
    "R-MAN-5",
    "table-overflows",
    "open",
    "a table at 2^64 - 8",
    manifest(256 + 0x40, u64(2**64 - 8), stored=True),
)


def late_table(plan):
    def edit(m):
        digest = plan.parts[-1]
        return poke(m, 256 + 0x40, u64(digest.payload_at + len(digest.payload) - 1))

    plan.manifest_edit = edit


case(
    "R-MAN-6",
    "payload-length",
    "query",
    "the header of VEC has another payload length than its entry",
    header(VEC, [(0x10, u64(1 << 40))]),
)


def other_content_hash(data, plan):
    part = plan.part(VEC)
    head = bytearray(data[part.offset : part.offset + 60])
    head[0x28] ^= 1
    return poke(data, part.offset, writer.sealed_record(head))


case("R-MAN-6", "content-hash", "query", "the content hash in the header of VEC", raw(other_content_hash))
case(
    "R-MAN-6",
    "manifest-type",
    "open",
    "the header of the manifest says that it is a DIGEST",
    changed(lambda plan: setattr(plan, "manifest_header", [(5, b"\x81")])),
)
case("R-MAN-7", "generation-1", "open", "a predecessor of generation 1", manifest(0x20, u64(4096)))


def dead_at(index):
    """The place of a dead extent in the manifest of `second_generation`."""
    return 256 + 96 * 3 + 64 * index


case(
    "R-MAN-7",
    "no-predecessor",
    "open",
    "generation 2 without a predecessor",
    lambda: second_generation(edit=lambda m: poke(m, 0x20, bytes(48))),
)
case(
    "R-MAN-7",
    "predecessor-not-dead",
    "open",
    "the predecessor is not one of the dead extents",
    lambda: second_generation(edit=lambda m: poke(m, 0x30, bytes(range(32)))),
)
case(
    "R-MAN-2",
    "dead-extent-missing",
    "open",
    "a dead extent is not listed",
    lambda: second_generation(edit=lambda m: poke(m[: dead_at(0)] + m[dead_at(1) :], 0x74, u32(1))),
)
case(
    "R-HASH-3",
    "dead-extent",
    "verify",
    "a flipped bit in a dead segment",
    lambda: second_generation(flip_dead=True),
)


def efforts(*rows, **options):
    return changed(lambda plan: setattr(plan, "efforts", list(rows)), **options)


case(
    "R-MAN-8",
    "k-descends",
    "open",
    "efforts that do not ascend by k",
    efforts((10, 0, 1, 10, 5, 10, 5, 5), (1, 0, 1, 1, 5, 10, 5, 5)),
)
case(
    "R-MAN-8",
    "recall-stands-still",
    "open",
    "two efforts of one recall",
    efforts((1, 0, 1, 1, 5, 10, 5, 5), (1, 0, 2, 1, 50, 100, 5, 5)),
)
case(
    "R-MAN-8",
    "slack-nan",
    "open",
    "a slack that is not a number",
    efforts((1, 0, float("nan"), 1, 5, 10, 5, 5)),
)
case(
    "R-MAN-8",
    "pool-of-i8",
    "open",
    "a pool above k where only i8 is kept",
    efforts((4, 0, 1, 5, 5, 10, 5, 5)),
)
