"""Initializers: how the arrays of a network's parameters are filled before training.

An initializer is called with an `InitDesc`, the name of a parameter, and its array. By the end of the name: ``weight``
is filled as the initializer says, ``bias``, ``beta`` and ``min`` with 0, ``gamma`` and ``max`` with 1. An attribute
``__init__`` of the parameter (an initializer's `dumps`, or its name) goes first.
"""

from __future__ import annotations

import json
import logging
import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from . import ndarray as nd
from . import registry
from .base import MXNetError
from .ndarray import NDArray

__all__ = [
    "Bilinear", "Constant", "FusedRNN", "InitDesc", "Initializer", "LSTMBias", "Load", "MSRAPrelu", "Mixed", "Normal",
    "One", "Orthogonal", "Uniform", "Xavier", "Zero", "alias", "create", "register",
]  # fmt: skip


class InitDesc(str):
    """The name of a parameter, with what else an initializer may want to know.

    Args:
        name: the name.
        attrs: attributes of its variable, among them ``__init__``.
        global_init: the initializer of the whole network, for initializers that fill parts of an array.
    """

    attrs: dict[str, str]
    global_init: Any

    def __new__(cls, name: str, attrs: dict[str, str] | None = None, global_init: Any = None) -> InitDesc:
        desc = super().__new__(cls, name)
        desc.attrs = attrs or {}
        desc.global_init = global_init
        return desc


def _root_mean_square(array: NDArray) -> str:
    return str((nd.norm(array) / math.sqrt(array.size)).asscalar())


class Initializer:
    """Base of all initializers. A subclass defines ``_init_weight(name, arr)``, which fills the array of a weight.

    Args:
        **kwargs: the arguments of the subclass's constructor, for `dumps`.
    """

    def __init__(self, **kwargs: Any):
        self._kwargs = kwargs
        self._verbose = False
        self._print_func: Callable[[NDArray], Any] = _root_mean_square

    def set_verbosity(self, verbose: bool = False, print_func: Callable[[NDArray], Any] | None = None) -> Initializer:
        """Log what is initialized, and how.

        Args:
            verbose: whether to log.
            print_func: what to log of an array; default its norm over the root of its size.
        Returns: the initializer itself.
        """
        self._verbose = verbose
        self._print_func = print_func or _root_mean_square
        return self

    def _verbose_print(self, desc: str, init: str, arr: NDArray) -> None:
        if self._verbose:
            logging.info("Initialized %s as %s: %s", desc, init, self._print_func(arr))

    def dumps(self) -> str:
        """The initializer as JSON, ``'["xavier", {"magnitude": 3}]'``, which `create` and ``__init__`` understand."""
        return json.dumps([type(self).__name__.lower(), self._kwargs])

    def __call__(self, desc: str, arr: NDArray) -> None:
        """Fill an array.

        Args:
            desc: an `InitDesc`; for a plain name the older rules hold (deprecated), which know ``moving_mean`` too.
            arr: the array to fill, in place.
        Raises: TypeError when desc is not a string; ValueError when the name's ending isn't known.
        """
        if arr.stype != "default":
            dense = nd.zeros(arr.shape, ctx=arr.context, dtype=arr.dtype)
            self(desc, dense)
            arr[:] = dense
            return
        if not isinstance(desc, InitDesc):
            self._legacy_init(desc, arr)
            return
        if desc.global_init is None:
            desc.global_init = self
        own = desc.attrs.get("__init__", "")
        if own:
            create(own)._init_weight(desc, arr)
            self._verbose_print(desc, own, arr)
            return
        self._fill_by_ending(desc, arr, self._ENDINGS)

    _ENDINGS = (
        ("weight", "weight"), ("bias", "bias"), ("gamma", "gamma"), ("beta", "beta"), ("min", "zero"), ("max", "one"),
        ("weight_quantize", "quantized_weight"), ("bias_quantize", "quantized_bias"),
    )  # fmt: skip
    _LEGACY_ENDINGS = (
        ("bias", "bias"), ("gamma", "gamma"), ("beta", "beta"), ("weight", "weight"), ("moving_mean", "zero"),
        ("moving_var", "one"), ("moving_inv_var", "zero"), ("moving_avg", "zero"), ("min", "zero"), ("max", "one"),
    )  # fmt: skip

    def _fill_by_ending(self, name: str, arr: NDArray, endings: Sequence[tuple[str, str]]) -> None:
        for ending, kind in endings:
            if name.endswith(ending):
                getattr(self, f"_init_{kind}")(name, arr)
                self._verbose_print(name, ending, arr)
                return
        self._init_default(name, arr)

    def _legacy_init(self, name: str, arr: NDArray) -> None:
        warnings.warn(
            "Calling initializer with init(str, NDArray) has been deprecated. "
            "please use init(mx.init.InitDesc(...), NDArray) instead.",
            DeprecationWarning,
            stacklevel=3,
        )
        if not isinstance(name, str):
            raise TypeError(f"name must be string; given {name!r}")
        if name.startswith("upsampling"):
            self._init_bilinear(name, arr)
        elif name.startswith("stn_loc") and name.endswith("weight"):
            self._init_zero(name, arr)
        elif name.startswith("stn_loc") and name.endswith("bias"):
            self._init_loc_bias(name, arr)
        else:
            self._fill_by_ending(name, arr, self._LEGACY_ENDINGS)

    def _init_bilinear(self, _: str, arr: NDArray) -> None:
        if arr.ndim != 4:
            raise MXNetError(f"A bilinear kernel has shape (N, C, H, W); given {arr.shape}.")
        height, width = arr.shape[2:]
        half = math.ceil(width / 2.0)
        center = (2 * half - 1 - half % 2) / (2.0 * half)
        rows, columns = (1 - np.abs(np.arange(n) / half - center) for n in (height, width))
        arr[:] = np.broadcast_to(np.outer(rows, columns), arr.shape).astype(np.float32)

    def _init_loc_bias(self, name: str, arr: NDArray) -> None:
        if arr.shape != (6,):
            raise MXNetError(f"The bias {name} of a spatial transformer has shape {arr.shape}; expected (6,).")
        arr[:] = np.array([1.0, 0, 0, 0, 1.0, 0])

    def _init_zero(self, _: str, arr: NDArray) -> None:
        arr[:] = 0.0

    def _init_one(self, _: str, arr: NDArray) -> None:
        arr[:] = 1.0

    _init_bias = _init_beta = _init_quantized_bias = _init_zero
    _init_gamma = _init_one

    def _init_quantized_weight(self, _: str, arr: NDArray) -> None:
        arr[:] = nd.random.randint(-127, 127, shape=arr.shape, ctx=arr.context).astype(arr.dtype)

    def _init_weight(self, name: str, arr: NDArray) -> None:
        raise NotImplementedError("Must override it")

    def _init_default(self, name: str, _: NDArray) -> None:
        raise ValueError(
            f"Unknown initialization pattern for {name}. Default initialization is now limited to "
            '"weight", "bias", "gamma" (1.0), and "beta" (0.0). Please use '
            "mx.sym.Variable(init=mx.init.*) to set initialization pattern"
        )

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._kwargs == other._kwargs  # type: ignore[attr-defined]

    __hash__ = None  # type: ignore[assignment]


register = registry.get_register_func(Initializer, "initializer")
alias = registry.get_alias_func(Initializer, "initializer")
create = registry.get_create_func(Initializer, "initializer")


class Load:
    """Fill parameters from saved ones.

    Args:
        param: a file of `mx.nd.save`, or {name: array}; prefixes ``arg:`` and ``aux:`` are taken off.
        default_init: called for names that are missing.
        verbose: log where each parameter comes from.
    Raises: MXNetError when param holds no names.
    """

    def __init__(self, param: str | dict[str, NDArray], default_init: Any = None, verbose: bool = False):
        loaded = nd.load(param) if isinstance(param, str) else param
        if not isinstance(loaded, dict):
            raise MXNetError(f"Load: param holds a {type(loaded).__name__}; expected names with arrays.")
        self.param = {name.removeprefix("arg:").removeprefix("aux:"): array for name, array in loaded.items()}
        self.default_init = default_init
        self.verbose = verbose

    def __call__(self, name: str, arr: NDArray) -> None:
        """Fill an array with the saved one.

        Raises: MXNetError when their shapes differ, or there is none and no default_init.
        """
        saved = self.param.get(name)
        if saved is not None:
            if arr.shape != saved.shape:
                raise MXNetError(
                    f"Parameter {name} cannot be initialized from loading. Shape mismatch, target {arr.shape} vs "
                    f"loaded {saved.shape}"
                )
            arr[:] = saved
        elif self.default_init is None:
            raise MXNetError(
                f"Cannot Initialize {name}. Not found in loaded param and no default Initializer is provided."
            )
        else:
            self.default_init(name, arr)
        if self.verbose:
            logging.info("Initialized %s by %s", name, "default" if saved is None else "loading")


class Mixed:
    """Choose the initializer by the name of the parameter.

    Args:
        patterns: regular expressions for the beginnings of names; the first that matches decides.
        initializers: one for each pattern.
    Raises: MXNetError when there are not as many of each.
    """

    def __init__(self, patterns: Sequence[str], initializers: Sequence[Any]):
        if len(patterns) != len(initializers):
            raise MXNetError(f"Mixed: {len(patterns)} patterns and {len(initializers)} initializers are given.")
        self.map = list(zip([re.compile(pattern) for pattern in patterns], initializers, strict=True))

    def __call__(self, name: str, arr: NDArray) -> None:
        """Fill an array.

        Raises: ValueError when no pattern matches.
        """
        for pattern, initializer in self.map:
            if pattern.match(name):
                initializer(name, arr)
                return
        raise ValueError(
            f'Parameter name {name} did not match any pattern. Consider adding a ".*" pattern at the end with a '
            "default Initializer."
        )


@register
@alias("zeros")
class Zero(Initializer):
    """All 0."""

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, name: str, arr: NDArray) -> None:
        arr[:] = 0.0


@register
@alias("ones")
class One(Initializer):
    """All 1."""

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, name: str, arr: NDArray) -> None:
        arr[:] = 1.0


@register
class Constant(Initializer):
    """A given number, or array.

    Args:
        value: a number, or an array or list that broadcasts to the shape of the weight.
    """

    def __init__(self, value: Any):
        super().__init__(value=value.asnumpy().tolist() if isinstance(value, NDArray) else value)
        self.value = value

    def _init_weight(self, name: str, arr: NDArray) -> None:
        arr[:] = np.asarray(self.value) if isinstance(self.value, list | tuple) else self.value

    def dumps(self) -> str:
        """The initializer as JSON."""
        value = self._kwargs["value"]
        return json.dumps(["constant", {"value": value.tolist() if hasattr(value, "tolist") else value}])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and type(self) is type(other) and self.dumps() == other.dumps()

    __hash__ = None  # type: ignore[assignment]


@register
class Uniform(Initializer):
    """Evenly distributed in [-scale, scale]."""

    def __init__(self, scale: float = 0.07):
        super().__init__(scale=scale)
        self.scale = scale

    def _init_weight(self, name: str, arr: NDArray) -> None:
        nd.random.uniform(-self.scale, self.scale, out=arr)


@register
class Normal(Initializer):
    """Normally distributed, with mean 0 and standard deviation sigma."""

    def __init__(self, sigma: float = 0.01):
        super().__init__(sigma=sigma)
        self.sigma = sigma

    def _init_weight(self, name: str, arr: NDArray) -> None:
        nd.random.normal(0, self.sigma, out=arr)


@register
class Orthogonal(Initializer):
    """A random orthogonal matrix (outputs, the other axes together), times scale.

    Args:
        scale: the factor.
        rand_type: "uniform" or "normal", what the matrix is made from.
    Raises (when called): ValueError for another rand_type.
    Source: Saxe et al., Exact solutions to the nonlinear dynamics of learning in deep linear neural networks, 2013.
    """

    def __init__(self, scale: float = 1.414, rand_type: str = "uniform"):
        super().__init__(scale=scale, rand_type=rand_type)
        self.scale = scale
        self.rand_type = rand_type

    def _init_weight(self, name: str, arr: NDArray) -> None:
        shape = (arr.shape[0], math.prod(arr.shape[1:]))
        if self.rand_type == "uniform":
            drawn = nd.random.uniform(-1.0, 1.0, shape=shape)
        elif self.rand_type == "normal":
            drawn = nd.random.normal(0.0, 1.0, shape=shape)
        else:
            raise ValueError(f"Orthogonal: rand_type is {self.rand_type!r}; expected 'uniform' or 'normal'.")
        left, _, right = np.linalg.svd(drawn.asnumpy(), full_matrices=False)
        matrix = left if left.shape == shape else right
        arr[:] = self.scale * matrix.reshape(arr.shape)


@register
class Xavier(Initializer):
    """Random numbers whose variance keeps that of activations or gradients from layer to layer.

    The scale is ``sqrt(magnitude / factor)``, where factor is the number of inputs ("in"), of outputs ("out") or their
    mean ("avg"), times the size of the kernel.

    Args:
        rnd_type: "uniform" in [-scale, scale], or "gaussian" with standard deviation scale.
        factor_type: "in", "out" or "avg".
        magnitude: see above.
    Raises (when called): ValueError for other types, or a weight with fewer than 2 dimensions.
    Source: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks, 2010.
    """

    def __init__(self, rnd_type: str = "uniform", factor_type: str = "avg", magnitude: float = 3):
        super().__init__(rnd_type=rnd_type, factor_type=factor_type, magnitude=magnitude)
        self.rnd_type = rnd_type
        self.factor_type = factor_type
        self.magnitude = float(magnitude)

    def _init_weight(self, name: str, arr: NDArray) -> None:
        shape = arr.shape
        if len(shape) < 2:
            raise ValueError(f"Xavier initializer cannot be applied to vector {name}. It requires at least 2D.")
        kernel = math.prod(shape[2:])
        fan_in, fan_out = shape[1] * kernel, shape[0] * kernel
        factors = {"avg": (fan_in + fan_out) / 2.0, "in": fan_in, "out": fan_out}
        if self.factor_type not in factors:
            raise ValueError(f"Incorrect factor type {self.factor_type!r}; expected 'avg', 'in' or 'out'.")
        scale = math.sqrt(self.magnitude / factors[self.factor_type])
        if self.rnd_type == "uniform":
            nd.random.uniform(-scale, scale, out=arr)
        elif self.rnd_type == "gaussian":
            nd.random.normal(0, scale, out=arr)
        else:
            raise ValueError(f"Unknown random type {self.rnd_type!r}; expected 'uniform' or 'gaussian'.")


@register
class MSRAPrelu(Xavier):
    """Normal numbers for layers followed by PReLU (or, with slope 0, ReLU): `Xavier` with ``2 / (1 + slope^2)``.

    Args:
        factor_type: "in", "out" or "avg".
        slope: the initial slope of the PReLU.
    Source: He et al., Delving Deep into Rectifiers, ICCV 2015.
    """

    def __init__(self, factor_type: str = "avg", slope: float = 0.25):
        super().__init__("gaussian", factor_type, 2.0 / (1 + slope**2))
        self._kwargs = {"factor_type": factor_type, "slope": slope}


@register
class Bilinear(Initializer):
    """The kernel of bilinear upsampling, for a transposed convolution: weight (N, C, H, W)."""

    def __init__(self) -> None:
        super().__init__()

    def _init_weight(self, name: str, arr: NDArray) -> None:
        self._init_bilinear(name, arr)


@register
class LSTMBias(Initializer):
    """The bias of an LSTM cell, in the order of gates i, f, c, o: forget_bias for the forget gate, 0 for others."""

    def __init__(self, forget_bias: float = 1.0):
        super().__init__(forget_bias=forget_bias)
        self.forget_bias = forget_bias

    def _init_weight(self, name: str, arr: NDArray) -> None:
        hidden = arr.shape[0] // 4
        arr[:] = 0.0
        arr[hidden : 2 * hidden] = self.forget_bias


_GATES = {"rnn_relu": ("",), "rnn_tanh": ("",), "lstm": ("_i", "_f", "_c", "_o"), "gru": ("_r", "_z", "_o")}


@register
class FusedRNN(Initializer):
    """The parameters of the operator RNN, one vector, filled part by part.

    Args:
        init: the initializer of the parts, or its `dumps`; None takes that of the whole network.
        num_hidden, num_layers, mode, bidirectional: as for the operator; mode is rnn_relu, rnn_tanh, lstm or gru.
        forget_bias: the bias of the forget gates of an LSTM.
    Raises: MXNetError when init or mode is none of these.
    """

    def __init__(
        self,
        init: Initializer | str | None,
        num_hidden: int,
        num_layers: int,
        mode: str,
        bidirectional: bool = False,
        forget_bias: float = 1.0,
    ):
        if mode not in _GATES:
            raise MXNetError(f"FusedRNN: mode is {mode!r}; expected one of {', '.join(_GATES)}.")
        if isinstance(init, str):
            init = create(init)
        if not isinstance(init, Initializer | None):
            raise MXNetError(f"FusedRNN: init is {init!r}; expected an Initializer, what its dumps gives, or None.")
        super().__init__(
            init=None if init is None else init.dumps(), num_hidden=num_hidden, num_layers=num_layers, mode=mode,
            bidirectional=bidirectional, forget_bias=forget_bias,
        )  # fmt: skip
        self._init = init
        self._num_hidden = num_hidden
        self._num_layers = num_layers
        self._mode = mode
        self._bidirectional = bidirectional
        self._forget_bias = forget_bias

    def _parts(self, size: int) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Names and shapes of the parts of a vector: all weights, then all biases."""
        hidden, gates = self._num_hidden, _GATES[self._mode]
        directions = "lr" if self._bidirectional else "l"
        rows = len(directions) * len(gates) * hidden
        later_inputs = len(directions) * hidden
        later = (self._num_layers - 1) * rows * (later_inputs + hidden + 2)
        num_input, rest = divmod(size - later, rows)
        num_input -= hidden + 2
        if rest or num_input < 1:
            raise MXNetError(
                f"FusedRNN: {size} numbers can't be the parameters of {self._num_layers} layers of mode {self._mode} "
                f"with {hidden} hidden units{' in both directions' if self._bidirectional else ''}."
            )
        for kind in ("weight", "bias"):
            for layer in range(self._num_layers):
                inputs = {"i2h": later_inputs if layer else num_input, "h2h": hidden}
                for direction in directions:
                    for group, columns in inputs.items():
                        for gate in gates:
                            shape = (hidden, columns) if kind == "weight" else (hidden,)
                            yield f"{direction}{layer}_{group}{gate}_{kind}", shape

    def _init_weight(self, desc: str, arr: NDArray) -> None:
        global_init = getattr(desc, "global_init", None)
        init = self._init or global_init
        if init is None:
            raise MXNetError(f"FusedRNN: no initializer is known for the parts of {desc}; give one as init.")
        flat, begin = arr.reshape((-1,)), 0
        for name, shape in self._parts(arr.size):
            end = begin + math.prod(shape)
            part = flat[begin:end].reshape(shape)
            if self._mode == "lstm" and name.endswith("_f_bias"):
                part[:] = self._forget_bias
            else:
                init(InitDesc(name, global_init=global_init), part)
            begin = end
