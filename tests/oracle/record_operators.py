"""Record the operator cases with MXNet 1.9.1: run with its interpreter, all families or those named as arguments.

Writes data/operators_<family>.npz; see operator_cases.py. Each family has a process of its own, for MXNet may
bring it down; those in WITHOUT_MKLDNN are recorded without its accelerated CPU kernels, which refuse or get wrong what
the plain ones do.
"""

import os
import subprocess
import sys

os.environ["MXNET_ENGINE_TYPE"] = "NaiveEngine"  # an error is raised by the call that caused it

import mxnet as mx
import numpy as np
from operator_cases import Recording, data_path, families, head_gradient, load_family


def dtype_name(array):
    dtype = np.dtype(array.dtype)
    return "bfloat16" if dtype.names else dtype.name


def to_numpy(array):
    return (array.astype("float32") if np.dtype(array.dtype).names else array).asnumpy()


def to_mxnet(data, dtype):
    array = mx.nd.array(data, dtype=data.dtype)
    return mx.nd.cast(array, dtype="bfloat16") if dtype == "bfloat16" else array


def find(name):
    place = mx.nd
    for part in name.split("."):
        place = getattr(place, part)
    return place


def run(case):
    """(outputs, gradients by position, changed inputs by position) as NDArrays."""
    before = case.arrays()
    arrays = [to_mxnet(data, item.dtype) for data, item in zip(before, case.inputs)]
    for position in case.grad:
        arrays[position].attach_grad()
    if case.grad:
        with mx.autograd.record(train_mode=case.training):
            outputs = case.call(find(case.op), arrays)
        heads = [to_mxnet(head_gradient(i, out.shape, dtype_name(out)), dtype_name(out))
                 for i, out in enumerate(outputs)]  # fmt: skip
        mx.autograd.backward(outputs, heads, train_mode=case.training)
    else:
        with mx.autograd.train_mode() if case.training else mx.autograd.predict_mode():
            outputs = case.call(find(case.op), arrays)
    mx.nd.waitall()
    grads = {i: arrays[i].grad for i in case.grad}
    changed = {i: array for i, (array, data) in enumerate(zip(arrays, before))
               if not np.array_equal(to_numpy(array), data, equal_nan=data.dtype.kind == "f")}  # fmt: skip
    for array in [*outputs, *grads.values()]:
        array.wait_to_read()
    return outputs, grads, changed


def record(family):
    recording, failures = Recording(), []
    for case in load_family(family).values():
        result = {"digest": case.digest}
        recording.records[case.id] = result
        if not case.record:
            continue
        try:
            with mx.util.np_shape(case.is_empty):
                outputs, grads, changed = run(case)
        except Exception as error:
            result["raises"] = type(error).__name__
            if not case.raises and case.expected is None:
                failures.append(f"{case.id} raised {type(error).__name__}: {str(error).strip().splitlines()[-1]}")
            continue
        if case.raises is True:
            failures.append(f"{case.id} raised nothing, gave {[to_numpy(out).tolist() for out in outputs]}")
        result["outputs"] = [recording.add_array(dtype_name(out), to_numpy(out)) for out in outputs]
        result["grads"] = {i: recording.add_array(dtype_name(grad), to_numpy(grad)) for i, grad in grads.items()}
        result["changed"] = {i: recording.add_array(dtype_name(a), to_numpy(a)) for i, a in changed.items()}
    recording.save(family)
    print(f"{family}: {len(recording.records)} cases, {os.path.getsize(data_path(family)) / 1e3:.1f} kB", flush=True)
    return failures


#: how the names of families begin that are recorded without MKLDNN
WITHOUT_MKLDNN = ("deconvolution_target", "edges_", "pooling")

if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--here":
        problems = record(sys.argv[2])
        if problems:
            sys.exit("These cases don't do in the oracle what they say:\n  " + "\n  ".join(problems))
    else:
        failed = []
        for name in sys.argv[1:] or families():
            variables = dict(os.environ, MXNET_MKLDNN_ENABLED="0") if name.startswith(WITHOUT_MKLDNN) else None
            if subprocess.run([sys.executable, __file__, "--here", name], env=variables).returncode:
                failed.append(name)
        if failed:
            sys.exit("Not recorded as they say: " + ", ".join(failed))
