"""How well the recorded cases cover the public operators of MXNet 1.9.1: ``python tests/oracle/coverage.py FOLDER``.

FOLDER holds operators.json, the facts of the reference. For each public operator: the number of cases, and what is
missing among them:

    attributes   never given a value other than the default (``name``), or choices of an enumeration never made
                 (``name=choice``)
    dtypes       among those of DTYPES, not used by any input
    edges        of EDGES, met by no input: an axis of size 0 or 1, special values, ...
    bad          no case that raises

``--names`` followed by names limits the table to these operators; ``--summary`` prints the totals only. It needs
neither package.
"""

import argparse
import json
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from operator_cases import Recording, families, load_family

HERE = os.path.dirname(os.path.abspath(__file__))
DTYPES = ("float32", "float64", "float16", "int32", "int64", "uint8", "int8")
EDGES = ("empty", "axis 1", "nan", "inf", "large", "tiny")


def numbers(data):
    """All numbers in nested lists."""
    return [x for item in data for x in numbers(item)] if isinstance(data, (list, tuple)) else [data]


def edges_of(item):
    """Which edge cases an input is."""
    found = {"empty": 0 in item.shape, "axis 1": 1 in item.shape}
    if item.kind == "values":
        data = [float(x) for x in numbers(item.parameters)]
        finite = [abs(x) for x in data if math.isfinite(x)]
        found["nan"] = any(map(math.isnan, data))
        found["inf"] = any(map(math.isinf, data))
        found["large"] = any(x > 80 for x in finite)
        found["tiny"] = any(0 < x < 1e-6 for x in finite)
    elif item.kind == "mixed":
        numbers_in = item.parameters[2]
        found["nan"] = any(x != x for x in numbers_in)
        found["inf"] = any(math.isinf(x) for x in numbers_in)
        found["large"] = any(80 < abs(x) < math.inf for x in numbers_in)
        found["tiny"] = any(0 < abs(x) < 1e-6 for x in numbers_in)
    elif item.kind in ("uniform", "integers"):
        found["large"] = max(map(abs, item.parameters)) > 80
        found["tiny"] = 0 < max(map(abs, item.parameters)) < 1e-6
    return {name for name, met in found.items() if met}


def same(given, default):
    """Whether an attribute has its default value."""
    if isinstance(default, (list, tuple)):
        given, default = tuple(given) if isinstance(given, (list, tuple)) else (given,), tuple(default)
    return given == default or str(given) == str(default) or (given in ((), None) and default in ((), None))


class Covered:
    """What the cases of one operator cover."""

    def __init__(self):
        self.cases, self.bad = 0, 0
        self.given = {}  # attribute -> values
        self.dtypes, self.edges = set(), set()

    def add(self, attrs, raises, inputs=(), dtypes=()):
        self.cases += 1
        if raises:
            self.bad += 1
            return
        for name, value in attrs.items():
            self.given.setdefault(name, []).append(value)
        self.dtypes.update(dtypes, (item.dtype for item in inputs))
        for item in inputs:
            self.edges |= edges_of(item)

    def missing(self, entry):
        """{kind of gap: names}."""
        attributes = []
        for attribute in entry["attributes"]:
            name, default = attribute["name"], attribute.get("default")
            if name in (entry["key_var_num_args"], "cudnn_tune", "cudnn_off", "workspace", "ctx", "name"):
                continue
            values = self.given.get(name, [])
            choices = [c for c in attribute.get("choices") or () if not same(c, default)]
            if choices:
                attributes += [f"{name}={c}" for c in choices if not any(same(value, c) for value in values)]
            elif not [value for value in values if attribute["required"] or not same(value, default)]:
                attributes.append(name)
        made = not entry["inputs"]
        return {
            "attributes": attributes,
            "dtypes": [] if made else [d for d in DTYPES if d not in self.dtypes],
            "edges": [] if made else [edge for edge in EDGES if edge not in self.edges],
            "bad": [] if self.bad else ["bad"],
        }


def collect(operators):
    """{operator: Covered} from all tables of cases."""
    names = {}
    for entry in operators:
        for python in entry["python"]:
            if python.startswith("mxnet.nd."):
                names[python[len("mxnet.nd."):]] = entry["name"]
    covered = {entry["name"]: Covered() for entry in operators}
    unknown = set()
    for family in families():
        records = None
        for item in load_family(family).values():
            raises = item.raises
            if raises == "recorded":
                records = records or Recording.load(family).records
                raises = "raises" in records[item.id]
            if item.op in names:
                covered[names[item.op]].add(item.attrs, raises, item.inputs)
            else:
                unknown.add(item.op)
    with open(os.path.join(HERE, "data", "optimizer_ops.json")) as file:
        for record in json.load(file):
            if record["op"] in names:
                covered[names[record["op"]]].add(record["attributes"], False, dtypes=(record["dtype"],))
    return covered, unknown


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--names", nargs="*")
    parser.add_argument("--summary", action="store_true")
    options = parser.parse_args()
    with open(os.path.join(options.folder, "operators.json")) as file:
        operators = [entry for entry in json.load(file)["operators"] if entry["kind"] == "public"]
    operators = [entry for entry in operators if not entry["name"].startswith(("_np_", "_npx_"))]  # of mx.np
    covered, _ = collect(operators)
    totals = dict.fromkeys(("attributes", "dtypes", "edges", "bad"), 0)
    without = 0
    for entry in operators:
        found = covered[entry["name"]]
        gaps = found.missing(entry)
        without += not found.cases
        for kind, names in gaps.items():
            totals[kind] += bool(names)
        if not options.summary and (not options.names or entry["name"] in options.names):
            text = "; ".join(f"{kind}: {' '.join(names)}" for kind, names in gaps.items() if names)
            print(f"{entry['name']:45} {found.cases:4}  {text}")
    print(f"{len(operators)} operators, {sum(c.cases for c in covered.values())} cases; without any case: {without}; "
          "with gaps in " + ", ".join(f"{kind}: {count}" for kind, count in totals.items()))  # fmt: skip


if __name__ == "__main__":
    main()
