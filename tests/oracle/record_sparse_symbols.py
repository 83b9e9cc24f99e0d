"""Record how MXNet 1.9.1 binds symbols of sparse variables: run with its Python, writes data/sparse_symbols.json.

Each case runs in a process of its own, for some end it; what MXNet refuses is recorded as such.
"""

import json
import os
from pathlib import Path

os.environ["MXNET_STORAGE_FALLBACK_LOG_VERBOSE"] = "0"
os.environ["MXNET_SUBGRAPH_VERBOSE"] = "0"

import mxnet as mx
from sparse_symbol_cases import CASES, namespace, run


def apart(case):
    """What a case gives, from a process of its own; a text where it fails."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            result = run(mx, case, namespace(mx))
        except Exception as error:
            result = f"refused: {str(error).splitlines()[-1].split('] ')[-1][:200]}"
        with os.fdopen(writer, "w") as pipe:
            pipe.write(json.dumps(result))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else "refused: the process ends"


recorded = {case: apart(case) for case in CASES}
path = Path(__file__).parent / "data" / "sparse_symbols.json"
path.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in recorded.items()) + "\n}\n")
