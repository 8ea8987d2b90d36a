"""Invalid test vectors: lists, in INDEX, QUANT and ORDER, and what the manifest says of them."""

import numpy as np
from rvf_common import INDEX, ORDER, QUANT, VEC
from rvf_kernel import F32_KIND, IP
from rvf_writer import Part

from damage_tools import ROWS, case, changed, f32, few_lists, manifest, payload, poke, u32, u64

LISTS = {"lists": few_lists()}

# Where things stand, at dimension 5, in a file with the lists of `few_lists`.
DIRECTORY, CENTROID_CODES, CENTROIDS, CENTROID = 192, 320, 384, 20
# QUANT: list 0 at byte 0, list 1 at 64, list 2, which is empty, and list 3 at 128.
WORDS, NUMBERS, FIRST, LAST = 32, 48, 0, 128


def directory(number, at, value, **options):
    return payload(INDEX, DIRECTORY + 32 * number + at, value, **(options or LISTS))


# --- INDEX ---

case("R-IDX-1", "list-offset", "verify", "a list that begins 64 bytes late", directory(1, 0, u64(128)))
case(
    "R-IDX-1", "first-list-offset", "verify", "a first list that begins at byte 64", directory(0, 0, u64(64))
)
case(
    "R-IDX-1",
    "list-first-vector",
    "verify",
    "two lists of equal size whose first vectors are exchanged",
    changed(lambda plan: exchanged(plan), **LISTS),
)
case(
    "R-IDX-1",
    "own-vectors",
    "verify",
    "lists that own one vector too few",
    directory(3, 8, u32(1) + u32(2)),
)
case(
    "R-IDX-1",
    "list-offset-overflows",
    "query",
    "a list at byte 2^64 - 64 of QUANT",
    directory(3, 0, u64(2**64 - 64)),
)
case(
    "R-IDX-1",
    "list-first-vector-overflows",
    "query",
    "a list that begins with vector 2^32 - 1",
    directory(3, 16, u32(2**32 - 1)),
)
case(
    "R-IDX-1",
    "list-of-too-many-entries",
    "query",
    "a list with 2^32 - 1 second entries",
    directory(3, 12, u32(2**32 - 1)),
)
case(
    "R-IDX-1",
    "one-list-without-all-rows",
    "verify",
    "the one list of a file, without its last row",
    directory(0, 8, u32(4), lists=None),
)
case(
    "R-IDX-1",
    "one-list-with-a-second-entry",
    "verify",
    "the one list of a file, with a second entry",
    directory(0, 8, u32(4) + u32(1), lists=None),
)
case(
    "R-IDX-1",
    "centroid-codes-offset",
    "query",
    "centroid codes that begin 64 bytes late",
    payload(INDEX, 0x28, u64(CENTROID_CODES + 64), **LISTS),
)
case(
    "R-IDX-1",
    "centroid-records-offset",
    "query",
    "centroid records at byte 2^64 - 64",
    payload(INDEX, 0x30, u64(2**64 - 64), **LISTS),
)
case(
    "R-IDX-1",
    "centroids-of-one-list",
    "query",
    "centroids in a file with one list",
    payload(INDEX, 0x28, u64(192) + u64(192)),
)
case("R-NUM-3", "list-directory", "verify", "a reserved byte of the list directory", directory(2, 31, b"\1"))
case(
    "R-NUM-3",
    "behind-the-mean",
    "verify",
    "a byte between the mean and the list directory",
    payload(INDEX, DIRECTORY - 1, b"\1", **LISTS),
)
case(
    "R-NUM-3",
    "behind-the-centroid-codes",
    "verify",
    "a byte between the codes and the records of the centroids",
    payload(INDEX, CENTROIDS - 1, b"\1", **LISTS),
)
case(
    "R-IDX-4",
    "centroid-row",
    "query",
    "a centroid record with the row of another list",
    payload(INDEX, CENTROIDS + CENTROID, u32(0), **LISTS),
)
case(
    "R-VEC-3",
    "centroid-scale-infinite",
    "verify",
    "a centroid that is infinitely far away",
    payload(INDEX, CENTROIDS + CENTROID + 4, f32(float("inf")), **LISTS),
)
case(
    "R-VEC-3",
    "centroid-scale-bits",
    "verify",
    "a scale of more than 16 significant bits of a centroid",
    payload(INDEX, CENTROIDS + CENTROID + 4, b"\1", **LISTS),
)
case(
    "R-VEC-2",
    "centroid-sum-of-squares",
    "verify",
    "a wrong sum of squares of a centroid",
    payload(INDEX, CENTROIDS + CENTROID + 8, u32(1), **LISTS),
)
case(
    "R-VEC-2",
    "centroid-bias-of-inner-product",
    "verify",
    "a bias in a file whose metric is the inner product",
    payload(INDEX, CENTROIDS + CENTROID + 11, b"\1", metric=IP, **LISTS),
)
case(
    "R-VEC-1",
    "centroid-padding",
    "verify",
    "a byte behind the components of a centroid record",
    payload(INDEX, CENTROIDS + CENTROID - 1, b"\1", **LISTS),
)
case(
    "R-QNT-3",
    "centroid-alpha-nan",
    "verify",
    "a correction word of a centroid whose alpha is not a number",
    payload(INDEX, CENTROID_CODES + WORDS, u32(0x3FF0), **LISTS),
)


def exchanged(plan):
    part = plan.part(INDEX)
    for number, first in ((0, 3), (3, 0)):
        part.payload = poke(part.payload, DIRECTORY + 32 * number + 16, u32(first))


# --- QUANT ---


def quant(at, value):
    return payload(QUANT, at, value, **LISTS)


case("R-QNT-1", "code-of-no-entry", "verify", "a code in a place that a tile lacks", quant(64 + 8, b"\1"))
case(
    "R-QNT-1",
    "word-of-no-entry",
    "verify",
    "a correction word in a place that a tile lacks",
    quant(LAST + WORDS + 12, u32(0x4000)),
)
case(
    "R-QNT-1",
    "number-of-no-entry",
    "verify",
    "a vector number in a place that a tile lacks",
    quant(LAST + NUMBERS + 12, u32(1)),
)
case("R-QNT-1", "behind-a-list", "verify", "a byte behind a list", quant(127, b"\1"))
case(
    "R-QNT-1",
    "one-list-code-of-no-entry",
    "verify",
    "a code in a place that the last tile of a file with one list lacks",
    payload(QUANT, 63, b"\1"),
)
case(
    "R-QNT-1",
    "behind-all-lists",
    "verify",
    "64 bytes behind the last list",
    changed(lambda plan: longer(plan, QUANT, 64), **LISTS),
)
case(
    "R-QNT-3",
    "second-entry-alpha-infinite",
    "verify",
    "a correction word of a second entry whose alpha is infinite",
    quant(LAST + WORDS + 8, u32(0x3FC0)),
)
case("R-QNT-4", "own-number", "verify", "a wrong number of an own vector", quant(NUMBERS, u32(1)))
case(
    "R-QNT-4",
    "number-out-of-range",
    "query",
    "a second entry of vector 5 of 5",
    quant(NUMBERS + 8, u32(ROWS)),
)
case(
    "R-QNT-4",
    "second-entry-of-an-own-vector",
    "verify",
    "a list with a second entry of a vector that it owns",
    quant(NUMBERS + 8, u32(1)),
)
case(
    "R-QNT-4",
    "twice-in-a-list",
    "verify",
    "a list with two second entries of one vector",
    quant(NUMBERS + 12, u32(4)),
)
case(
    "R-QNT-4",
    "two-second-entries",
    "verify",
    "two lists with a second entry of one vector",
    quant(LAST + NUMBERS + 8, u32(2)),
)

# --- VEC and ORDER ---


def swapped_rows(plan):
    """Exchanges the rows of two f32 records."""
    part = plan.part(VEC, 2)
    part.payload = poke(poke(part.payload, 0, u32(0)), 24, u32(2))


case(
    "R-VEC-7",
    "lists-row-out-of-range",
    "query",
    "an i8 record with the row 5 of 5, in a file with lists",
    payload(VEC, 20, u32(ROWS), **LISTS),
)
case(
    "R-VEC-7",
    "lists-row-twice",
    "verify",
    "two i8 records with the row 2, in a file with lists",
    payload(VEC, 20, u32(2), **LISTS),
)
case(
    "R-VEC-7",
    "f32-rows-exchanged",
    "verify",
    "f32 records with other rows than the i8 records",
    changed(swapped_rows, vectors=F32_KIND, **LISTS),
)
case(
    "R-VEC-7",
    "order-is-not-the-inverse",
    "verify",
    "an ORDER that gives the row of each vector, not the vector of each row",
    changed(lambda plan: inverted(plan), **LISTS),
)
case(
    "R-VEC-7",
    "order-out-of-range",
    "verify",
    "an ORDER that names vector 2^32 - 1",
    payload(ORDER, 4, u32(2**32 - 1), **LISTS),
)
case(
    "R-VEC-7",
    "order-twice",
    "verify",
    "an ORDER that names a vector twice",
    payload(ORDER, 4, u32(1), **LISTS),
)


def inverted(plan):
    part = plan.part(ORDER)
    rows = np.argsort(np.frombuffer(part.payload, "<u4"))
    part.payload = rows.astype("<u4").tobytes()


# --- the manifest ---


def longer(plan, segment_type, count):
    part = plan.part(segment_type)
    part.payload = part.payload[:count] if count < 0 else part.payload + bytes(count)


def without_order(plan):
    plan.parts = [part for part in plan.parts if part.type != ORDER]


def with_order(plan):
    plan.parts.append(Part(ORDER, np.arange(ROWS, dtype="<u4").tobytes()))


def resized(segment_type, count):
    return changed(lambda plan: longer(plan, segment_type, count), **LISTS)


case("R-MAN-1", "lists-0", "open", "no lists", manifest(0x84, u32(0)))
case("R-MAN-1", "more-lists-than-rows", "open", "6 lists for 5 rows", manifest(0x84, u32(ROWS + 1), **LISTS))
case("R-MAN-1", "lists-overflow", "open", "2^32 - 1 lists", manifest(0x84, u32(2**32 - 1), **LISTS))
case("R-MAN-3", "order-missing", "open", "four lists without ORDER", changed(without_order, **LISTS))
case("R-MAN-3", "order-of-one-list", "open", "ORDER in a file with one list", changed(with_order))
case("R-MAN-4", "order-short", "open", "ORDER without its last row", resized(ORDER, -4))
case("R-MAN-4", "quant-of-lists-odd", "open", "QUANT without its last 4 bytes", resized(QUANT, -4))
case("R-MAN-4", "index-short", "open", "INDEX without its last centroid", resized(INDEX, -CENTROID))
case("R-MAN-4", "index-long", "open", "INDEX with 32 bytes too many", resized(INDEX, 32))
case("R-MAN-4", "lists", "open", "three lists where INDEX is of four", manifest(0x84, u32(3), **LISTS))
