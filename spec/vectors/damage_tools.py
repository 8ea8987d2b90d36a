"""Ways to damage a file: one thing, with every hash and CRC above it right."""

import struct

import rvf_writer as writer
from rvf_common import ANCILLARY
from rvf_kernel import I8, L2
from rvf_writer import Part

import samples

ROWS, DIM = 5, 5
X = samples.clustered(2024, ROWS, DIM)
LIST = []


def query():
    """Touches every block: no row can be left out, and each hit is given with its id."""
    return {
        "vector": samples.vector_bits(X[0]),
        "mode": "coded",
        "k": ROWS,
        "probes": 0,
        "slack": 16,
        "pool": ROWS,
    }


def base(metric=L2, vectors=I8, **options):
    return writer.build(X, metric, vectors, **options)


def few_lists():
    """Four lists: with second entries, with one vector, with none, and with a place that is lacking.
    The vector numbers of the rows 0 to 4 are 1, 3, 0, 4, 2."""
    return writer.Lists([[2, 0], [4], [], [1, 3]], [[3, 4], [], [], [2]], [None, None, X[1], None])


def case(rule, what, at, text, make):
    LIST.append((rule, what, at, text, make))


def poke(data, at, value):
    return data[:at] + value + data[at + len(value) :]


def flip(data, at, bit=0):
    return poke(data, at, bytes([data[at] ^ 1 << bit]))


# Ways to damage a file: each takes what it changes and gives a function that makes the file.


def raw(edit, **options):
    """Edits the bytes of a written file: edit(data, plan)."""

    def make():
        plan = base(**options)
        return edit(writer.write(plan), plan)

    return make


def changed(edit, **options):
    """Edits the plan before it is written."""

    def make():
        plan = base(**options)
        return edit(plan) or plan

    return make


def records(edit, which=(0, 1), **options):
    """Edits root records; their CRCs are made again."""
    edits = [edit if i in which else None for i in (0, 1)]
    return changed(lambda plan: setattr(plan, "record_edits", edits), **options)


def manifest(at, value, **options):
    """Puts bytes into the manifest."""

    def edit(plan):
        plan.manifest_edit = lambda m: poke(m, at, value)

    return changed(edit, **options)


def payload(segment_type, at, value, kind=0, **options):
    """Puts bytes into a payload; at < 0 counts from its end."""

    def edit(plan):
        part = plan.part(segment_type, kind)
        part.payload = poke(part.payload, at % len(part.payload), value)

    return changed(edit, **options)


def header(segment_type, patches, entry=(), kind=0, **options):
    """Patches a segment header, hashes and CRC made again, and its entry."""

    def edit(plan):
        part = plan.part(segment_type, kind)
        part.header, part.entry = list(patches), list(entry)

    return changed(edit, **options)


def u16(value):
    return struct.pack("<H", value)


def u32(value):
    return struct.pack("<I", value)


def u64(value):
    return struct.pack("<Q", value)


def f32(value):
    return struct.pack("<f", value)


def unknown(flags):
    def edit(plan):
        plan.parts.append(Part(0x7E, b"of a later version", flags=flags))

    return edit


def second_generation(older_record=False, edit=None, flip_dead=False):
    plan = base()
    old = Part(0x7E, b"of a later version" * 80, b=11, flags=ANCILLARY)
    plan.parts.append(old)
    first = writer.write(plan)
    after = writer.next_generation(plan, first, drop=[old])
    after.manifest_edit = edit
    data = writer.write(after)
    if older_record:
        data = poke(data, 0x400, first[0x400:0x480])
    return flip(data, old.payload_at + 9) if flip_dead else data
