"""The arithmetic of spec/kernel.md, written from that text: codes, queries, distances.

Every f32 operation is one numpy float32 operation on whole rows; no sum is left to numpy, whose
own sums are pairwise. Rows are vectorised (last axis: components), which changes no result.
"""

import math
import struct

import numpy as np

F32, F64 = np.float32, np.float64
L2, IP, COSINE = 0, 1, 2
I8, F16, F32_KIND = 0, 1, 2
TINY = F32(2.0**-100)
MASK = (1 << 64) - 1


class BadQuery(ValueError):
    """K-QRY-1, or a parameter out of range."""


class BadData(ValueError):
    """K-ABI-6, where no rule of the format speaks of it."""


def bits(value):
    """The 32 bits of an f32."""
    return struct.unpack("<I", struct.pack("<f", value))[0]


def from_bits(word):
    return F32(struct.unpack("<f", struct.pack("<I", word))[0])


def s16(a):
    """K-NUM-2. Filling up with +0 changes nothing: an accumulator is never -0."""
    a = np.asarray(a, F32)
    fill = -a.shape[-1] % 16
    a = np.concatenate([a, np.zeros(a.shape[:-1] + (fill,), F32)], axis=-1)
    lanes = np.zeros(a.shape[:-1] + (16,), F32)
    for i in range(0, a.shape[-1], 16):
        lanes = lanes + a[..., i : i + 16]
    for half in (8, 4, 2, 1):
        lanes = lanes[..., :half] + lanes[..., half : 2 * half]
    return lanes[..., 0]


def in_order(a):
    """Sum of the last axis from left to right, in the type of `a`, from +0."""
    total = np.zeros(a.shape[:-1], a.dtype)
    for i in range(a.shape[-1]):
        total = total + a[..., i]
    return total


# --- rotation (section 2) ---


def signs(seed, count):
    """K-ROT-1: True where a component is negated."""
    x, negated = seed, []
    while len(negated) < count:
        x ^= x << 13 & MASK
        x ^= x >> 7
        x ^= x << 17 & MASK
        negated += [bool(x >> 16 * j + 15 & 1) for j in range(4)]
    return np.array(negated[:count], bool)


def hadamard(x):
    """K-ROT-2, on the last axis."""
    p = x.shape[-1]
    m = p.bit_length() - 1
    s = F32(2.0 ** -(m // 2)) if m % 2 == 0 else F32(2.0 ** -((m - 1) // 2)) * from_bits(0x3F3504F3)
    x = x * s
    h = 1
    while h < p:
        pairs = x.reshape(x.shape[:-1] + (p // (2 * h), 2, h))
        a, b = pairs[..., 0, :], pairs[..., 1, :]
        x = np.stack([a + b, a - b], axis=-2).reshape(x.shape)
        h *= 2
    return x


def rotate(u, seed):
    """K-ROT-1 and K-ROT-3."""
    dim = u.shape[-1]
    x = np.where(signs(seed, dim), -u, u).astype(F32)
    p = 1 << (dim.bit_length() - 1)
    x[..., :p] = hadamard(x[..., :p].copy())
    if p != dim:
        x[..., dim - p :] = hadamard(x[..., dim - p :].copy())
    return x


# --- vectors and codes: what a packer writes (format.md section 7, kernel.md section 3) ---


def quantise(x):
    """R-VEC-3 for one vector: (scale, components as int8)."""
    x = np.asarray(x, F32)
    largest = np.max(np.abs(x))
    if largest < TINY:
        return F32(0), np.zeros(len(x), np.int8)
    if largest <= 127 and np.all(x == np.rint(x)):
        scale = F32(1)
    else:
        scale = from_bits((bits(largest / F32(127)) + 255) // 256 * 256)
    return scale, np.clip(np.rint(x / scale), -127, 127).astype(np.int8)


def normalised(x, metric):
    """x-hat of K-CODE-1 for rows, or q-hat of K-QRY-2 for one query."""
    if metric != COSINE:
        return x
    return x * (F32(1) / np.sqrt(s16(x * x)))[..., None]


def mean(xhat):
    """The mean of K-CODE-1."""
    total = np.zeros(xhat.shape[1], F64)
    for start in range(0, len(xhat), 4096):
        run = np.zeros(xhat.shape[1], F64)
        for row in xhat[start : start + 4096]:
            run = run + row.astype(F64)
        total = total + run
    return (total / F64(len(xhat))).astype(F32)


def round_bits(words, low):
    """Rounds u32 bit patterns to a multiple of 2**low, to nearest, ties to even."""
    words = words.astype(np.uint64)
    even = (words >> np.uint64(low)) & np.uint64(1)
    up = words + np.uint64((1 << (low - 1)) - 1) + even
    return (up >> np.uint64(low)) << np.uint64(low)


def bias(scale, weight, metric):
    """K-CODE-6, `weight` being s - Q."""
    if metric == IP:
        return F64(0)
    o = (F64(scale) * F64(scale)) * F64(weight)
    return o * F64(0.5) if metric == COSINE else o


def encode(xhat, c, m, seed, metric, o=0.0):
    """K-CODE-2 to K-CODE-4 for entries of a list with the centroid c and the bias o, in a file with
    the mean m: (codes: entries x 8W bytes, correction words: entries x u32). For centroids (K-CODE-5)
    -o are their biases."""
    u = xhat - c
    r = rotate(u, seed)
    dim = r.shape[1]
    code = np.zeros((len(r), (dim + 63) // 64 * 64), np.uint8)
    code[:, :dim] = r >= 0
    wide = r.astype(F64)
    rho2, rho1 = in_order(wide * wide), in_order(np.abs(wide))
    kappa = F64(2 if metric == L2 else 1)
    alpha = np.divide(kappa * rho2, rho1, out=np.zeros_like(rho1), where=rho1 != 0)
    t = rotate((c - m)[None], seed).astype(F64)
    sigma = in_order(np.where(code[:, :dim] == 1, t, -t))
    if metric == L2:
        gamma = rho2
    elif metric == COSINE:
        gamma = rho2 / F64(2)
    else:
        gamma = -in_order(u.astype(F64) * c.astype(F64))
    beta = (gamma + alpha * sigma) - o
    b = round_bits(beta.astype(F32).view(np.uint32), 14)
    a = round_bits(alpha.astype(F32).view(np.uint32), 17)
    return np.packbits(code, axis=1, bitorder="little"), (b + (a >> np.uint64(17))).astype("<u4")


def correction(words):
    """R-QNT-3: (beta, alpha) of correction words."""
    words = np.asarray(words, np.uint32)
    beta = (words & np.uint32(0xFFFFC000)).view(F32)
    alpha = ((words & np.uint32(0x3FFF)) << np.uint32(17)).view(F32)
    return beta, alpha


# --- a query (section 4) ---


class Query:
    def __init__(self, q, k, probes, slack, pool, metric, vectors, m, seed):
        q = np.asarray(q, F32)
        self.q, self.k, self.probes, self.slack, self.pool = q, k, probes, F32(slack), pool
        self.metric, self.dim = metric, len(q)
        if not 1 <= k <= 65536 or not k <= pool <= 65536 or (vectors == I8 and pool != k):
            raise BadQuery("k or pool out of range")
        if not 0 <= probes <= 65536:
            raise BadQuery("probes out of range")
        if not 0 <= slack <= 16:
            raise BadQuery("slack out of range")
        if not np.all(np.abs(q) <= F32(1e15)):
            raise BadQuery("K-QRY-1: a component is not finite or too large")
        self.norm = s16(q * q)
        if metric == COSINE and self.norm < TINY:
            raise BadQuery("K-QRY-1: a zero vector under cosine")
        self.estimate_terms(m, seed)
        self.integer_query()

    def estimate_terms(self, mean, seed):
        """K-QRY-2 to K-QRY-4."""
        dim, d = F32(self.dim), self.dim
        qhat = normalised(self.q, self.metric)
        u = qhat - mean
        delta2 = s16(u * u)
        if not np.isfinite(delta2):
            raise BadData("K-ABI-6: the mean is too far away")
        delta = np.sqrt(delta2)
        v = rotate(u, seed)
        if self.metric == L2:
            self.base = delta2
        elif self.metric == COSINE:
            self.base = delta2 * F32(0.5)
        else:
            self.base = -s16(mean * qhat)
        t = F32(0.9957) * (delta / np.sqrt(dim))
        strong = np.abs(v) > t
        sign = v >= 0
        low = np.where(strong, sign, ~sign)
        width = (d + 63) // 64 * 64
        self.sign_plane = np.packbits(np.pad(sign, (0, width - d)), bitorder="little")
        self.low_plane = np.packbits(np.pad(low, (0, width - d)), bitorder="little")
        m = np.where(strong, 3, 1)
        m2 = F32(int(np.sum(m * m)))
        self.g1 = s16(np.abs(v)) / dim
        self.g2 = s16(np.abs(v) * m.astype(F32)) / m2
        zero = F32(0)
        self.e1 = self.slack * np.sqrt(max(zero, F32(1.364) * delta2 - self.g1 * self.g1 * dim))
        self.e2 = self.slack * np.sqrt(max(zero, F32(1.364) * delta2 - self.g2 * self.g2 * m2))

    def integer_query(self):
        """K-QRY-5."""
        largest = float(np.max(np.abs(self.q)))
        self.step, self.q16 = 0.0, np.zeros(self.dim, np.int64)
        if largest >= 2.0**-100:
            self.step = 2.0 ** (math.frexp(largest)[1] - 1 - 14)
            self.q16 = np.clip(np.rint(self.q / F32(self.step)), -32767, 32767).astype(np.int64)
        self.n16 = int(np.sum(self.q16 * self.q16))

    def looks(self, codes, words, base, share=F32(1)):
        """K-SCAN-2 and K-SCAN-3 for the entries of a group, in a list of that base: (lower1, est, lower)."""
        beta, alpha = correction(words)
        ones = lambda plane: np.unpackbits(codes ^ plane, axis=1).sum(axis=1).astype(np.int64)
        h1, h0 = ones(self.sign_plane), ones(self.low_plane)
        dim = F32(self.dim)
        lower1 = beta - alpha * ((self.g1 * dim + self.e1 * share) - (F32(2) * self.g1) * h1.astype(F32))
        s = self.g2 * (3 * self.dim - 4 * h1 - 2 * h0).astype(F32)
        return lower1, (beta - alpha * s) + base, (beta - alpha * (s + self.e2 * share)) + base

    def integer_distance(self, scale, squares, x):
        """K-DIST-1."""
        dot = float(int(np.sum(x.astype(np.int64) * self.q16)))
        a, b, s, n16 = float(scale), self.step, float(squares), float(self.n16)
        if self.metric == L2:
            d = ((a * a) * s + (b * b) * n16) - ((2.0 * a) * b) * dot
        elif self.metric == IP:
            d = -((a * b) * dot)
        elif squares == 0 or self.n16 == 0:
            return F32(np.inf)
        else:
            d = 1.0 - dot / (math.sqrt(s) * math.sqrt(n16))
        return self.finish(d)

    def centroid_distance(self, scale, squares, x):
        """K-DIST-4."""
        if self.metric != COSINE:
            return self.integer_distance(scale, squares, x)
        dot = float(int(np.sum(x.astype(np.int64) * self.q16)))
        a, b, s, n16 = float(scale), 1.0 / math.sqrt(self.n16), float(squares), float(self.n16)
        return self.finish((((a * a) * s + (b * b) * n16) - ((2.0 * a) * b) * dot) * 0.5)

    def float_distance(self, x):
        """K-DIST-2."""
        x = x.astype(F32)
        if self.metric == L2:
            return ordered(s16((x - self.q) * (x - self.q)))
        dot = s16(x * self.q)
        if self.metric == IP:
            return ordered(-dot)
        n = float(s16(x * x))
        if n == 0:
            return F32(np.inf)
        return self.finish(1.0 - float(dot) / (math.sqrt(n) * math.sqrt(float(self.norm))))

    def finish(self, d):
        if self.metric != IP and d <= 0:
            d = 0.0
        return ordered(F32(d))


def ordered(d):
    """K-NUM-3: NaN becomes +infinity, and -0 becomes +0."""
    return F32(np.inf) if np.isnan(d) else d + F32(0)
