"""Verifies an RVF file of version 2 (draft): every rule of spec/format.md that a file can show broken."""

import hashlib
import struct

import numpy as np
import rvf_kernel as kernel
import rvf_wasm
from rvf_common import (
    WASM,
    Fault,
    block_digests,
    id_hash,
    list_size,
    need,
    segment_hash,
    stride_of,
    up,
)
from rvf_file import File


def verify(data):
    """(faults, warnings), each a list of (rule, text)."""
    try:
        file = File(data)
    except Fault as fault:
        return [(fault.rule, str(fault))], []
    faults = []

    def attempt(check, *arguments):
        try:
            check(*arguments)
            return True
        except Fault as fault:
            faults.append((fault.rule, str(fault)))
            return False

    faults += [warning for warning in file.warnings if warning[0] == "R-ROOT-4"]
    warnings = [warning for warning in file.warnings if warning[0] != "R-ROOT-4"]
    sound = {seg for seg in file.segments if attempt(file.payload, seg)}
    for seg in file.segments + [file.manifest_segment]:
        attempt(check_padding, file, seg)
    ids = {seg.id for seg in file.segments} | {file.manifest_segment.id}
    for extent in file.dead:
        attempt(check_dead, file, extent, ids)
    if file.index_segment in sound and attempt(file.index):
        attempt(check_centroids, file)
        if file.quant in sound:
            attempt(check_lists, file)
    if {file.i8_segment, file.exact_segment} <= sound:
        attempt(check_vectors, file)
    if {file.order_segment, file.i8_segment} <= sound:
        attempt(check_order, file)
    if file.ids_segment in sound:
        attempt(check_ids, file)
    for seg in file.segments:
        if seg.type == WASM and seg in sound:
            attempt(check_module, file, seg)
    return faults, warnings


def check_padding(file, seg):
    padding = file.data[seg.payload_at + seg.length : seg.end]
    need(not any(padding), "R-SEG-1", f"{seg}: its padding is not zero")


def check_dead(file, extent, ids):
    offset, length, digest, b = extent
    what = f"dead extent at byte {offset}"
    header = file.header(offset, what)
    need(up(64 + header["length"], 64) == length, "R-MAN-2", f"{what}: its segment does not fill it")
    need(header["id"] not in ids and header["id"], "R-MAN-2", f"{what}: its segment id is not its own")
    ids.add(header["id"])
    payload = bytes(file.data[offset + 64 : offset + 64 + header["length"]])
    found = segment_hash(header["raw"], block_digests(payload, b))
    need(found == digest, "R-HASH-3", f"{what}: its content does not have its hash")
    need(header["hash"] == digest[:16], "R-MAN-6", f"{what}: the content hash of its header")
    need(
        not any(file.data[offset + 64 + header["length"] : offset + length]),
        "R-SEG-1",
        f"{what}: its padding",
    )


def check_group(group, dim, where):
    """R-QNT-1 (zeros), R-QNT-2 (bits above the dimension) and R-QNT-3."""
    need(not any(group.lacking), "R-QNT-1", f"{where}: what its last tile lacks is not zero")
    above = np.unpackbits(group.codes, axis=1, bitorder="little")[:, dim:]
    need(not above.any(), "R-QNT-2", f"{where}: a code has bits above the dimension")
    good = np.isfinite(kernel.correction(group.words)).all()
    need(good, "R-QNT-3", f"{where}: a correction word is not finite")


def check_centroids(file):
    """R-IDX-4."""
    index = file.index()
    if file.lists == 1:
        return
    for first, group in index.centroid_groups():
        check_group(group, file.dim, f"INDEX: the codes of the centroids {first} and on")
    stride = stride_of(0, file.dim)
    for number in range(file.lists):
        where = f"INDEX: centroid record {number}"
        _, scale, squares, x = index.centroid(number)
        at = index.records_at + number * stride
        need(not any(index.raw[at + 12 + file.dim : at + stride]), "R-VEC-1", f"{where}: zeros behind it")
        biased = file.metric != kernel.IP and scale > 0
        need(is_record(squares, x, biased), "R-VEC-2", f"{where}: components or sum of squares")
        need(np.isfinite(scale), "R-VEC-3", f"{where}: the scale is not finite")
        want_scale, want = kernel.quantise(index.point(number))
        same = kernel.bits(want_scale) == kernel.bits(scale) and np.array_equal(want, x)
        need(same, "R-VEC-3", f"{where}: it is not that of the point that it stands for")


def is_record(squares, x, biased=False):
    """R-VEC-2; a centroid's sum may hold a bias (R-IDX-4)."""
    wide = x.astype(np.int64)
    found = int((wide * wide).sum())
    return wide.min() >= -127 and (found == squares or (biased and found < squares))


def check_lists(file):
    """R-QNT-1 to R-QNT-4."""
    index = file.index()
    entered = set()
    for number, entry in enumerate(index.directory):
        numbers = list(range(entry.first, entry.first + entry.own))
        for first, group in index.groups(number):
            where = f"QUANT: list {number}, entries {first} and on"
            check_group(group, file.dim, where)
            if group.numbers is not None:
                own = max(0, min(entry.own - first, len(group.numbers)))
                need(group.numbers[:own] == numbers[first : first + own], "R-QNT-4", f"{where}: own numbers")
                numbers += group.numbers[own:]
        for vector in numbers[entry.own :]:
            file.check_number(vector)
            where = f"QUANT: list {number}: the second entry of vector {vector}"
            need(not entry.owns(vector), "R-QNT-4", f"{where}, which the list owns")
            need(vector not in entered, "R-QNT-4", f"{where}: it has one already")
            entered.add(vector)
        end = entry.offset + list_size(entry.own, entry.second, file.dim)
        behind = file.payload(file.quant, end, up(end, 64) - end)
        need(not any(behind), "R-QNT-1", f"QUANT: zeros behind list {number}")


def check_order(file):
    """R-VEC-7."""
    order = file.order()
    for row, number in enumerate(order):
        found = file.i8(number)[0]
        need(found == row, "R-VEC-7", f"ORDER: row {row} is vector {number}, whose record has row {found}")


def check_vectors(file):
    """R-VEC-2 to R-VEC-7, R-LIM-1, R-LIM-2."""
    # What an i8 record stands for may pass the limit of its input by the rounding of its scale.
    largest = kernel.quantise(np.array([1e15], np.float32))[0] * kernel.F32(127)
    limit = (largest, kernel.F32(65504), kernel.F32(1e15))[file.vectors]
    stride, seg, rows = stride_of(0, file.dim), file.i8_segment, set()
    for number in range(file.rows):
        row, scale, squares, x = file.i8(number)
        where = f"vector {number}"
        tail = file.payload(seg, number * stride + 12 + file.dim, stride - 12 - file.dim)
        need(not any(tail), "R-VEC-1", f"{where}: zeros behind the i8 record")
        need(row not in rows, "R-VEC-7", f"{where}: a second i8 record of row {row}")
        rows.add(row)
        need(is_record(squares, x), "R-VEC-2", f"{where}: components or sum of squares")
        need(np.isfinite(scale), "R-VEC-3", f"{where}: the scale is not finite")
        if file.vectors == kernel.F16 and file.dim % 2:
            wide_stride = stride_of(1, file.dim)
            tail = file.payload(file.exact_segment, number * wide_stride + wide_stride - 2, 2)
            need(not any(tail), "R-VEC-5", f"{where}: zeros behind the f16 record")
        exact_row, stored = file.exact(number)
        need(exact_row == row, "R-VEC-7", f"{where}: the most exact record has row {exact_row}, not {row}")
        need(np.all(np.abs(stored) <= limit), "R-LIM-1", f"{where}: a component is not finite or too large")
        zero = file.metric == kernel.COSINE and kernel.s16(stored * stored) < kernel.TINY
        need(not zero, "R-LIM-2", f"{where}: a zero vector under cosine")
        want_scale, want = kernel.quantise(stored)
        same = kernel.bits(want_scale) == kernel.bits(scale) and np.array_equal(want, x)
        need(
            same,
            "R-VEC-6" if file.vectors else "R-VEC-3",
            f"{where}: the i8 record is not that of the vector as stored",
        )


def check_ids(file):
    """R-IDS-2 to R-IDS-4."""
    ids, index = file.ids()
    need(index == sorted(index), "R-IDS-2", "IDS: the hash index does not ascend")
    need(
        sorted(row for _, row in index) == list(range(file.rows)),
        "R-IDS-2",
        "IDS: the rows of the hash index",
    )
    for found, row in index:
        need(found == id_hash(ids[row]), "R-IDS-3", f"IDS: the hash of the id of row {row}")
    need(len(set(ids)) == len(ids), "R-IDS-4", "IDS: an id stands twice")


def check_module(file, seg):
    """R-WASM-1 to R-WASM-3."""
    raw = file.payload(seg)
    need(len(raw) >= 64, "R-WASM-1", f"{seg}: shorter than its header")
    magic, version, role, target, features, exports, size, packed, compression, least, most, tables = (
        struct.unpack_from("<IHBBHHIIBBBB", raw)
    )
    need(
        magic == 0x5256574D and version == 1 and role <= 4 and target in (0, 3, 4),
        "R-WASM-1",
        f"{seg}: the module's header",
    )
    need(
        packed == compression == 0 and raw[0x39:64] == bytes(7) and features < 256,
        "R-NUM-3",
        f"{seg}: zero fields",
    )
    need(
        seg.kind == role + 256 * target + 65536 * features,
        "R-WASM-1",
        f"{seg}: kind of the entry and header disagree",
    )
    need(size == len(raw) - 64, "R-WASM-1", f"{seg}: {len(raw) - 64} bytes of bytecode, {size} in the header")
    need(
        hashlib.shake_256(raw[64:]).digest(32) == raw[0x18:0x38],
        "R-WASM-1",
        f"{seg}: the hash of the bytecode",
    )
    try:
        facts = rvf_wasm.module_facts(raw[64:])
    except rvf_wasm.BadModule as error:
        raise Fault("R-WASM-2", f"{seg}: {error}") from error
    need(
        not facts.imports and not facts.start,
        "R-WASM-3",
        f"{seg}: imports {facts.imports}, or a start function",
    )
    least_pages, most_pages = facts.memories[0] if facts.memories else (0, None)
    described = least_pages <= 255 and most_pages != 0 and (most_pages or 0) <= 255
    need(described, "R-WASM-2", f"{seg}: its memory can't be described")
    pages = (least_pages, most_pages or 0)
    truth = (facts.features, len(facts.exports), pages[0], pages[1] or 0, facts.tables)
    need(
        truth == (features, exports, least, most, tables),
        "R-WASM-2",
        f"{seg}: the header disagrees with the module: {truth}",
    )
