"""Record what MXNet 1.9.1 computes with sparse arrays: run with its Python, writes data/sparse.json."""

import json
import os
from pathlib import Path

os.environ["MXNET_STORAGE_FALLBACK_LOG_VERBOSE"] = "0"

import mxnet as mx
from sparse_cases import CASES, CSR_PAIRS, facts, namespace

names = namespace(mx)
recorded, refused = {}, []
for case in CASES:
    try:
        recorded[case] = facts(eval(case, dict(names)))
    except mx.MXNetError as error:
        refused.append(f"{case}: {error}")
if refused:
    raise SystemExit("\n".join(refused))
for case in CSR_PAIRS:
    array = eval(case, dict(names))
    recorded[case] = facts(mx.nd.array(array.asnumpy(), dtype=array.dtype))
path = Path(__file__).parent / "data" / "sparse.json"
path.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in recorded.items()) + "\n}\n")
