#!/usr/bin/env python3
"""Runs rvf beside other libraries: the same vectors and queries, one query at a time, one thread, one run.

    python3 benches/peers/run.py DATA [--rvf target/release/rvf] [--queries 500] [--rounds 3] [--json OUT]

DATA is a folder with base.*.npy, queries.*.npy and truth.*.npy (exact cosine neighbours, best first), such as
samples/wordnet-8k. The peers come from PyPI: a virtual environment is made in target/peers on first use.
Times are medians over rounds of the median over the queries; every library has its turn in each round, so that a
slow moment of the machine falls on all of them. Recall is counted by distance: a tie with the exact k-th is a hit.
"""
import argparse, glob, json, os, platform, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = ["numpy", "faiss-cpu", "usearch", "turbovec", "hnswlib"]
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


def in_environment():
    """Starts this script again with the peers installed and one thread, if it is not so started already."""
    if os.environ.get("RVF_PEERS") == "1":
        return
    python = ROOT / "target/peers/bin/python"
    if not python.exists():
        print("installing the peers from PyPI into target/peers", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    sys.exit(subprocess.run([python, __file__, *sys.argv[1:]], env={**os.environ, **ONE_THREAD, "RVF_PEERS": "1"}).returncode)


def load(folder, name):
    import numpy as np
    found = sorted(glob.glob(str(Path(folder) / f"{name}.*npy")))
    return np.load(found[0]), found[0]


def cpu():
    for line in open("/proc/cpuinfo") if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


class Peers:
    """Each entry: name, bytes a vector, seconds to build, and a function from a query to k rows."""

    def __init__(self, base, k):
        import faiss, hnswlib, numpy as np, turbovec
        from usearch.index import Index, MetricKind, search as brute
        n, d = base.shape
        faiss.omp_set_num_threads(1)
        self.entries = []

        def add(name, size, build, search):
            start = time.perf_counter()
            index = build()
            self.entries.append((name, size, time.perf_counter() - start, lambda q: search(index, q)))

        def flat():
            index = faiss.IndexFlatIP(d)
            index.add(base)
            return index

        def scalar8():
            index = faiss.IndexScalarQuantizer(d, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
            index.train(base)
            index.add(base)
            return index

        add("faiss Flat f32 (exact)", 4 * d, flat, lambda i, q: i.search(q[None], k)[1][0])
        add("faiss SQ8 flat", d, scalar8, lambda i, q: i.search(q[None], k)[1][0])
        for bits in (2, 4):
            def turbo(bits=bits):
                index = turbovec.TurboQuantIndex(dim=d, bit_width=bits)
                index.calibrate(base[:10000])
                index.add(base)
                index.prepare()
                return index
            add(f"turbovec {bits} bits flat", bits * d / 8, turbo, lambda i, q: i.search(q[None], k=k)[1][0])

        keys = lambda m: np.asarray(m.keys, dtype=np.int64)

        def exact(_, q):
            return keys(brute(base, q, k, MetricKind.IP, exact=True, threads=1))

        add("usearch f32 exact", 4 * d, lambda: None, exact)

        index = Index(ndim=d, metric="ip", dtype="f16", connectivity=16, expansion_add=200)
        start = time.perf_counter()
        index.add(np.arange(n), base, threads=1)
        built = time.perf_counter() - start
        for ef in (32, 64, 128, 256):
            def search(q, ef=ef):
                index.expansion_search = ef
                return keys(index.search(q, k, threads=1))
            self.entries.append((f"usearch f16 graph, ef {ef}", None, built, search))

        h = hnswlib.Index(space="ip", dim=d)
        h.init_index(n, ef_construction=200, M=16)
        h.set_num_threads(1)
        start = time.perf_counter()
        h.add_items(base, num_threads=1)
        built = time.perf_counter() - start
        for ef in (16, 32, 64, 128, 256):
            def search(q, ef=ef):
                h.set_ef(ef)
                return h.knn_query(q, k, num_threads=1)[0][0]
            self.entries.append((f"hnswlib f32, ef {ef}", None, built, search))


def main():
    in_environment()
    import numpy as np
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data")
    p.add_argument("--rvf", default=str(ROOT / "target/release/rvf"))
    p.add_argument("--queries", type=int, default=500)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("-k", type=int, default=10)
    p.add_argument("--recalls", default="0.9,0.95,0.98,0.99")
    p.add_argument("--json")
    a = p.parse_args()

    raw, base_path = load(a.data, "base")
    unit = lambda x: np.ascontiguousarray(x / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True), dtype=np.float32)
    base, queries = unit(raw.astype(np.float32)), load(a.data, "queries")[0][: a.queries]
    truth = load(a.data, "truth")[0][: a.queries]
    asked = unit(queries.astype(np.float32))
    kth = np.array([1 - base[truth[i, a.k - 1]].astype(np.float64) @ asked[i] for i in range(len(asked))])
    recall = lambda rows: np.mean([np.mean(1 - base[np.asarray(r, dtype=np.int64)].astype(np.float64) @ asked[i] <= kth[i] + 1e-6) for i, r in enumerate(rows)])

    with tempfile.TemporaryDirectory() as folder:
        query_file = Path(folder) / "queries.npy"
        np.save(query_file, queries)
        file = Path(folder) / "bench.rvf"
        start = time.perf_counter()
        subprocess.run([a.rvf, "pack", base_path, "-o", file, "--quiet", "--threads", "1"], check=True, stdout=subprocess.DEVNULL)
        packed = time.perf_counter() - start

        def rvf(*flags):
            out = subprocess.run([a.rvf, "query", file, "--vectors", query_file, "-k", str(a.k), "--json", *flags], check=True, capture_output=True, text=True).stdout
            lines = [json.loads(line) for line in out.splitlines()]
            return [[h["row"] for h in x["hits"]] for x in lines], np.array([x["micros"] for x in lines], dtype=float)

        rvf_runs = [(f"rvf native, --recall {r}", ["--engine", "native", "--recall", r]) for r in a.recalls.split(",")]
        rvf_runs.append(("rvf native, --exact", ["--engine", "native", "--exact"]))
        rvf_runs.append(("rvf wasmi, --recall 0.95", ["--engine", "wasmi", "--recall", "0.95"]))
        peers = Peers(base, a.k).entries
        rows = {}
        for _ in range(a.rounds):
            for name, flags in rvf_runs:
                try:
                    found, micros = rvf(*flags)
                except subprocess.CalledProcessError as error:
                    print(f"{name}: {error.stderr.strip()}", file=sys.stderr)
                    continue
                rows.setdefault(name, (file.stat().st_size / len(base), packed, recall(found), []))[3].append(np.median(micros))
            for name, size, built, search in peers:
                found, micros = [], []
                for q in asked:
                    start = time.perf_counter()
                    found.append(search(q))
                    micros.append((time.perf_counter() - start) * 1e6)
                rows.setdefault(name, (size, built, recall(found), []))[3].append(np.median(micros))

    table = [{"engine": name, "recall": round(float(r), 4), "micros": round(float(np.median(m)), 1), "build_s": b and round(b, 2), "bytes_per_vector": s and round(s, 1)} for name, (s, b, r, m) in rows.items()]
    reference = next(x["micros"] for x in table if x["engine"].startswith("faiss Flat"))
    print(f"{len(base):,} x {base.shape[1]}, {len(asked)} queries, k = {a.k}, cosine, one thread; {cpu()}\n")
    print(f"{'engine':28} {'recall':>7} {'µs':>9} {'faiss Flat = 1':>15} {'build s':>8} {'bytes/vector':>13}")
    for x in table:
        print(f"{x['engine']:28} {x['recall']:7.4f} {x['micros']:9.1f} {reference / x['micros']:14.1f}× {x['build_s'] or '–':>8} {x['bytes_per_vector'] or '–':>13}")
    if a.json:
        Path(a.json).write_text(json.dumps({"cpu": cpu(), "rows": len(base), "dimension": base.shape[1], "queries": len(asked), "k": a.k, "results": table}, indent=1) + "\n")


if __name__ == "__main__":
    main()
