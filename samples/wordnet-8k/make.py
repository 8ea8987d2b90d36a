#!/usr/bin/env python3
"""Makes the files of this folder from the 50,000-row set they are a part of.

    python3 make.py DATA_FOLDER [OUT_FOLDER]

DATA_FOLDER holds docs.jsonl (one WordNet 3.0 definition a line) and base.f16.npy (the embedding of each).
OUT_FOLDER is the folder of this script unless said. Needs numpy. The same input gives the same bytes.
"""

import collections
import hashlib
import json
import pathlib
import re
import sys

import numpy as np

ROWS = 8192
QUERIES = 200
TRUTH_K = 100
SENSES_PER_WORD = 2
POS = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}


def choose(docs):
    """The rows that are kept, most common words first.

    A definition counts when its first word is a short plain word. How common a word is: how often it stands in
    the definitions and examples themselves. Of one word (and part of speech) at most two senses are kept, those
    with an example sentence first.
    """
    frequency = collections.Counter()
    for doc in docs:
        for text in [doc["text"], *doc["examples"]]:
            frequency.update(re.findall(r"[a-z]+", text.lower()))

    plain = re.compile(r"[a-z]{3,10}")
    candidates = [i for i, doc in enumerate(docs) if plain.fullmatch(doc["words"][0])]
    candidates.sort(key=lambda i: (-frequency[docs[i]["words"][0]], not docs[i]["examples"], i))

    senses = collections.Counter()
    chosen = []
    for i in candidates:
        word = (docs[i]["words"][0], docs[i]["pos"])
        if senses[word] < SENSES_PER_WORD:
            senses[word] += 1
            chosen.append(i)
    return chosen[: ROWS + QUERIES]


def name_of(doc):
    return doc["words"][0].replace(" ", "_") + "." + POS[doc["pos"]]


def split(docs, chosen):
    """Rows and queries, each in the order of the source.

    A query's name must not be the name of a row too, so queries are drawn from the words that are chosen once,
    by a hash that has nothing to do with what they mean.
    """
    count = collections.Counter(name_of(docs[i]) for i in chosen)
    single = [i for i in chosen if count[name_of(docs[i])] == 1]
    single.sort(key=lambda i: hashlib.sha256(docs[i]["id"].encode()).digest())
    queries = set(single[:QUERIES])
    return [i for i in sorted(chosen) if i not in queries], sorted(queries)


def names(docs, rows):
    """Readable, unique names: `ocean.n`, and `ocean.n.2` for the second row of that name."""
    seen = collections.Counter()
    out = []
    for i in rows:
        name = name_of(docs[i])
        seen[name] += 1
        out.append(name if seen[name] == 1 else f"{name}.{seen[name]}")
    assert len(set(out)) == len(out)
    return out


def truth(base, queries):
    """The exact cosine top 100 over the int8 values as stored, best first, ties by row."""
    b = base.astype(np.float64)
    q = queries.astype(np.float64)
    # Products and norms of int8 vectors are whole numbers far below 2^53, so a float64 dot product is exact in
    # any order of summation; only the square roots and the division round.
    cosine = (q @ b.T) / (np.linalg.norm(q, axis=1)[:, None] * np.linalg.norm(b, axis=1)[None, :])
    return np.argsort(-cosine, axis=1, kind="stable")[:, :TRUTH_K].astype(np.int32)


def main(data, out):
    docs = [json.loads(line) for line in (data / "docs.jsonl").open(encoding="utf-8")]
    vectors = np.load(data / "base.f16.npy")
    assert len(docs) == len(vectors)

    rows, queries = split(docs, choose(docs))
    assert len(rows) == ROWS and len(queries) == QUERIES

    both = vectors[rows + queries].astype(np.float64)
    # One scale for the whole set: cosine does not see it.
    coded = np.rint(127.0 * both / np.abs(both).max()).astype(np.int8)
    base, asked = coded[:ROWS], coded[ROWS:]

    np.save(out / "base.i8.npy", base)
    np.save(out / "queries.i8.npy", asked)
    np.save(out / "truth.i32.npy", truth(base, asked))
    for file, lines in (("ids.txt", names(docs, rows)), ("queries.txt", names(docs, queries))):
        (out / file).write_bytes("".join(line + "\n" for line in lines).encode())


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    here = pathlib.Path(__file__).resolve().parent
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else here)
