"""Collects what tests/test_operator_contract.py compares: `record_operator_facts.py FOLDER` with MXNet 1.9.1.

FOLDER holds operators.json and python_api.tsv, the facts of the reference. For each operator: names, inputs, attributes
with defaults and choices, signatures, and of a symbol with the required attributes only its arguments, auxiliary states
and outputs, and how many outputs its file counts.
"""

import csv
import json
import os
import sys

import mxnet as mx

HERE = os.path.dirname(os.path.abspath(__file__))


def find(path):
    module = mx
    for part in path.split(".")[1:]:
        module = getattr(module, part)
    return module


def is_subgraph(entry, argument):
    """Whether an argument of an operator is a graph that its nodes hold."""
    return argument["type"] == "Symbol" and entry["name"] in ("_foreach", "_while_loop", "_cond")


def counted_outputs(entry):
    """The outputs of a symbol of the operator, hidden ones included, as its file counts them."""
    symbol = entry.get("symbol")
    names = [name for name in entry["python"] if name.startswith("mxnet.sym.")]
    if symbol is None or not names or ".np" in names[0]:
        return None
    if entry["key_var_num_args"]:
        made = find(names[0])(*[mx.sym.Variable("v%d" % i) for i in range(len(symbol["arguments"]))])
    else:
        made = find(names[0])(**symbol["attributes_set"])
    document = json.loads(made.tojson())
    pointers = document["node_row_ptr"]
    return pointers[-1] - pointers[-2]


if __name__ == "__main__":
    folder = sys.argv[1]
    with open(os.path.join(folder, "python_api.tsv"), newline="") as file:
        signatures = {row["name"]: row["signature"] for row in csv.DictReader(file, delimiter="\t")}
    facts = {}
    with open(os.path.join(folder, "operators.json")) as file:
        operators = json.load(file)["operators"]
    for entry in operators:
        if entry["kind"] == "backward" or entry["name"].startswith(("_np", "_quantize", "_sg_")):
            continue
        try:
            outputs = counted_outputs(entry)
        except Exception as error:  # an operator of which no symbol can be made without more attributes
            print(entry["name"], type(error).__name__, str(error).split("\n")[0][:100])
            outputs = None
        facts[entry["name"]] = {
            "aliases": [n for n in entry["aliases"] if not n.startswith(("_np", "_npx"))],
            "inputs": [i["name"] for i in entry["inputs"] if not is_subgraph(entry, i)],
            "count": entry["key_var_num_args"],
            "attributes": [[a["name"], a["required"], a.get("default")] for a in entry["attributes"]],
            "choices": {a["name"]: a["choices"] for a in entry["attributes"] if a.get("choices")},
            "optional": [a["name"] for a in entry["attributes"] if "or None" in a["type"]],
            "public": entry["kind"] == "public",
            "auxiliary": (entry.get("symbol") or {}).get("auxiliary_states"),
            "outputs": (entry.get("symbol") or {}).get("outputs"),
            "arguments": (entry.get("symbol") or {}).get("arguments"),
            "attributes_set": (entry.get("symbol") or {}).get("attributes_set"),
            "counted_outputs": outputs,
            "signatures": {
                n: signatures[n]
                for n in entry["python"]
                if n in signatures and ".np" not in n and n.startswith(("mxnet.nd.", "mxnet.sym."))
            },
        }
    with open(os.path.join(HERE, "data", "operator_facts.json"), "w") as file:
        file.write("{\n" + ",\n".join(json.dumps(k) + ": " + json.dumps(v) for k, v in sorted(facts.items())) + "\n}\n")
