"""Reads from a WebAssembly module what the header of a WASM segment says of it (R-WASM-2, R-WASM-3).

A walk over the sections and the instructions, not a validator: the module is taken to be valid.
"""

SIMD, BULK_MEMORY, MULTI_VALUE, REFERENCE_TYPES, THREADS, TAIL_CALL, GC, EXCEPTIONS = (
    1 << bit for bit in range(8)
)


class BadModule(ValueError):
    pass


class Cursor:
    def __init__(self, data, at=0, end=None):
        self.data, self.at, self.end = data, at, len(data) if end is None else end

    def take(self, n):
        if n > self.end - self.at:
            raise BadModule(f"the module ends inside an item at byte {self.at}")
        self.at += n
        return self.data[self.at - n : self.at]

    def byte(self):
        return self.take(1)[0]

    def leb(self):
        """An unsigned LEB128 number; good enough to step over a signed one."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 70:
                raise BadModule(f"a number at byte {self.at} is too long")

    def name(self):
        return bytes(self.take(self.leb())).decode("utf-8")


class Facts:
    def __init__(self):
        self.features = 0
        self.exports, self.imports, self.memories = [], [], []
        self.tables, self.start = 0, False


def value_type(cursor, facts):
    kind = cursor.byte()
    if kind == 0x7B:
        facts.features |= SIMD
    elif kind in (0x70, 0x6F):
        facts.features |= REFERENCE_TYPES
    elif kind not in (0x7F, 0x7E, 0x7D, 0x7C):
        raise BadModule(f"value type {kind:#x} at byte {cursor.at - 1} is not known")


def limits(cursor, facts):
    flags = cursor.byte()
    if flags & ~3:
        raise BadModule("64-bit memories can't be described")
    if flags & 2:
        facts.features |= THREADS
    least = cursor.leb()
    return least, cursor.leb() if flags & 1 else None


def instruction(cursor, facts):
    """Steps over one instruction and notes the features that it needs."""
    op = cursor.byte()
    if op in (0x02, 0x03, 0x04):
        block = cursor.data[cursor.at]
        if block in (0x40, 0x7F, 0x7E, 0x7D, 0x7C):
            cursor.byte()
        elif block & 0xC0 == 0x40:
            value_type(cursor, facts)
        else:
            cursor.leb()
            facts.features |= MULTI_VALUE
    elif op in (0x0C, 0x0D, 0x10, 0x20, 0x21, 0x22, 0x23, 0x24, 0x3F, 0x40, 0x41, 0x42):
        cursor.leb()
    elif op == 0x0E:
        for _ in range(cursor.leb() + 1):
            cursor.leb()
    elif op in (0x11, 0x13):
        cursor.leb()
        if cursor.data[cursor.at] != 0:
            facts.features |= REFERENCE_TYPES
        cursor.leb()
        facts.features |= TAIL_CALL if op == 0x13 else 0
    elif op == 0x12:
        cursor.leb()
        facts.features |= TAIL_CALL
    elif op == 0x1C:
        facts.features |= REFERENCE_TYPES
        for _ in range(cursor.leb()):
            value_type(cursor, facts)
    elif op in (0x25, 0x26, 0xD0, 0xD2):
        cursor.leb()
        facts.features |= REFERENCE_TYPES
    elif op == 0xD1:
        facts.features |= REFERENCE_TYPES
    elif 0x28 <= op <= 0x3E:
        cursor.leb(), cursor.leb()
    elif op == 0x43:
        cursor.take(4)
    elif op == 0x44:
        cursor.take(8)
    elif op == 0xFC:
        sub = cursor.leb()
        if 8 <= sub <= 14:
            facts.features |= BULK_MEMORY
        elif 15 <= sub <= 17:
            facts.features |= REFERENCE_TYPES
        elif sub > 17:
            raise BadModule(f"instruction 0xfc {sub} is not known")
        for _ in range({8: 2, 9: 1, 10: 2, 11: 1, 12: 2, 13: 1, 14: 2, 15: 1, 16: 1, 17: 1}.get(sub, 0)):
            cursor.leb()
    elif op == 0xFD:
        facts.features |= SIMD
        sub = cursor.leb()
        if sub <= 11 or sub in (92, 93):
            cursor.leb(), cursor.leb()
        elif sub in (12, 13):
            cursor.take(16)
        elif 21 <= sub <= 34:
            cursor.byte()
        elif 84 <= sub <= 91:
            cursor.leb(), cursor.leb(), cursor.byte()
        elif sub > 255:
            raise BadModule("relaxed SIMD has no feature bit")
    elif op == 0xFE:
        facts.features |= THREADS
        if cursor.leb() == 3:
            cursor.byte()
        else:
            cursor.leb(), cursor.leb()
    elif not (op in (0x00, 0x01, 0x05, 0x0B, 0x0F, 0x1A, 0x1B) or 0x45 <= op <= 0xC4):
        raise BadModule(f"instruction {op:#x} at byte {cursor.at - 1} is not known")


def expression(cursor, facts):
    """Steps over a constant expression and its end."""
    while cursor.data[cursor.at] != 0x0B:
        instruction(cursor, facts)
    cursor.byte()


def read_section(kind, cursor, facts):
    if kind == 8:
        facts.start = True
        return
    count = cursor.leb()
    if kind == 12:
        facts.features |= BULK_MEMORY
    elif kind == 1:
        for _ in range(count):
            if cursor.byte() != 0x60:
                facts.features |= GC
                raise BadModule("types of the GC proposal are not read here")
            for results in (False, True):
                n = cursor.leb()
                if results and n > 1:
                    facts.features |= MULTI_VALUE
                for _ in range(n):
                    value_type(cursor, facts)
    elif kind == 2:
        for _ in range(count):
            facts.imports.append(f"{cursor.name()}.{cursor.name()}")
            what = cursor.byte()
            if what == 0:
                cursor.leb()
            elif what == 3:
                value_type(cursor, facts)
                cursor.byte()
            else:
                if what == 1:
                    cursor.byte()
                limits(cursor, facts)
    elif kind == 4:
        for _ in range(count):
            if cursor.byte() != 0x70:
                facts.features |= REFERENCE_TYPES
            limits(cursor, facts)
        facts.tables = count
        if count > 1:
            facts.features |= REFERENCE_TYPES
    elif kind == 5:
        facts.memories = [limits(cursor, facts) for _ in range(count)]
        if count > 1:
            raise BadModule("several memories have no feature bit")
    elif kind == 6:
        for _ in range(count):
            value_type(cursor, facts)
            cursor.byte()
            expression(cursor, facts)
    elif kind == 7:
        for _ in range(count):
            facts.exports.append(cursor.name())
            cursor.byte(), cursor.leb()
    elif kind == 9:
        for _ in range(count):
            flags = cursor.leb()
            if flags:
                facts.features |= BULK_MEMORY if flags in (1, 2, 3) else REFERENCE_TYPES
            if not flags & 1:
                if flags & 2:
                    cursor.leb()
                expression(cursor, facts)
            if flags & 3:
                cursor.byte()
            for _ in range(cursor.leb()):
                expression(cursor, facts) if flags & 4 else cursor.leb()
    elif kind == 10:
        for _ in range(count):
            size = cursor.leb()
            body = Cursor(cursor.data, cursor.at, cursor.at + size)
            cursor.take(size)
            for _ in range(body.leb()):
                body.leb()
                value_type(body, facts)
            while body.at < body.end:
                instruction(body, facts)
    elif kind == 11:
        for _ in range(count):
            flags = cursor.leb()
            if flags:
                facts.features |= BULK_MEMORY
            if flags == 2:
                cursor.leb()
            if flags != 1:
                expression(cursor, facts)
            cursor.take(cursor.leb())
    elif kind == 13:
        facts.features |= EXCEPTIONS


def module_facts(data):
    """What a module says of itself; BadModule if it can't be read."""
    cursor, facts = Cursor(data), Facts()
    if bytes(cursor.take(8)) != b"\0asm\1\0\0\0":
        raise BadModule("not a WebAssembly module of version 1")
    while cursor.at < cursor.end:
        kind, size = cursor.byte(), cursor.leb()
        inner = Cursor(data, cursor.at, cursor.at + size)
        cursor.take(size)
        if kind != 0:
            try:
                read_section(kind, inner, facts)
            except (IndexError, UnicodeDecodeError) as error:
                raise BadModule(f"section {kind} can't be read: {error}") from error
    return facts
