#!/usr/bin/env python3
"""Packs and searches the mixture of sets.py at growing sizes, rvf beside hnswlib, and says what ten million rows would take.

    python3 benches/peers/scale.py DATA [--rows 100000,316000,1000000] [--queries 1000] [--json OUT]

Building takes all cores, for both; searching takes one thread. The peak memory of packing is the process's VmHWM, looked at
every 20 ms (what is mapped from the input counts while it is resident). The first query is a whole process, `rvf query`: once
without the file in the page cache, and the best of five with it. hnswlib: M 16, efConstruction 200, float32. A figure for ten million
rows is a power law through the sizes that were measured: an estimate, and printed as such.
"""
import argparse, json, math, os, subprocess, sys, tempfile, time
from pathlib import Path

import run
import sets


def watched(*args):
    """Seconds, and the most memory in bytes, of a process that must succeed. (`ru_maxrss` won't do: it starts with the parent's.)"""
    free = {name: value for name, value in os.environ.items() if name not in run.ONE_THREAD}
    start = time.perf_counter()
    process = subprocess.Popen(list(map(str, args)), stdout=subprocess.DEVNULL, env=free)
    most = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            most = max(most, *(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)
        except OSError:
            pass
        # A process of a few milliseconds is not made longer by this.
        time.sleep(0.02 if time.perf_counter() - start > 0.1 else 0.0005)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, args)
    return time.perf_counter() - start, most


def forget(file):
    """Takes a file out of the page cache."""
    handle = os.open(file, os.O_RDONLY)
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def first_query(program, file, query):
    command = [program, "query", file, "--vectors", query, "-k", 10, "--json"]
    return watched(*command)[0]


def measure(rows, args):
    import hnswlib
    import numpy as np
    rng = np.random.default_rng(args.seed)
    base, queries, metric = sets.mixture(args.data, rng, rows)
    queries = queries[: args.queries]
    recall, nearest = sets.exact(base, queries, metric, 10)
    out = {"rows": rows, "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        folder = Path(folder)
        np.save(folder / "base.npy", base)
        np.save(folder / "queries.npy", queries)
        np.save(folder / "one.npy", queries[:1])
        np.save(folder / "truth.npy", nearest.astype("i4"))
        file = folder / "bench.rvf"
        # Nothing of the input's writing is left to do while it is read.
        os.sync()
        seconds, memory = watched(args.rvf, "pack", folder / "base.npy", "-o", file, "--metric", metric, "--quiet")
        out["rvf"] = {"pack_s": round(seconds, 2), "pack_peak_bytes": memory, "input_bytes": base.nbytes, "bytes_per_vector": round(file.stat().st_size / rows, 1)}
        forget(file)
        out["rvf"]["first_query_cold_ms"] = round(first_query(args.rvf, file, folder / "one.npy") * 1e3, 2)
        out["rvf"]["first_query_warm_ms"] = round(min(first_query(args.rvf, file, folder / "one.npy") for _ in range(5)) * 1e3, 2)

        index = hnswlib.Index(space=metric, dim=base.shape[1])
        index.init_index(rows, ef_construction=200, M=16)
        _, seconds = run.timed(lambda: index.add_items(base, num_threads=os.cpu_count()))
        out["hnswlib"] = {"build_s": round(seconds, 2), "ratio_build": round(seconds / out["rvf"]["pack_s"], 2)}
        del base

        rounds = {}
        for _ in range(args.rounds):
            report = json.loads(subprocess.run(
                [args.rvf, "bench", file, "--vectors", folder / "queries.npy", "--truth", folder / "truth.npy", "-k", "10", "--queries", str(len(queries)),
                 "--rounds", "1", "--engine", "native", "--json"], check=True, capture_output=True, text=True).stdout)
            for effort in report["efforts"]:
                for engine in effort["engines"]:
                    if engine["engine"] != "native scalar" and effort["effort"] != "exact":
                        rounds.setdefault(("rvf", effort["effort"]), (effort["recall"], []))[1].append(engine["mean_micros"])
            for ef in (16, 24, 32, 48, 64, 96, 128, 192, 256, 384):
                index.set_ef(ef)
                found, seconds = run.timed(lambda: index.knn_query(queries, 10, num_threads=1)[0])
                rounds.setdefault(("hnswlib", f"ef {ef}"), (recall(found), []))[1].append(seconds * 1e6 / len(queries))
    out["results"] = [{"engine": engine, "setting": setting, "recall": round(found, 4), "micros": round(float(np.median(micros)), 2)} for (engine, setting), (found, micros) in rounds.items()]
    for engine in ("rvf", "hnswlib"):
        curve = [(r["recall"], r["micros"]) for r in out["results"] if r["engine"] == engine]
        micros = run.at_recall(curve, 0.95)
        out[engine]["micros_at_95"] = micros and round(micros, 1)
    if out["rvf"]["micros_at_95"] and out["hnswlib"]["micros_at_95"]:
        out["hnswlib"]["ratio_at_95"] = round(out["hnswlib"]["micros_at_95"] / out["rvf"]["micros_at_95"], 2)
    return out


def power_law(points, x):
    """What a power law through the points (by least squares of the logarithms) gives at x."""
    logs = [(math.log(a), math.log(b)) for a, b in points]
    mean_a, mean_b = (sum(values) / len(logs) for values in zip(*logs))
    slope = sum((a - mean_a) * (b - mean_b) for a, b in logs) / sum((a - mean_a) ** 2 for a, _ in logs)
    return math.exp(mean_b + slope * (math.log(x) - mean_a)), slope


def main():
    run.in_environment()
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("data")
    p.add_argument("--rows", default="100000,316000,1000000")
    p.add_argument("--rvf", default=str(run.ROOT / "target/release/rvf"))
    p.add_argument("--queries", type=int, default=1000)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--folder", help="where the data are written, 2 GB for a million rows")
    p.add_argument("--json")
    args = p.parse_args()
    sizes = []
    for rows in map(int, args.rows.split(",")):
        size = measure(rows, args)
        sizes.append(size)
        rvf, hnswlib = size["rvf"], size["hnswlib"]
        print(f"\n{rows:,} rows of the mixture, {size['cores']} cores; {run.cpu()}")
        print(f"  rvf pack {rvf['pack_s']:.1f} s, peak {rvf['pack_peak_bytes'] / 1e6:,.0f} MB of {rvf['input_bytes'] / 1e6:,.0f} MB input, {rvf['bytes_per_vector']} bytes a vector; "
              f"hnswlib {hnswlib['build_s']:.1f} s, {hnswlib['ratio_build']}×")
        print(f"  first query, a whole process: {rvf['first_query_cold_ms']} ms cold, {rvf['first_query_warm_ms']} ms warm")
        for r in size["results"]:
            print(f"  {r['engine']:8} {r['setting']:16} {r['recall']:.4f} {r['micros']:9.1f} µs")
        print(f"  at recall 0.95: rvf {rvf['micros_at_95']} µs, hnswlib {hnswlib['micros_at_95']} µs, ratio {hnswlib.get('ratio_at_95')}", flush=True)
    estimates = {}
    if len(sizes) > 2:
        for name, of in {"rvf pack s": ("rvf", "pack_s"), "hnswlib build s": ("hnswlib", "build_s"), "rvf µs at 0.95": ("rvf", "micros_at_95"), "hnswlib µs at 0.95": ("hnswlib", "micros_at_95")}.items():
            points = [(size["rows"], size[of[0]][of[1]]) for size in sizes if size[of[0]][of[1]]]
            if len(points) > 2:
                value, slope = power_law(points, 10_000_000)
                estimates[name] = {"estimate": round(value, 1), "exponent": round(slope, 3)}
                print(f"10,000,000 rows, estimated: {name} {value:,.0f} (grows with rows^{slope:.2f})")
    if args.json:
        Path(args.json).write_text(json.dumps({"cpu": run.cpu(), "sizes": sizes, "estimates_for_10_million": estimates}, indent=1) + "\n")


if __name__ == "__main__":
    main()
