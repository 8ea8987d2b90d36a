"""Invalid test vectors: segment headers, the root, hashes."""

import struct

import rvf_writer as writer
from rvf_common import ANCILLARY, DIGEST, VEC
from rvf_kernel import F32_KIND

from damage_tools import (
    base,
    case,
    changed,
    flip,
    poke,
    raw,
    records,
    second_generation,
    u64,
    unknown,
)

# --- segment headers and the root ---


def digest_first(plan):
    def damage(page):
        page[5], page[0x20] = DIGEST, 2

    plan.page_edit = damage


case(
    "R-SEG-3",
    "root-magic",
    "open",
    "the first 4 bytes are not the magic",
    raw(lambda d, p: poke(d, 0, b"RIFF")),
)
case("R-SEG-3", "root-crc", "open", "the CRC of the root's header is wrong", raw(lambda d, p: flip(d, 0x3C)))


def root_header(at, value):
    def damage(page):
        page[at : at + len(value)] = value

    return changed(lambda plan: setattr(plan, "page_edit", damage))


case("R-SEG-3", "version-1", "open", "the header of a file of version 1", root_header(4, b"\1"))
case(
    "R-SEG-2",
    "first-is-a-digest",
    "open",
    "the first segment is not a ROOT",
    changed(lambda plan: digest_first(plan)),
)
case(
    "R-ROOT-1",
    "reserved-byte",
    "open",
    "a byte of the reserved part of the root is not zero",
    root_header(0x600, b"\1"),
)
case("R-ROOT-1", "short-file", "open", "2,000 bytes", raw(lambda d, p: d[:2000]))
case("R-ROOT-1", "empty-file", "open", "no byte", raw(lambda d, p: b""))
case(
    "R-ROOT-2",
    "both-crcs",
    "open",
    "both root records are damaged",
    raw(lambda d, p: flip(flip(d, 0x230), 0x430)),
)
case("R-ROOT-2", "generation-0", "open", "generation 0", records(lambda r: struct.pack_into("<Q", r, 8, 0)))
case(
    "R-ROOT-2",
    "committed-not-a-multiple-of-64",
    "open",
    "an odd committed length",
    records(lambda r: struct.pack_into("<Q", r, 16, struct.unpack_from("<Q", r, 16)[0] + 1)),
)
case(
    "R-ROOT-2",
    "manifest-length-overflows",
    "open",
    "offset and length of the manifest pass 2^64",
    records(lambda r: struct.pack_into("<Q", r, 32, 2**64 - 64)),
)
case(
    "R-ROOT-3",
    "records-differ",
    "open",
    "two valid records of one generation differ",
    records(lambda r: r.__setitem__(0x50, 1), which=(1,)),
)
case(
    "R-ROOT-4",
    "one-record-damaged",
    "verify",
    "the second root record is damaged",
    raw(lambda d, p: flip(d, 0x47F)),
)
case(
    "R-ROOT-4",
    "older-record",
    "verify",
    "the second record is of an older generation",
    lambda: second_generation(older_record=True),
)
case("R-ROOT-5", "truncated", "open", "the last 64 bytes are missing", raw(lambda d, p: d[:-64]))
case("R-ROOT-5", "truncated-to-the-root", "open", "only the root is there", raw(lambda d, p: d[:4096]))
case(
    "R-ROOT-6",
    "required-feature",
    "open",
    "a required feature that nobody knows",
    records(lambda r: struct.pack_into("<Q", r, 0x48, 1 << 63)),
)
case(
    "R-SEG-1",
    "padding",
    "verify",
    "a byte of the padding of VEC is not zero",
    raw(lambda d, p: flip(d, p.part(VEC).payload_at + len(p.part(VEC).payload))),
)
case(
    "R-SEG-1",
    "manifest-padding",
    "verify",
    "the last byte of the file is not zero",
    raw(lambda d, p: flip(d, len(d) - 1)),
)
case(
    "R-SEG-3",
    "manifest-header",
    "open",
    "the CRC of the manifest's header is wrong",
    raw(lambda d, p: flip(d, p.manifest.offset + 0x3D)),
)
case(
    "R-SEG-3",
    "vec-header",
    "query",
    "a bit of the header of VEC",
    raw(lambda d, p: flip(d, p.part(VEC).offset + 0x18)),
)


case("R-SEG-4", "unknown-type", "open", "a segment of an unknown type without ANCILLARY", changed(unknown(0)))
case(
    "R-HASH-3",
    "ancillary-segment",
    "verify",
    "a flipped bit in an unknown ancillary segment",
    lambda: flipped_unknown(),
)


def flipped_unknown():
    plan = base()
    unknown(ANCILLARY)(plan)
    data = writer.write(plan)
    return flip(data, plan.parts[-1].payload_at)


# --- hashes ---

case(
    "R-HASH-3",
    "manifest-bit",
    "open",
    "a flipped bit in the manifest",
    raw(lambda d, p: flip(d, p.manifest.payload_at + 0x75)),
)
case(
    "R-HASH-3",
    "vec-bit",
    "query",
    "a flipped bit in VEC, which has no stored table",
    raw(lambda d, p: flip(d, p.part(VEC).payload_at + 20)),
)
case(
    "R-HASH-3",
    "stored-table",
    "query",
    "a flipped bit in the stored digest table of INDEX",
    raw(lambda d, p: flip(d, p.part(DIGEST).payload_at), stored=True),
)
case(
    "R-HASH-2",
    "vec-block",
    "query",
    "a flipped bit in a block of VEC i8",
    raw(lambda d, p: flip(d, p.part(VEC).payload_at + 20), stored=True),
)
case(
    "R-HASH-2",
    "vec-f32-block",
    "query",
    "a flipped bit in a block of VEC f32",
    raw(lambda d, p: flip(d, p.part(VEC, 2).payload_at + 8), stored=True, vectors=F32_KIND),
)
case(
    "R-HASH-5",
    "table-of-a-digest",
    "open",
    "a DIGEST segment with a stored table",
    changed(lambda plan: digest_of_digest(plan), stored=True),
)


def digest_of_digest(plan):
    def edit(m):
        at = 256 + 96 * (len(plan.parts) - 1)
        return poke(m, at + 0x40, u64(plan.parts[-1].payload_at))

    plan.manifest_edit = edit
