"""Invalid test vectors: INDEX, QUANT, VEC, IDS and WASM."""

import hashlib
import struct

import numpy as np
import rvf_writer as writer
from rvf_common import IDS, INDEX, QUANT, VEC, WASM, id_hash
from rvf_kernel import COSINE, F16, F32_KIND
from rvf_writer import Part

from damage_tools import (
    DIM,
    base,
    case,
    changed,
    f32,
    flip,
    payload,
    poke,
    u16,
    u32,
    u64,
)
from samples import section, tiny_module

# --- INDEX, QUANT, VEC ---

case("R-IDX-1", "layout-9", "query", "layout 9", payload(INDEX, 4, u16(9)))
case("R-IDX-1", "layout-1", "query", "layout 1, of the draft before", payload(INDEX, 4, u16(1)))
case("R-IDX-1", "rows", "query", "other rows than the manifest", payload(INDEX, 8, u32(4)))
case("R-IDX-1", "lists", "query", "two lists", payload(INDEX, 20, u32(2)))
case("R-IDX-1", "stride", "query", "another stride of VEC i8", payload(INDEX, 28, u32(24)))
case(
    "R-IDX-3",
    "mean-nan",
    "query",
    "a component of the mean that is not a number",
    payload(INDEX, 128, f32(float("nan"))),
)
case("R-NUM-3", "index-head", "query", "a reserved byte of the head of INDEX", payload(INDEX, 127, b"\1"))
case(
    "R-QNT-3",
    "beta-infinite",
    "verify",
    "a correction word whose beta is infinite",
    payload(QUANT, 64 + 4 * 4, u32(0x7F800000)),
)
case(
    "R-VEC-1",
    "record-padding",
    "verify",
    "a byte behind the components of an i8 record",
    payload(VEC, -1, b"\1"),
)
case("R-VEC-2", "sum-of-squares", "verify", "a wrong sum of squares", payload(VEC, 8, u32(1)))


def minus_128(plan):
    part = plan.part(VEC)
    x = np.frombuffer(part.payload, np.int8, DIM, 12).copy()
    scale = struct.unpack_from("<f", part.payload, 4)[0]
    x[0] = -128
    part.payload = writer.i8_record(0, scale, x) + part.payload[20:]


def zero_record(plan):
    part = plan.part(VEC)
    part.payload = writer.i8_record(0, 0.0, np.zeros(DIM, np.int8)) + part.payload[20:]


def next_scale(plan):
    part = plan.part(VEC)
    bits = struct.unpack_from("<I", part.payload, 4)[0]
    part.payload = poke(part.payload, 4, u32(bits + 1))


def half_used(plan):
    part = plan.part(VEC)
    x = (np.frombuffer(part.payload, np.int8, DIM, 12) // 2).astype(np.int8)
    part.payload = writer.i8_record(0, struct.unpack_from("<f", part.payload, 4)[0], x) + part.payload[20:]


case("R-VEC-2", "minus-128", "verify", "a component of -128", changed(minus_128))
case("R-VEC-3", "scale-bits", "verify", "a scale of more than 16 significant bits", changed(next_scale))
case("R-VEC-3", "scale-not-used", "verify", "no component is 127 or -127", changed(half_used))
case(
    "R-VEC-5",
    "record-padding",
    "verify",
    "a byte behind the components of an f16 record",
    payload(VEC, -1, b"\1", kind=1, vectors=F16),
)
case(
    "R-VEC-6",
    "i8-of-another-vector",
    "verify",
    "an i8 record that is not that of the f32 record",
    payload(VEC, 4, f32(7.25), kind=2, vectors=F32_KIND),
)
case("R-VEC-7", "row-out-of-range", "query", "an i8 record with the row 5 of 5", payload(VEC, 20, u32(5)))
case("R-VEC-7", "row-twice", "query", "two i8 records with the row 0", payload(VEC, 20, u32(0)))
case(
    "R-LIM-1",
    "f32-nan",
    "verify",
    "a component that is not a number",
    payload(VEC, 4, f32(float("nan")), kind=2, vectors=F32_KIND),
)
case(
    "R-LIM-1",
    "f16-infinite",
    "verify",
    "a component that is infinite",
    payload(VEC, 4, u16(0x7C00), kind=1, vectors=F16),
)
case("R-LIM-2", "zero-vector", "verify", "a zero vector under cosine", changed(zero_record, metric=COSINE))

# --- IDS ---

NUMBERS, TEXTS = [3, 1, 4, 15, 9], ["three", "one", "four", "fifteen", "nine"]
STRINGS = 64 + 16
case("R-IDS-1", "kind", "query", "another id kind than the manifest", payload(IDS, 6, b"\2", ids=NUMBERS))
case(
    "R-IDS-2",
    "index-place",
    "query",
    "a hash index that does not end the payload",
    payload(IDS, 16, u64(64), ids=NUMBERS),
)
case(
    "R-IDS-2",
    "index-overflows",
    "query",
    "strings of 2^64 - 1 bytes",
    payload(IDS, 24, u64(2**64 - 1), ids=TEXTS),
)
case(
    "R-IDS-4",
    "past-its-run",
    "query",
    "a string that passes its run",
    payload(IDS, STRINGS, u16(40), ids=TEXTS),
)
case(
    "R-IDS-4",
    "run-not-filled",
    "query",
    "a run whose strings do not fill it",
    changed(lambda plan: shorter_last(plan), ids=TEXTS),
)
case(
    "R-LIM-1",
    "id-empty",
    "query",
    "an empty id",
    changed(lambda plan: renamed(plan, ["three", "one", "", "fifteen", "nine"]), ids=TEXTS),
)
case(
    "R-LIM-1",
    "id-not-utf-8",
    "query",
    "an id that is not UTF-8",
    changed(lambda plan: not_utf8(plan), ids=TEXTS),
)
case(
    "R-IDS-2",
    "index-order",
    "verify",
    "a hash index that does not ascend",
    changed(lambda plan: swapped_index(plan), ids=NUMBERS),
)
case(
    "R-IDS-3",
    "hash",
    "verify",
    "a wrong hash in the hash index",
    changed(lambda plan: higher_hash(plan), ids=TEXTS),
)
case(
    "R-IDS-4",
    "id-twice",
    "verify",
    "an id that stands twice",
    changed(lambda plan: renamed(plan, [3, 1, 4, 3, 9]), ids=NUMBERS),
)


def renamed(plan, ids):
    plan.part(IDS).payload = writer.ids_payload(ids)


def with_index(payload_bytes, raw_ids):
    """The payload with a hash index made anew from the bytes of the ids."""
    index = sorted((id_hash(raw_id), row) for row, raw_id in enumerate(raw_ids))
    return payload_bytes[: -8 * len(index)] + b"".join(struct.pack("<II", *entry) for entry in index)


def not_utf8(plan):
    part = plan.part(IDS)
    damaged = poke(part.payload, STRINGS + 2, b"\xff")
    part.payload = with_index(damaged, [b"\xffhree"] + [text.encode() for text in TEXTS[1:]])


def shorter_last(plan):
    part = plan.part(IDS)
    at = part.payload.index(b"\x04\x00nine")
    part.payload = with_index(
        poke(part.payload, at, u16(3)), [text.encode() for text in TEXTS[:-1]] + [b"nin"]
    )


def swapped_index(plan):
    part = plan.part(IDS)
    part.payload = part.payload[:-16] + part.payload[-8:] + part.payload[-16:-8]


def higher_hash(plan):
    part = plan.part(IDS)
    highest = struct.unpack("<I", part.payload[-8:-4])[0]
    part.payload = poke(part.payload, len(part.payload) - 8, u32(highest + 1))


# --- WASM ---


def module(at=None, value=b"", code=None, entry=(), stored=False, b=12, edit=None):
    """A file with one module, with bytes put into its payload."""

    def make():
        plan = base()
        payload_bytes, kind = writer.wasm_payload(code or tiny_module())
        if at is not None:
            payload_bytes = poke(payload_bytes, at, value)
        part = Part(WASM, payload_bytes, kind=kind, b=b, stored=stored)
        part.entry = list(entry)
        plan.parts.append(part)
        data = writer.write(plan)
        return edit(data, part) if edit else data

    return make


IMPORT = section(2, b"\x01\x03env\x04time\x03\x7f\x00")
SPINS = b"\x00\x03\x40\x0c\x00\x0b\x0b"


def starting_module():
    """A module whose start function never ends."""
    answer = b"\x00\x41\x81\x80\x08\x0b"
    bodies = b"".join(bytes([len(body)]) + body for body in (answer, SPINS))
    return (
        b"\0asm\1\0\0\0"
        + section(1, b"\x02\x60\x00\x01\x7f\x60\x00\x00")
        + section(3, b"\x02\x00\x01")
        + section(5, b"\x01\x00\x01")
        + section(7, b"\x02\x06memory\x02\x00\x07rvf_abi\x00\x00")
        + section(8, b"\x01")
        + section(10, b"\x02" + bodies)
    )


case(
    "R-HASH-3",
    "wasm-bit",
    "module",
    "a flipped bit in a module",
    module(edit=lambda d, p: flip(d, p.payload_at + 70)),
)
case("R-WASM-1", "bytecode-size", "module", "another bytecode size than the payload's", module(12, u32(8)))
case(
    "R-WASM-1",
    "bytecode-hash",
    "module",
    "a hash that is not that of the bytecode",
    module(0x18, b"\0\1\2\3"),
)
case(
    "R-WASM-1",
    "entry-kind",
    "module",
    "the entry names another role than the header",
    module(entry=[(12, u32(3))]),
)
case(
    "R-WASM-2",
    "feature-missing",
    "module",
    "a module with SIMD whose header does not say so",
    module(8, u16(0), code=tiny_module(simd=True), entry=[(12, u32(0))]),
)
case("R-WASM-2", "exports", "module", "a wrong number of exports", module(10, u16(3)))
case("R-WASM-2", "min-pages", "module", "a wrong initial size of the memory", module(0x15, b"\2"))
case(
    "R-WASM-2",
    "memory-of-256-pages",
    "module",
    "a memory that the header can't describe",
    lambda: large_memory(),
)
case("R-WASM-3", "import", "module", "a module that imports a global", module(code=tiny_module(extra=IMPORT)))
case("R-WASM-3", "start", "module", "a module with a start function", module(code=starting_module()))
case("R-NUM-3", "wasm-interpreter-type", "module", "interpreter type 1", module(0x39, b"\1"))


def large_memory():
    plan = base()
    payload_bytes = bytearray(writer.wasm_payload(tiny_module())[0][:64])
    code = tiny_module(pages=b"\x00\x80\x02")
    payload_bytes[12:16] = u32(len(code))
    payload_bytes[0x18:0x38] = hashlib.shake_256(code).digest(32)
    payload_bytes[0x15] = 255
    plan.parts.append(Part(WASM, bytes(payload_bytes) + code))
    return plan
