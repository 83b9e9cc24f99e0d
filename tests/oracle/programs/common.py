"""What the programs share: numbers and parameters that are the same everywhere, and short reports.

Each program runs under MXNet 1.9.1 and under this package; see ../record_programs.py.
"""

import zlib

import numpy as np
from mxnet import nd

np.set_printoptions(precision=5, suppress=True, linewidth=150)


def numbers(name, shape, scale=0.5):
    """float32 numbers in [-scale, scale) that depend on a name."""
    random = np.random.RandomState(zlib.crc32(name.encode()) % 2**31)
    return random.uniform(-scale, scale, shape).astype("float32")


def set_parameters(net, scale=0.3):
    """Give every parameter numbers that depend on its name; gammas and running variances stay ones."""
    for name, parameter in net.collect_params().items():
        if "running_var" not in name and not name.endswith("gamma"):
            parameter.set_data(nd.array(numbers(name, parameter.shape, scale)))


def report(*items):
    """Print arrays and numbers, rounded."""
    texts = []
    for item in items:
        if isinstance(item, nd.NDArray):
            item = item.asnumpy()
        texts.append("%.5g" % item if isinstance(item, (float, np.floating)) else str(item))
    print(*texts)


def report_parameters(net, states=True):
    """Print shape, sum of sizes and first numbers of every parameter; states: running statistics too."""
    for name, parameter in sorted(net.collect_params().items()):
        if states or "running" not in name:
            data = parameter.data(parameter.list_ctx()[0]).asnumpy()
            print(name, parameter.shape, "%.5g %.5g" % (np.abs(data).sum(), data.ravel()[:3].sum()))
