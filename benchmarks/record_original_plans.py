"""Record how much memory MXNet 1.9.1 plans for each network: ``.oracle/bin/python -m benchmarks.record_original_plans``

Writes original_plans.json, next to this file: for each network its batch, the SHA-256 of its JSON, and four numbers of
MiB, "training" and "forward", each "unshared" (NNVM_EXEC_MATCH_RANGE=0) and "planned" (the default). Training binds
with grad_req="write" for all arguments, forward with "null". Names given as arguments record only those networks anew.

Each number is the original's own, the line "Total ... MB allocated" of Executor.debug_str(), whole MiB rounded down. It
counts the storage of all results: outputs, gradients of results, the parts from which a gradient is added up, and what
an operator keeps for backward. It doesn't count arguments, auxiliary states, the arrays bound to take the gradients of
arguments, nor workspaces ("TempSpace"). Without sharing, operators still work in place. For forward passes the original
fuses nodes (its MKLDNN subgraphs, active unless MXNET_SUBGRAPH_BACKEND=NONE); that is left as it is by default.

Binding allocates, but the operating system gives pages only when they are written to, so this needs memory for the
arguments and their gradients alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import mxnet as mx

from .networks import NETWORKS

PLANS = Path(__file__).with_name("original_plans.json")
GRAD_REQ = {"training": "write", "forward": "null"}
SHARING = {"unshared": {"NNVM_EXEC_MATCH_RANGE": "0"}, "planned": {}}
SETTINGS = ("NNVM_EXEC_MATCH_RANGE", "MXNET_SUBGRAPH_BACKEND", "MXNET_BACKWARD_DO_MIRROR", "MXNET_EXEC_ENABLE_INPLACE")


def bound_megabytes(name, grad_req):
    """What the executor of a network says in this process."""
    batch, build, shapes = NETWORKS[name]
    symbol = mx.sym.load_json(build().tojson())
    executor = symbol.simple_bind(mx.cpu(), grad_req=grad_req, **shapes(batch))
    return int(re.search(r"^Total (\d+) MB allocated$", executor.debug_str(), re.MULTILINE).group(1))


def megabytes(name, grad_req, environment):
    """The same in a process of its own, with these variables in its environment."""
    inherited = {key: value for key, value in os.environ.items() if key not in SETTINGS}
    command = [sys.executable, "-m", __spec__.name, "--bind", name, grad_req]
    return int(subprocess.run(command, env={**inherited, **environment}, stdout=subprocess.PIPE, check=True).stdout)


def record(name):
    """The entry of a network."""
    batch, build, _ = NETWORKS[name]
    entry = {"batch": batch, "json_sha256": hashlib.sha256(build().tojson().encode()).hexdigest()}
    for kind, grad_req in GRAD_REQ.items():
        entry[kind] = {sharing: megabytes(name, grad_req, extra) for sharing, extra in SHARING.items()}
    return entry


def main():
    """Record the networks named on the command line, or all."""
    plans = json.loads(PLANS.read_text())["networks"] if PLANS.exists() else {}
    for name in sys.argv[1:] or NETWORKS:
        plans[name] = record(name)
        print(name, plans[name], flush=True)
    plans = {name: plans[name] for name in NETWORKS if name in plans}
    PLANS.write_text(json.dumps({"mxnet": mx.__version__, "unit": "MiB", "networks": plans}, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bind"]:
        print(bound_megabytes(*sys.argv[2:]))
    else:
        main()
