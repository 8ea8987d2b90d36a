#!/usr/bin/env python3
"""Runs rvf beside other libraries: the same vectors and queries, one thread, one run, and compares them at equal recall.

    python3 benches/peers/run.py DATA [--set wordnet,pca128,…] [--rows N] [--queries 1000] [--rounds 3] [--json OUT]

DATA is a folder with base.*.npy and queries.*.npy, such as samples/wordnet-8k; sets.py says what is made of it. The
peers come from PyPI: a virtual environment is made in target/peers on first use. Times are medians over rounds; every
engine has its turn in each round, so that a slow moment of the machine falls on all of them. The peers get all queries
in one call, so that Python's own time does not count; rvf's time is that of the searches of `rvf bench`.
Recall is counted by distance: a tie with the exact k-th is a hit.
"""
import argparse, json, os, platform, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
V8 = ROOT / "benches/peers/v8.mjs"
PEERS = ["numpy", "faiss-cpu", "usearch", "turbovec", "hnswlib"]
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


# What rvf is asked for: 0.955 beside 0.95 and 0.992 beside 0.99, since a wish may fall short by a little, and the others' times are those at the recall that it had.
WISHES = "0.9,0.95,0.955,0.99,0.992"


def in_environment():
    """Starts this script again with the peers installed and one thread, if it is not so started already."""
    if os.environ.get("RVF_PEERS") == "1":
        return
    python = ROOT / "target/peers/bin/python"
    if not python.exists():
        print("installing the peers from PyPI into target/peers", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", python.parents[1]], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True)
    sys.exit(subprocess.run([python, os.path.abspath(sys.argv[0]), *sys.argv[1:]], env={**os.environ, **ONE_THREAD, "RVF_PEERS": "1"}).returncode)


def cpu():
    """The processor, and the widest of the instruction sets that decide here."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")), platform.processor())
    wide = next((name for name in ("avx512_vpopcntdq", "avx2", "asimd") if name in info), "")
    return f"{model} {wide}".strip()


class Engine:
    """Some settings of one index: each has a name and a function from all queries to their rows."""

    def __init__(self, name, build_s, bytes_per_vector, settings):
        self.name, self.build_s, self.bytes_per_vector, self.settings = name, build_s, bytes_per_vector, settings


def timed(make):
    start = time.perf_counter()
    made = make()
    return made, time.perf_counter() - start


def hnswlib_engine(base, metric, k):
    import hnswlib

    def build():
        index = hnswlib.Index(space={"cosine": "cosine", "l2": "l2"}[metric], dim=base.shape[1])
        index.init_index(len(base), ef_construction=200, M=16)
        index.set_num_threads(1)
        index.add_items(base, num_threads=1)
        return index

    index, build_s = timed(build)

    def search(ef):
        def run(queries):
            index.set_ef(ef)
            return index.knn_query(queries, k, num_threads=1)[0]
        return run

    return Engine("hnswlib f32", build_s, None, [(f"ef {ef}", search(ef)) for ef in (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512) if ef >= k])


def usearch_engine(base, metric, k):
    import numpy as np
    from usearch.index import Index

    def build():
        index = Index(ndim=base.shape[1], metric={"cosine": "cos", "l2": "l2sq"}[metric], dtype="f16", connectivity=16, expansion_add=200)
        index.add(np.arange(len(base)), base, threads=1)
        return index

    index, build_s = timed(build)

    def search(ef):
        def run(queries):
            index.expansion_search = ef
            return np.asarray(index.search(queries, k, threads=1).keys, dtype=np.int64)
        return run

    return Engine("usearch f16", build_s, None, [(f"ef {ef}", search(ef)) for ef in (16, 32, 64, 128, 256, 512)])


def flat_engines(base, metric, k):
    import faiss
    import numpy as np
    import turbovec
    faiss.omp_set_num_threads(1)
    dimension = base.shape[1]
    if metric == "cosine":
        base = base / np.linalg.norm(base, axis=1, keepdims=True)
    one_by_one = lambda search: lambda queries: [search(q) for q in queries]

    def flat():
        index = faiss.IndexFlatL2(dimension)
        index.add(base)
        return index

    index, build_s = timed(flat)
    # One query a call: many at once are a matrix product, which is another task.
    yield Engine("faiss Flat f32", build_s, 4 * dimension, [("exact", one_by_one(lambda q: index.search(q[None], k)[1][0]))])
    if metric == "cosine":
        def turbo():
            index = turbovec.TurboQuantIndex(dim=dimension, bit_width=4)
            index.calibrate(base[:10000])
            index.add(base)
            index.prepare()
            return index

        coded, build_s = timed(turbo)
        yield Engine("turbovec 4 bits", build_s, dimension / 2, [("flat", one_by_one(lambda q: coded.search(q[None], k=k)[1][0]))])


class Rvf:
    """The command line: it is what a user has. `rvf bench` times each search; where the JavaScript library is built, V8 runs the code in the file."""

    def __init__(self, program, folder, base, queries, nearest, metric, more):
        import numpy as np
        np.save(folder / "base.npy", base)
        np.save(folder / "queries.npy", queries)
        np.save(folder / "truth.npy", nearest.astype("i4"))
        self.program, self.folder, self.file, self.count, self.k, self.more = program, folder, folder / "bench.rvf", len(queries), nearest.shape[1], more
        _, self.build_s = timed(lambda: self.run("pack", folder / "base.npy", "-o", self.file, "--metric", metric, "--threads", "1", "--quiet"))
        self.bytes_per_vector = self.file.stat().st_size / len(base)

    def run(self, *args):
        return subprocess.run([self.program, *map(str, args)], check=True, capture_output=True, text=True).stdout

    def round(self):
        """(setting, recall, microseconds, fuel) of each effort on each engine."""
        report = json.loads(self.run("bench", self.file, "--vectors", self.folder / "queries.npy", "--truth", self.folder / "truth.npy", "-k", self.k,
                                     "--queries", self.count, "--rounds", 1, "--recall", WISHES, "--engine", "auto" if self.more else "native", "--json"))
        for effort in report["efforts"]:
            for engine in effort["engines"]:
                if self.more or engine["engine"] != "native scalar" and effort["effort"] != "exact":
                    yield f"{engine['engine']}, {effort['effort']}", effort["recall"], engine["mean_micros"], engine.get("fuel_per_query") or engine.get("fuel")
        if self.more and V8.parent.exists() and (ROOT / "pwa-loader/lib/dist").exists():
            lines = subprocess.run(["node", V8, self.file, self.folder / "queries.npy", str(self.k), WISHES], check=True, capture_output=True, text=True).stdout
            for line in map(json.loads, lines.splitlines()):
                # An effort goes by the highest wish that it answers.
                named = {e["effort"]: e["recall"] for e in report["efforts"]}
                answers = [f"recall {wish}" for wish in WISHES.split(",") if float(wish) >= line["recall"]] + ["ceiling"]
                recall = next(named[name] for name in answers if name in named)
                yield f"V8 {line['engine']}, recall {line['recall']}", recall, line["micros"], None


def at_recall(curve, wanted):
    """The microseconds at a recall, between the two settings around it, in the logarithm of the misses; None outside."""
    import math
    points = sorted((recall, micros) for recall, micros in curve)
    misses = lambda recall: math.log(max(1 - recall, 1e-6))
    for (r0, t0), (r1, t1) in zip(points, points[1:]):
        if r0 <= wanted <= r1 and r1 > r0:
            share = (misses(wanted) - misses(r0)) / (misses(r1) - misses(r0))
            return math.exp(math.log(t0) + share * (math.log(t1) - math.log(t0)))
    return None


def compare(name, args):
    import numpy as np
    import sets
    rng = np.random.default_rng(args.seed)
    base, queries, metric = sets.SETS[name](args.data, rng, args.rows)
    queries = queries[: args.queries]
    recall, nearest = sets.exact(base, queries, metric, args.k)
    with tempfile.TemporaryDirectory() as folder:
        rvf = Rvf(args.rvf, Path(folder), base, queries, nearest, metric, args.more)
        peers = [hnswlib_engine(base, metric, args.k), usearch_engine(base, metric, args.k)]
        if args.more:
            peers += flat_engines(base, metric, args.k)
        rows, fuels = {}, {}
        for _ in range(args.rounds):
            for setting, found, micros, fuel in rvf.round():
                rows.setdefault(("rvf", setting), (found, []))[1].append(micros)
                fuels["rvf", setting] = fuel
            for peer in peers:
                for setting, search in peer.settings:
                    found, seconds = timed(lambda: search(queries))
                    rows.setdefault((peer.name, setting), (recall(found), []))[1].append(seconds * 1e6 / len(queries))
    built = {peer.name: (peer.build_s, peer.bytes_per_vector) for peer in peers} | {"rvf": (rvf.build_s, rvf.bytes_per_vector)}
    print(f"\n{name}: {len(base):,} x {base.shape[1]}, {metric}, {len(queries)} queries, k = {args.k}, one thread; {cpu()}")
    for engine, (seconds, size) in built.items():
        print(f"  {engine:16} built in {seconds:8.2f} s ({seconds / rvf.build_s:5.1f}× rvf){f', {size:,.0f} bytes a vector' if size else ''}")
    print(f"  {'engine':16} {'setting':28} {'recall':>7} {'µs':>9}")
    results = []
    for (engine, setting), (found, micros) in rows.items():
        fuel = fuels.get((engine, setting))
        results.append({"engine": engine, "setting": setting, "recall": round(found, 4), "micros": round(float(np.median(micros)), 2)} | ({"fuel": round(fuel)} if fuel else {}))
        print(f"  {engine:16} {setting:28} {found:7.4f} {np.median(micros):9.1f}{f'  fuel {fuel:,.0f}' if fuel else ''}")
    ratios = []
    for row in (row for row in results if row["engine"] == "rvf" and "exact" not in row["setting"]):
        for peer in peers[:2]:
            micros = at_recall([(r["recall"], r["micros"]) for r in results if r["engine"] == peer.name], row["recall"])
            ratios.append({"rvf": row["setting"], "recall": row["recall"], "peer": peer.name, "ratio": micros and round(micros / row["micros"], 2)})
    print("  times of the graphs at the recall that rvf had, rvf = 1")
    for x in ratios:
        ratio = f"{x['ratio']:.2f}×" if x["ratio"] else "not measured at this recall"
        print(f"  rvf {x['rvf']:28} {x['recall']:.4f}   {x['peer']:12} {ratio}")
    return {"set": name, "rows": len(base), "dimension": base.shape[1], "metric": metric, "queries": len(queries), "k": args.k,
            "built": {engine: {"seconds": round(s, 2), "bytes_per_vector": size and round(size, 1)} for engine, (s, size) in built.items()},
            "results": results, "ratios": ratios}


def main():
    in_environment()
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data")
    p.add_argument("--set", default="wordnet")
    p.add_argument("--rows", type=int, default=50_000)
    p.add_argument("--rvf", default=str(ROOT / "target/release/rvf"))
    p.add_argument("--queries", type=int, default=1000)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("-k", type=int, default=10)
    p.add_argument("--more", action="store_true", help="flat engines too, exact search, and the code in the file under wasmi and, where pwa-loader/lib is built, in V8")
    p.add_argument("--json")
    args = p.parse_args()
    compared = [compare(name, args) for name in args.set.split(",")]
    if args.json:
        Path(args.json).write_text(json.dumps({"cpu": cpu(), "sets": compared}, indent=1) + "\n")


if __name__ == "__main__":
    main()
