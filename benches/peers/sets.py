"""The data sets of the peers' benchmark: base, queries (f32) and the metric, each from a folder or by seed."""
from pathlib import Path


def real(folder, name):
    import numpy as np
    return np.load(sorted(Path(folder).glob(f"{name}.*npy"))[0]).astype(np.float32)


def wordnet(folder, rng, rows):
    return real(folder, "base")[:rows], real(folder, "queries"), "cosine"


def pca128(folder, rng, rows):
    """The real vectors on the 128 directions in which they differ most."""
    import numpy as np
    base, queries = real(folder, "base")[:rows], real(folder, "queries")
    mean = base.mean(0)
    _, directions = np.linalg.eigh(np.cov((base - mean).T))
    turn = directions[:, ::-1][:, :128].astype(np.float32)
    return (base - mean) @ turn, (queries - mean) @ turn, "l2"


def gauss128(folder, rng, rows):
    """No structure at all: independent normal components. Lists can't help here."""
    make = lambda n: rng.standard_normal((n, 128), dtype="float32")
    return make(rows), make(1000), "l2"


def sift128(folder, rng, rows):
    """Integers from 0 to 218 in 128 dimensions, many of them 0 and in clusters, as SIFT descriptors are."""
    import numpy as np
    centres = rng.gamma(0.6, 40.0, (400, 128))
    which = lambda n: centres[rng.choice(400, n, p=weights)]
    weights = rng.dirichlet(np.full(400, 1.0))
    make = lambda n: np.clip(which(n) * rng.gamma(1.6, 0.6, (n, 128)) + rng.normal(0, 6, (n, 128)), 0, 218).round().astype(np.float32)
    return make(rows), make(1000), "l2"


def mixture(folder, rng, rows):
    """As many rows as asked for, from the real ones: a real row, moved towards a second one by up to 60 %, and noise of
    a quarter of its length. Queries are made the same way."""
    import numpy as np
    source = real(folder, "base")
    source /= np.linalg.norm(source, axis=1, keepdims=True)

    def make(n):
        out = np.empty((n, source.shape[1]), dtype=np.float32)
        for start in range(0, n, 50_000):
            m = min(50_000, n - start)
            a, b = source[rng.integers(0, len(source), m)], source[rng.integers(0, len(source), m)]
            t = rng.random((m, 1), dtype=np.float32) * 0.6
            noise = rng.standard_normal((m, source.shape[1]), dtype=np.float32) * (0.25 / source.shape[1] ** 0.5)
            out[start:start + m] = a * (1 - t) + b * t + noise
        return out / np.linalg.norm(out, axis=1, keepdims=True)

    return make(rows), make(1000), "cosine"


def uneven(change):
    """The mixture as it is, or with a change that makes its clusters uneven."""
    def make(folder, rng, rows):
        import numpy as np
        base, queries, metric = mixture(folder, rng, rows)
        change(np, rng, base)
        return base, queries, metric
    return make


def duplicate(np, rng, base):
    """Half of the rows are copies of two hundred others."""
    half = len(base) // 2
    base[rng.permutation(len(base))[:half]] = base[rng.integers(0, 200, half)]


def scatter(np, rng, base):
    """A fiftieth of the rows are far from all others: random directions."""
    far = rng.permutation(len(base))[:len(base) // 50]
    base[far] = rng.standard_normal((len(far), base.shape[1]), dtype=np.float32)
    base[far] /= np.linalg.norm(base[far], axis=1, keepdims=True)


def crowd(np, rng, base):
    """Clusters of very unequal size: half of the rows move to within a third of their distance of one row, a quarter to another one's, and so on."""
    order, start = rng.permutation(len(base)), 0
    for centre in range(8):
        part = order[start:start + (len(base) - start) // 2]
        base[part] = base[order[-1 - centre]] * 0.67 + base[part] * 0.33
        start += len(part)
    base /= np.linalg.norm(base, axis=1, keepdims=True)


SETS = {"wordnet": wordnet, "pca128": pca128, "gauss128": gauss128, "sift128": sift128, "mixture": mixture,
        "duplicates": uneven(duplicate), "outliers": uneven(scatter), "unequal": uneven(crowd)}


def exact(base, queries, metric, k):
    """A function that counts the rows that are as near as the k-th neighbour (ties are hits), and the neighbours, nearest first."""
    import numpy as np
    if metric == "cosine":
        base = base / np.linalg.norm(base, axis=1, keepdims=True)
        queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    near = np.empty((len(queries), k), dtype=np.int64)
    squares = np.einsum("ij,ij->i", base, base)
    for start in range(0, len(queries), 100):
        part = queries[start:start + 100]
        scores = squares - 2 * (part @ base.T)
        near[start:start + 100] = np.argpartition(scores, k, axis=1)[:, :k]
    distance = lambda i, rows: ((base[rows].astype(np.float64) - queries[i].astype(np.float64)) ** 2).sum(1)
    near = np.array([rows[np.argsort(distance(i, rows), kind="stable")] for i, rows in enumerate(near)])
    kth = [distance(i, rows[-1:])[0] for i, rows in enumerate(near)]

    def recall(found):
        hits = [np.sum(distance(i, np.asarray(rows, dtype=np.int64)) <= kth[i] * (1 + 1e-6) + 1e-9) / k for i, rows in enumerate(found)]
        return float(np.mean(hits))

    return recall, near
