"""Record how MXNet 1.9.1 trains with sparse arrays: run with its Python, writes data/sparse_training.json."""

import json
import os
from pathlib import Path

os.environ["MXNET_STORAGE_FALLBACK_LOG_VERBOSE"] = "0"
os.environ["MXNET_SUBGRAPH_VERBOSE"] = "0"

import mxnet as mx
from sparse_training_cases import all_cases

mx.io.MXDataIter.__del__ = lambda self: None  # freeing a LibSVMIter may end the process
recorded = {}
for name, case in all_cases(mx).items():
    try:
        recorded[name] = case()
    except Exception as error:
        recorded[name] = f"refused: {type(error).__name__}: {str(error).splitlines()[-1].split('] ')[-1][:200]}"
path = Path(__file__).parent / "data" / "sparse_training.json"
path.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in recorded.items()) + "\n}\n")
