"""What reading and writing share: faults, hashes, and the sizes that spec/format.md asks for."""

import hashlib

VEC, INDEX, MANIFEST, QUANT, WASM, ROOT, DIGEST, IDS, ORDER = 1, 2, 5, 6, 0x10, 0x80, 0x81, 0x82, 0x83
NAMES = {
    VEC: "VEC",
    INDEX: "INDEX",
    MANIFEST: "MANIFEST",
    QUANT: "QUANT",
    WASM: "WASM",
    ROOT: "ROOT",
    DIGEST: "DIGEST",
    IDS: "IDS",
    ORDER: "ORDER",
}
ANCILLARY = 0x8000
ROOT_SIZE = 4096
LONGEST_MANIFEST = 1 << 26  # R-LIM-3
MOST_LISTS = 1 << 16
GROUP = 32
MASK = (1 << 64) - 1


class Fault(Exception):
    """A broken rule, and where."""

    def __init__(self, rule, text):
        super().__init__(f"{rule}: {text}")
        self.rule = rule


def need(condition, rule, text):
    if not condition:
        raise Fault(rule, text)


def up(n, step):
    return -(-n // step) * step


# --- hashes (section 3) ---


def block_digests(payload, b):
    """R-HASH-2: the digest table of a payload, as a list."""
    size = 1 << b
    blocks = (payload[i : i + size] for i in range(0, len(payload), size))
    return [hashlib.shake_256(b"\x00" + block).digest(16) for block in blocks]


def segment_hash(header, table):
    """R-HASH-3."""
    bare = header[:0x28] + bytes(16) + header[0x38:0x3C] + bytes(4)
    return hashlib.shake_256(b"\x01" + bare + b"".join(table)).digest(32)


def id_hash(raw):
    """R-IDS-3."""
    x = 0xCBF29CE484222325
    for byte in raw:
        x = (x ^ byte) * 0x100000001B3 & MASK
    x ^= x >> 33
    x = x * 0xFF51AFD7ED558CCD & MASK
    x ^= x >> 33
    return x >> 32


# --- sizes that rows, dimension and lists ask for (R-MAN-4) ---


def words_of(dim):
    return (dim + 63) // 64


def stride_of(kind, dim):
    """R-VEC-1, R-VEC-5."""
    return (12 + up(dim, 4), 4 + up(2 * dim, 4), 4 + 4 * dim)[kind]


def group_size(entries, dim, numbered):
    """R-QNT-1: the bytes of a group, with vector numbers or without."""
    return up(entries, 4) * (8 * words_of(dim) + (8 if numbered else 4))


def groups_of(own, second):
    """R-QNT-1: (place of its first entry, entries, has it numbers?) of each group of a list."""
    for first in range(0, own + second, GROUP):
        entries = min(GROUP, own + second - first)
        yield first, entries, first + entries > own


def list_size(own, second, dim):
    """R-QNT-1: the bytes of a list, without the zeros behind it. In closed form, since a damaged
    directory may speak of billions of entries."""
    entries = own + second
    plain = own // GROUP if second else -(-own // GROUP)
    size = lambda n: n // GROUP * group_size(GROUP, dim, False) + group_size(n % GROUP, dim, False)
    numbers = 4 * up(entries - plain * GROUP, 4) if second else 0
    return size(entries) + numbers


def index_places(dim, lists):
    """R-IDX-2: where the directory, the centroid codes and the centroid records begin, and the length."""
    directory = up(128 + 4 * dim, 64)
    end = directory + 32 * lists
    if lists == 1:
        return directory, 0, 0, end
    codes = up(end, 64)
    records = up(codes + list_size(lists, 0, dim), 64)
    return directory, codes, records, records + lists * stride_of(0, dim)
