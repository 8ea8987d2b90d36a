#!/usr/bin/env python3
"""Verifies and searches RVF files of version 2 (draft). Needs Python 3 and numpy.

rvf_reader.py verify FILE
rvf_reader.py query FILE --vector '[1, 2, 3]' [--k 10] [--probes 0] [--slack 2] [--pool 40] [--exact] [--json]
rvf_reader.py query FILE --vectors Q.npy ...
"""

import argparse
import json
import sys

import numpy as np
from rvf_common import Fault
from rvf_file import File
from rvf_kernel import BadData, BadQuery
from rvf_verify import verify


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("verify").add_argument("file")
    query = commands.add_parser("query")
    query.add_argument("file")
    which = query.add_mutually_exclusive_group(required=True)
    which.add_argument("--vector", type=json.loads, help="one query, as JSON")
    which.add_argument("--vectors", help="queries, as .npy")
    query.add_argument("--k", type=int, default=10)
    query.add_argument("--probes", type=int, default=0, help="lists to visit; 0 for all")
    query.add_argument("--slack", type=float, default=2.0)
    query.add_argument("--pool", type=int)
    query.add_argument("--exact", action="store_true")
    query.add_argument("--filter", type=json.loads, help="only these rows, as JSON")
    query.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with open(arguments.file, "rb") as source:
        data = source.read()
    if arguments.command == "verify":
        faults, warnings = verify(data)
        for label, found in (("fault", faults), ("warning", warnings)):
            for _, text in found:
                print(f"{label}: {text}")
        print("damaged" if faults else "sound")
        return 1 if faults else 0
    vectors = [arguments.vector] if arguments.vector is not None else np.load(arguments.vectors)
    try:
        file = File(data)
        for number, vector in enumerate(vectors):
            hits, stats = file.query(
                vector,
                arguments.k,
                arguments.probes,
                arguments.slack,
                arguments.pool,
                arguments.exact,
                arguments.filter,
            )
            answer = [{"row": row, "id": file.id_of(row), "distance": float(d)} for row, d in hits]
            if arguments.json:
                print(json.dumps({"query": number, "hits": answer, "stats": stats}))
            else:
                for hit in answer:
                    print(f"{number}\t{hit['row']}\t{hit['id']}\t{hit['distance']:.9g}")
    except (Fault, BadQuery, BadData) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
