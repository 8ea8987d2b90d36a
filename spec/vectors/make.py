#!/usr/bin/env python3
"""Makes the test vectors: valid/*.rvf, invalid/*.rvf and vectors.json. See README.md.

    python3 make.py

Running it twice gives the same bytes. Needs numpy. The prebuilt kernels are put into the files
where the tree has them; else tiny modules stand in for them.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "reference"))

from rvf_file import File

import damage
import list_samples
import samples


def line(value):
    return json.dumps(value, ensure_ascii=True)


def valid_cases():
    for name, data, warnings, queries in [*samples.files(), *list_samples.files()]:
        file = File(data)
        vectors = []
        asked = list(samples.with_shared_vectors([samples.answer(file, query) for query in queries], vectors))
        bad = samples.bad_queries(file) if name in samples.WITH_BAD_QUERIES else []
        bad = list(samples.with_shared_vectors(bad, vectors))
        facts = {
            "rows": file.rows,
            "dimension": file.dim,
            "metric": ("l2", "ip", "cosine")[file.metric],
            "vectors": ("i8", "f16", "f32")[file.vectors],
            "ids": ("none", "u64", "utf8")[file.id_kind],
            "generation": file.generation,
            "committed": file.committed,
            "manifest_hash": file.manifest_hash.hex(),
            "segments": [[s.id, s.type, s.offset, s.length] for s in file.segments],
            "properties": file.properties,
            "lists": [[entry.own, entry.second] for entry in file.index().directory],
        }
        yield (
            {
                "file": f"valid/{name}.rvf",
                "bytes": len(data),
                "warnings": warnings,
                "facts": facts,
                "ids": [str(file.id_of(row)) for row in range(file.rows)] if file.id_kind else [],
                "wishes": [samples.wish(file, recall, k) for recall, k in samples.WISHES]
                if file.efforts
                else [],
                "vectors": vectors,
                "queries": asked,
                "bad_queries": bad,
            },
            data,
        )


def invalid_cases():
    for rule, what, at, data, text in damage.files():
        case = {
            "file": f"invalid/{rule}-{what}.rvf",
            "rule": rule,
            "at": at,
            "bytes": len(data),
            "what": text,
        }
        yield case, data


def case_text(case):
    """One case as JSON with a line for each query."""
    rows = []
    for key, value in case.items():
        if key in ("queries", "bad_queries", "wishes", "vectors") and value:
            inner = ",\n".join("    " + line(item) for item in value)
            rows.append(f"   {line(key)}: [\n{inner}\n   ]")
        else:
            rows.append(f"   {line(key)}: {line(value)}")
    return "  {\n" + ",\n".join(rows) + "\n  }"


def main():
    texts = {}
    for group, cases in (("valid", valid_cases()), ("invalid", invalid_cases())):
        folder = HERE / group
        folder.mkdir(exist_ok=True)
        made = set()
        texts[group] = []
        for case, data in cases:
            path = HERE / case["file"]
            assert path not in made, path
            path.write_bytes(data)
            made.add(path)
            texts[group].append(case_text(case))
        for stale in set(folder.glob("*.rvf")) - made:
            stale.unlink()
        print(f"{len(made)} {group} files, {sum(p.stat().st_size for p in made)} bytes")
    body = ",\n".join(f' "{group}": [\n' + ",\n".join(cases) + "\n ]" for group, cases in texts.items())
    head = {"format": "rvf test vectors", "version": "2 draft", "invalid_query": damage.query()}
    text = "{\n" + "".join(f" {line(k)}: {line(v)},\n" for k, v in head.items()) + body + "\n}\n"
    json.loads(text)
    (HERE / "vectors.json").write_text(text)


if __name__ == "__main__":
    main()
