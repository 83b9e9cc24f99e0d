"""Cases of operators, recorded from MXNet 1.9.1 and replayed on this package.

Add a family. Write ``tests/oracle/cases/<family>.py`` with a list named ``CASES``::

    from operator_cases import case, distinct, integers, uniform, values

    CASES = [
        case("clip", [uniform(2, 3)], {"a_min": -0.5, "a_max": 0.5}),
        case("take", [uniform(4, 3), values([0, 3, 9, -2], "int32")], {"mode": "wrap"}),
        case("argmax", [distinct(2, 3)], {"axis": 1}, grad=False, tolerance="exact"),
        case("BatchNorm", [uniform(2, 3, 4), ...], {"fix_gamma": False}, grad=(0, 1, 2), training=True),
        case("sgd_mom_update", [uniform(3), uniform(3), uniform(3)], {"lr": 0.1, "momentum": 0.9}, grad=False, out=0),
        case("Convolution", {"data": uniform(1, 2, 5, 5), "weight": uniform(3, 2, 3, 3)},
             {"kernel": (3, 3), "num_filter": 3, "no_bias": True}),
        case("dot", [uniform(2, 3), uniform(2, 3)], raises=True),
    ]

then record it (only this needs the oracle) and replay it::

    .oracle/bin/python tests/oracle/record_operators.py <family>       # writes tests/oracle/data/operators_<family>.npz
    PYTHONPATH=src pytest tests/test_operators_recorded.py -k <family>

The families edges_* hold the edges of each operator (edges.py); coverage.py shows what no case covers yet.

Record again after every change of a case; the replay fails if a case differs from what was recorded. Keep a recorded
family under 300 KB: small shapes that still tell axes apart, such as (2, 3, 4). This file and the cases run under both
interpreters (NumPy 1.23 and 2) and import neither package.

Inputs are descriptions; the data is made from them the same way in both places, different for each position:

    uniform(*shape, low=-1, high=1, dtype="float32")       real numbers
    integers(*shape, low=-4, high=5, dtype="float32")      whole numbers in [low, high), with repetitions
    distinct(*shape, dtype="float32")                      a shuffled ladder -n/4 .. n/4 in halves, no two alike
    values(nested_list, dtype="float32")                   exactly these, nan and inf included
    mixed(*shape, numbers=(...), low, high, dtype)         uniform, with these numbers in every second place

dtype may be "bfloat16". What is recorded and compared, in `case`: all visible outputs (number, shape, dtype, values);
the gradients of the inputs chosen by ``grad``, for head gradients that differ at each element; the inputs that the call
changed (moving averages, optimizer states), and that no other input changed; or the type of the error.
"""

import importlib.util
import json
import os
import zlib

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
#: tolerance class -> dtype -> (rtol, atol); integers and booleans are always compared exactly.
TOLERANCES = {
    "exact": {},
    "close": {"float64": (1e-9, 1e-11), "float32": (1e-5, 1e-6), "float16": (4e-3, 1e-3), "bfloat16": (2e-2, 8e-3)},
    "loose": {"float64": (1e-6, 1e-8), "float32": (1e-3, 1e-4), "float16": (3e-2, 1e-2), "bfloat16": (6e-2, 3e-2)},
}


class Input:
    """The description of one input array: kind, shape, dtype, and the kind's parameters."""

    def __init__(self, kind, shape, dtype, parameters):
        self.kind, self.shape, self.dtype, self.parameters = kind, tuple(shape), dtype, parameters

    def __repr__(self):
        return f"{self.kind}({self.shape}, {self.dtype}, {self.parameters})"

    @property
    def is_float(self):
        return "float" in self.dtype

    def make(self, position):
        """The data, as a NumPy array (float32 holding bfloat16 values for that dtype)."""
        random = np.random.RandomState(zlib.crc32(f"{position} {self!r}".encode()) & 0x7FFFFFFF)
        if self.kind == "uniform":
            data = random.uniform(*self.parameters, self.shape)
        elif self.kind == "integers":
            data = random.randint(*self.parameters, self.shape)
        elif self.kind == "distinct":
            size = int(np.prod(self.shape))
            data = ((random.permutation(size) - size // 2) / 2).reshape(self.shape)
            if not self.is_float:
                data = data * 2
        elif self.kind == "mixed":
            low, high, numbers = self.parameters
            data = random.uniform(low, high, self.shape)
            places = data.reshape(-1)[::2]
            places[:] = np.resize(np.asarray(numbers, "float64"), places.shape)
        else:
            data = np.asarray(self.parameters, dtype="float64" if self.is_float else self.dtype)
        return to_dtype(data, self.dtype)


def uniform(*shape, low=-1.0, high=1.0, dtype="float32"):
    """Real numbers in [low, high)."""
    return Input("uniform", shape, dtype, (low, high))


def integers(*shape, low=-4, high=5, dtype="float32"):
    """Whole numbers in [low, high)."""
    return Input("integers", shape, dtype, (low, high))


def distinct(*shape, dtype="float32"):
    """Numbers no two of which are equal, shuffled."""
    return Input("distinct", shape, dtype, ())


def values(data, dtype="float32"):
    """Exactly these numbers (a nested list)."""
    return Input("values", np.shape(data), dtype, data)


def mixed(*shape, numbers, low=-1.0, high=1.0, dtype="float32"):
    """Real numbers in [low, high), and those of `numbers` in turn in every second place."""
    return Input("mixed", shape, dtype, (low, high, tuple(numbers)))


def to_dtype(data, dtype):
    """data as a NumPy array of this dtype; bfloat16 as float32 rounded to it, halves to even."""
    if dtype != "bfloat16":
        return np.asarray(data).astype(dtype)
    bits = np.asarray(data, dtype="float32").view("uint32").astype("uint64")
    bits = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16) << 16
    return bits.astype("uint32").view("float32")


def head_gradient(position, shape, dtype):
    """The head gradient for the output at this position: different at each element, of both signs."""
    random = np.random.RandomState(1000 + position)
    data = random.uniform(-2, 2, shape)
    return to_dtype(data if "float" in dtype else np.rint(data), dtype)


class Case:
    """One call of an operator; see `case`."""

    def __init__(
        self, op, inputs, attrs, grad, training, raises, tolerance, out, note, expected, expected_grads, record
    ):
        self.op, self.attrs, self.raises, self.tolerance, self.out = op, attrs or {}, raises, tolerance, out
        self.names = tuple(inputs) if isinstance(inputs, dict) else None
        self.inputs = list(inputs.values() if isinstance(inputs, dict) else inputs)
        if grad is True:
            grad = tuple(i for i, item in enumerate(self.inputs) if item.is_float)
        self.grad = () if grad is False or raises is True else tuple(grad)
        self.training = bool(self.grad) if training is None else training
        self.note, self.expected, self.expected_grads, self.record = note, expected, expected_grads, record

    @property
    def id(self):
        """A readable name: the operator, the inputs and what was not left at its default."""
        parts = ["x".join(map(str, item.shape)) + ("" if item.dtype == "float32" else f":{item.dtype}")
                 for item in self.inputs]  # fmt: skip
        parts += [f"{name}={value}" for name, value in self.attrs.items()]
        parts += ["raises"] * (self.raises is True) + ([self.note] if self.note else [])
        if self.training != bool(self.grad):
            parts.append("training" if self.training else "predicting")
        return f"{self.op}({', '.join(parts)})".replace(" ", "")

    @property
    def digest(self):
        """A checksum of all that decides the recorded values."""
        told = (self.op, self.names, self.inputs, sorted(self.attrs.items()), self.grad, self.training, self.out)
        return zlib.crc32(repr(told).encode())

    @property
    def is_empty(self):
        """Whether an input has no elements; MXNet takes that as a shape only where NumPy's shapes are switched on."""
        return any(0 in item.shape for item in self.inputs)

    def arrays(self):
        """The data of the inputs."""
        return [item.make(position) for position, item in enumerate(self.inputs)]

    def call(self, function, arrays):
        """Call an operator of mx.nd on arrays; always returns a list."""
        kwargs = dict(self.attrs)
        if self.out is not None:
            chosen = [arrays[i] for i in ((self.out,) if isinstance(self.out, int) else self.out)]
            kwargs["out"] = chosen[0] if isinstance(self.out, int) else chosen
        if self.names is not None:
            result = function(**dict(zip(self.names, arrays)), **kwargs)
        else:
            result = function(*arrays, **kwargs)
        return list(result) if isinstance(result, (list, tuple)) else [result]

    def __repr__(self):
        return self.id


def case(op, inputs, attrs=None, *, grad=True, training=None, raises=False, tolerance="close", out=None, note="",
         expected=None, expected_grads=None, record=True):  # fmt: skip
    """Describe one call.

    op              its name below mx.nd: "Convolution", "contrib.box_iou", "_internal._plus_scalar", "linalg.gemm"
    inputs          a list of descriptions, passed by position, or a dict of them, passed by name
    attrs           attributes, passed by name
    grad            True: compare the gradient of every floating input; False: none; (0, 2): of these inputs
    training        the training mode; default: as in autograd.record() when gradients are wanted, else predicting
    raises          the call must raise; the recorder notes the type of the error. "recorded": only where the oracle did
    tolerance       "exact", "close", "loose" (see TOLERANCES), or (rtol, atol); "drawn" for random numbers: shapes and
                    dtypes only
    out             position of the input passed as ``out=`` (a tuple of them for several outputs)
    note            words that tell apart cases with equal ids (values() differing only in their content)
    expected        where the oracle is wrong: our outputs, a list with one nested list for each; say why in a comment.
                    Shapes and dtypes are still compared with what the oracle gave, if it gave anything.
    expected_grads  likewise the gradients, {input position: nested list}
    record          False when the oracle can't even be asked (it crashes); then ``expected`` is all there is
    """
    return Case(op, inputs, attrs, grad, training, raises, tolerance, out, note, expected, expected_grads, record)


def families():
    """The names of all families."""
    names = os.listdir(os.path.join(HERE, "cases"))
    return sorted(name[:-3] for name in names if name.endswith(".py") and name[0] != "_")


def load_family(family):
    """The cases of a family, by id."""
    path = os.path.join(HERE, "cases", family + ".py")
    spec = importlib.util.spec_from_file_location("operator_cases_" + family, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    cases = {}
    for item in module.CASES:
        if item.id in cases:
            raise ValueError(f"{family}: two cases are called {item.id}; give one a note=")
        cases[item.id] = item
    return cases


def data_path(family):
    """Where the recorded values of a family are."""
    return os.path.join(HERE, "data", f"operators_{family}.npz")


class Recording:
    """What was recorded for a family: per case a record of plain values, the arrays packed into one run per dtype.

    A record is {"digest", "outputs": [array], "grads": {position: array}, "changed": {position: array}} or
    {"digest", "raises": type name}. An array is [dtype, shape, offset]; bfloat16 is kept as float32.
    """

    def __init__(self, records=None):
        self.records = records if records is not None else {}
        self._runs, self._sizes = {}, {}

    def add_array(self, dtype, data):
        """Store an array of this (MXNet) dtype; returns what stands for it in a record."""
        data = np.asarray(data)
        kept = data.dtype.name
        offset = self._sizes.get(kept, 0)
        self._runs.setdefault(kept, []).append(data.reshape(-1))
        self._sizes[kept] = offset + data.size
        return [dtype, list(data.shape), offset]

    def array(self, entry):
        """(dtype name, data) of a stored array."""
        dtype, shape, offset = entry
        run = self._runs["float32" if dtype == "bfloat16" else dtype]
        return dtype, run[offset : offset + int(np.prod(shape))].reshape(shape)

    def save(self, family):
        index = np.frombuffer(json.dumps(self.records, separators=(",", ":")).encode(), dtype="uint8")
        runs = {dtype: np.concatenate(run) for dtype, run in self._runs.items()}
        np.savez_compressed(data_path(family), index=index, **runs)

    @classmethod
    def load(cls, family):
        with np.load(data_path(family)) as file:
            recording = cls(json.loads(file["index"].tobytes()))
            recording._runs = {name: file[name] for name in file.files if name != "index"}
        return recording
