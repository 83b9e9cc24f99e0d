"""Containers, fully connected layers, normalisation, dropout, embedding and functions as layers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

from ..block import Block, HybridBlock
from .activations import Activation

__all__ = [
    "BatchNorm", "BatchNormReLU", "Dense", "Dropout", "Embedding", "Flatten", "GroupNorm", "HybridLambda",
    "HybridSequential", "InstanceNorm", "Lambda", "LayerNorm", "Sequential",
]  # fmt: skip


class _Stack(Block):
    """What both containers share: a list of blocks, each taking the output of the one before."""

    def add(self, *blocks: Block) -> None:
        """Append blocks."""
        for block in blocks:
            self.register_child(block)

    def __getitem__(self, key: int | slice) -> Any:
        """The block at an index, or a container of the same kind and prefix with the blocks of a slice."""
        layers = list(self._children.values())[key]
        if not isinstance(layers, list):
            return layers
        net = type(self)(prefix=self._prefix)
        with net.name_scope():
            net.add(*layers)
        return net

    def __iter__(self) -> Iterator[Block]:
        return iter(list(self._children.values()))

    def __len__(self) -> int:
        return len(self._children)

    def __repr__(self) -> str:
        lines = [f"  ({key}): " + repr(block).replace("\n", "\n  ") for key, block in self._children.items()]
        return f"{self.__class__.__name__}(\n" + "\n".join(lines) + "\n)"


class Sequential(_Stack):
    """Blocks run one after the other.

    >>> net = nn.Sequential()
    >>> net.add(nn.Dense(10, activation="relu"), nn.Dense(20))
    """

    def __init__(self, prefix: str | None = None, params: Any = None):
        super().__init__(prefix=prefix, params=params)

    def forward(self, x: Any) -> Any:
        for block in self._children.values():
            x = block(x)
        return x

    def hybridize(self, active: bool = True, **kwargs: Any) -> None:
        """Hybridize each of the blocks that can be; they run as graphs of their own.

        Args: as `HybridBlock.hybridize`.
        """
        if self._children and all(isinstance(block, HybridBlock) for block in self._children.values()):
            warnings.warn(
                f"All children of this Sequential layer '{self.prefix}' are HybridBlocks. Consider using "
                "HybridSequential for the best performance.",
                stacklevel=2,
            )
        super().hybridize(active, **kwargs)


class HybridSequential(_Stack, HybridBlock):
    """Hybrid blocks run one after the other; hybridized, they form one graph.

    >>> net = nn.HybridSequential()
    >>> net.add(nn.Dense(10, activation="relu"), nn.Dense(20))
    >>> net.hybridize()
    """

    def __init__(self, prefix: str | None = None, params: Any = None):
        super().__init__(prefix=prefix, params=params)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        for block in self._children.values():
            x = block(x)
        return x


class Dense(HybridBlock):
    """Fully connected layer: ``activation(x @ weight.T + bias)``.

    Args:
        units: size of the output.
        activation: name of an activation, see `Activation`; None for none.
        use_bias: whether a bias is added.
        flatten: flatten x to (N, everything else) first; otherwise the last axis is mapped.
        dtype: of weight and bias.
        weight_initializer, bias_initializer: Initializer or name; None is the one given to `initialize`.
        in_units: size of the input; 0 is settled by the first input.
    Shapes: x (N, ...), weight (units, in_units), bias (units,) -> (N, units);
        without flatten x (..., in_units) -> (..., units).
    """

    def __init__(
        self, units: int, activation: str | None = None, use_bias: bool = True, flatten: bool = True,
        dtype: Any = "float32", weight_initializer: Any = None, bias_initializer: Any = "zeros", in_units: int = 0,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self._flatten = flatten
        with self.name_scope():
            self._units = units
            self._in_units = in_units
            self.weight = self.params.get(
                "weight", shape=(units, in_units), init=weight_initializer, dtype=dtype, allow_deferred_init=True
            )
            self.bias = (
                self.params.get("bias", shape=(units,), init=bias_initializer, dtype=dtype, allow_deferred_init=True)
                if use_bias
                else None
            )
            self.act = Activation(activation, prefix=f"{activation}_") if activation is not None else None

    def hybrid_forward(self, F: Any, x: Any, weight: Any, bias: Any = None) -> Any:
        out = F.FullyConnected(
            x, weight, bias, no_bias=bias is None, num_hidden=self._units, flatten=self._flatten, name="fwd"
        )
        return out if self.act is None else self.act(out)

    def __repr__(self) -> str:
        shape = self.weight.shape
        return f"{self.__class__.__name__}({shape[1] or None} -> {shape[0]}, {self.act or 'linear'})"


class Dropout(HybridBlock):
    """While training, set elements to zero with probability rate and divide the others by 1 - rate.

    axes are those along which one draw is shared. Shapes: any -> the same.
    """

    def __init__(self, rate: float, axes: tuple[int, ...] = (), **kwargs: Any):
        super().__init__(**kwargs)
        self._rate = rate
        self._axes = axes

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        if self._rate == 0:
            return F.identity(x)
        return F.Dropout(x, p=self._rate, axes=self._axes, name="fwd", cudnn_off=False)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}(p = {self._rate}, axes={self._axes})"


class BatchNorm(HybridBlock):
    """Normalise each channel over the batch, then scale by gamma and shift by beta (Ioffe and Szegedy, 2015).

    While training, mean and variance are those of the batch, and the running ones become
    ``running * momentum + batch * (1 - momentum)``; otherwise the running ones are used.

    Args:
        axis: of the channels.
        momentum: of the running mean and variance.
        epsilon: added to the variance.
        center: whether beta is learned; otherwise it stays as initialized.
        scale: whether gamma is learned; otherwise it counts as 1.
        use_global_stats: use the running mean and variance while training too.
        beta_initializer, gamma_initializer, running_mean_initializer, running_variance_initializer: Initializer or
            name.
        in_channels: number of channels; 0 is settled by the first input.
    Shapes: x any with C channels, parameters (C,) -> that of x. With float16, parameters stay float32.
    """

    def __init__(
        self, axis: int = 1, momentum: float = 0.9, epsilon: float = 1e-5, center: bool = True, scale: bool = True,
        use_global_stats: bool = False, beta_initializer: Any = "zeros", gamma_initializer: Any = "ones",
        running_mean_initializer: Any = "zeros", running_variance_initializer: Any = "ones", in_channels: int = 0,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self._kwargs: dict[str, Any] = {
            "axis": axis, "eps": epsilon, "momentum": momentum, "fix_gamma": not scale,
            "use_global_stats": use_global_stats,
        }  # fmt: skip
        self._axis = axis
        self.in_channels = in_channels

        def parameter(name: str, init: Any, learned: bool) -> Any:
            return self.params.get(
                name, grad_req="write" if learned else "null", shape=(in_channels,), init=init,
                allow_deferred_init=True, differentiable=learned,
            )  # fmt: skip

        with self.name_scope():
            self.gamma = parameter("gamma", gamma_initializer, scale)
            self.beta = parameter("beta", beta_initializer, center)
            self.running_mean = parameter("running_mean", running_mean_initializer, False)
            self.running_var = parameter("running_var", running_variance_initializer, False)

    def cast(self, dtype: Any) -> None:
        """Cast the parameters to dtype; to float32 where dtype is float16, as the operator needs it."""
        name = getattr(dtype, "__name__", str(dtype))
        super().cast("float32" if name == "float16" else dtype)

    def hybrid_forward(self, F: Any, x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any) -> Any:
        return F.BatchNorm(x, gamma, beta, running_mean, running_var, name="fwd", **self._kwargs)

    def __repr__(self) -> str:
        content = ", ".join(f"{key}={value!r}" for key, value in self._kwargs.items())
        return f"{self.__class__.__name__}({content}, in_channels={self.gamma.shape[0] or None})"


class BatchNormReLU(BatchNorm):
    """`BatchNorm` followed by relu; arguments and shapes are those of `BatchNorm`."""

    def hybrid_forward(self, F: Any, x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any) -> Any:
        return F.Activation(super().hybrid_forward(F, x, gamma, beta, running_mean, running_var), act_type="relu")


class Embedding(HybridBlock):
    """Turn integers into vectors: row x of a learned table.

    Args:
        input_dim: number of rows; an index beyond them counts as the last, a negative one as the first.
        output_dim: length of the vectors.
        dtype: of the table.
        weight_initializer: Initializer or name.
        sparse_grad: whether the gradient of the table is row-sparse.
    Shapes: x any -> (*x.shape, output_dim).
    """

    def __init__(
        self, input_dim: int, output_dim: int, dtype: Any = "float32", weight_initializer: Any = None,
        sparse_grad: bool = False, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self._kwargs = {"input_dim": input_dim, "output_dim": output_dim, "dtype": dtype, "sparse_grad": sparse_grad}
        with self.name_scope():
            self.weight = self.params.get(
                "weight", shape=(input_dim, output_dim), init=weight_initializer, dtype=dtype,
                allow_deferred_init=True, grad_stype="row_sparse" if sparse_grad else "default",
            )  # fmt: skip

    def hybrid_forward(self, F: Any, x: Any, weight: Any) -> Any:
        return F.Embedding(x, weight, name="fwd", **self._kwargs)

    def __repr__(self) -> str:
        return "{block_name}({input_dim} -> {output_dim}, {dtype})".format(
            block_name=self.__class__.__name__, **self._kwargs
        )


class Flatten(HybridBlock):
    """Keep the first axis and join all others. Shapes: x (N, ...) -> (N, everything else)."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        return F.Flatten(x)

    def __repr__(self) -> str:
        return self.__class__.__name__


class _Norm(HybridBlock):
    """What the normalisations without running statistics share: gamma and beta of one size."""

    def __init__(
        self, size: int, center: bool, scale: bool, beta_initializer: Any, gamma_initializer: Any, **kwargs: Any
    ):
        super().__init__(**kwargs)
        with self.name_scope():
            self.gamma = self.params.get(
                "gamma", grad_req="write" if scale else "null", shape=(size,), init=gamma_initializer,
                allow_deferred_init=True,
            )  # fmt: skip
            self.beta = self.params.get(
                "beta", grad_req="write" if center else "null", shape=(size,), init=beta_initializer,
                allow_deferred_init=True,
            )  # fmt: skip

    def __repr__(self) -> str:
        content = ", ".join(f"{key}={value!r}" for key, value in self._kwargs.items())
        return f"{self.__class__.__name__}({content}, in_channels={self.gamma.shape[0]})"


class InstanceNorm(_Norm):
    """Normalise each channel of each example, then scale by gamma and shift by beta (Ulyanov et al., 2016).

    Args:
        axis: of the channels.
        epsilon: added to the variance.
        center, scale: whether beta and gamma are learned; otherwise they stay as initialized.
        beta_initializer, gamma_initializer: Initializer or name.
        in_channels: number of channels; 0 is settled by the first input.
    Shapes: x (N, C, ...) if axis is 1, parameters (C,) -> that of x.
    """

    def __init__(
        self, axis: int = 1, epsilon: float = 1e-5, center: bool = True, scale: bool = False,
        beta_initializer: Any = "zeros", gamma_initializer: Any = "ones", in_channels: int = 0, **kwargs: Any,
    ):  # fmt: skip
        super().__init__(in_channels, center, scale, beta_initializer, gamma_initializer, **kwargs)
        self._kwargs = {"eps": epsilon, "axis": axis, "center": center, "scale": scale}
        self._axis, self._epsilon = axis, epsilon

    def hybrid_forward(self, F: Any, x: Any, gamma: Any, beta: Any) -> Any:
        if self._axis == 1:
            return F.InstanceNorm(x, gamma, beta, name="fwd", eps=self._epsilon)
        x = F.swapaxes(x, dim1=1, dim2=self._axis)
        return F.swapaxes(F.InstanceNorm(x, gamma, beta, name="fwd", eps=self._epsilon), dim1=1, dim2=self._axis)


class LayerNorm(_Norm):
    """Normalise along one axis, then scale by gamma and shift by beta (Ba et al., 2016).

    Args:
        axis: the normalised axis.
        epsilon: added to the variance.
        center, scale: whether beta and gamma are learned; otherwise they stay as initialized.
        beta_initializer, gamma_initializer: Initializer or name.
        in_channels: size of that axis; 0 is settled by the first input.
    Shapes: x any with C elements along axis, parameters (C,) -> that of x.
    """

    def __init__(
        self, axis: int = -1, epsilon: float = 1e-5, center: bool = True, scale: bool = True,
        beta_initializer: Any = "zeros", gamma_initializer: Any = "ones", in_channels: int = 0,
        prefix: str | None = None, params: Any = None,
    ):  # fmt: skip
        super().__init__(in_channels, center, scale, beta_initializer, gamma_initializer, prefix=prefix, params=params)
        self._kwargs = {"eps": epsilon, "axis": axis, "center": center, "scale": scale}
        self._axis, self._epsilon = axis, epsilon
        self._center, self._scale = center, scale

    def hybrid_forward(self, F: Any, data: Any, gamma: Any, beta: Any) -> Any:
        return F.LayerNorm(data, gamma=gamma, beta=beta, axis=self._axis, eps=self._epsilon)


class GroupNorm(_Norm):
    """Normalise groups of channels of each example, then scale by gamma and shift by beta (Wu and He, 2018).

    As in MXNet 1.9.1, gamma and beta have one element for each group.

    Args:
        num_groups: the channels are split into that many groups.
        epsilon: added to the variance.
        center, scale: whether beta and gamma are learned; otherwise they stay as initialized.
        beta_initializer, gamma_initializer: Initializer or name.
    Shapes: x (N, C, ...), parameters (num_groups,) -> that of x.
    """

    def __init__(
        self, num_groups: int = 1, epsilon: float = 1e-5, center: bool = True, scale: bool = True,
        beta_initializer: Any = "zeros", gamma_initializer: Any = "ones", prefix: str | None = None, params: Any = None,
    ):  # fmt: skip
        super().__init__(num_groups, center, scale, beta_initializer, gamma_initializer, prefix=prefix, params=params)
        self._kwargs = {"eps": epsilon, "num_groups": num_groups, "center": center, "scale": scale}
        self._num_groups, self._epsilon = num_groups, epsilon
        self._center, self._scale = center, scale

    def hybrid_forward(self, F: Any, data: Any, gamma: Any, beta: Any) -> Any:
        return F.GroupNorm(data, gamma=gamma, beta=beta, num_groups=self._num_groups, eps=self._epsilon)

    def __repr__(self) -> str:
        content = ", ".join(f"{key}={value!r}" for key, value in self._kwargs.items())
        return f"{self.__class__.__name__}({content})"


class Lambda(Block):
    """A function of arrays as a block.

    function is the name of a function of `mx.nd`, or a callable that takes the inputs.
    Raises: AssertionError for an unknown name, ValueError for anything else, as MXNet.
    """

    def __init__(self, function: str | Callable[..., Any], prefix: str | None = None):
        super().__init__(prefix=prefix)
        if isinstance(function, str):
            from ... import ndarray

            if not hasattr(ndarray, function):
                raise AssertionError(f"Function name {function} is not found in ndarray.")
            self._func_impl = getattr(ndarray, function)
        elif callable(function):
            self._func_impl = function
        else:
            raise ValueError(f"Unrecognized function in lambda: {function} of type {type(function)}")
        self._func_name = self._func_impl.__name__

    def forward(self, *args: Any) -> Any:
        return self._func_impl(*args)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self._func_name})"


class HybridLambda(HybridBlock):
    """A function of arrays or symbols as a hybrid block.

    function is the name of a function that `mx.nd` and `mx.sym` have, or a callable that takes F and the inputs.
    Raises: AssertionError for an unknown name, ValueError for anything else, as MXNet.
    """

    def __init__(self, function: str | Callable[..., Any], prefix: str | None = None):
        super().__init__(prefix=prefix)
        if isinstance(function, str):
            from ... import ndarray, symbol

            if not (hasattr(ndarray, function) and hasattr(symbol, function)):
                raise AssertionError(f"Function name {function} is not found in symbol/ndarray.")
            self._func = lambda F, *args: getattr(F, function)(*args)
            self._func_name = function
        elif callable(function):
            self._func = function
            self._func_name = function.__name__
        else:
            raise ValueError(f"Unrecognized function in lambda: {function} of type {type(function)}")

    def hybrid_forward(self, F: Any, x: Any, *args: Any) -> Any:
        return self._func(F, x, *args)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self._func_name})"
