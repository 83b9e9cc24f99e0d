"""Fourier transforms of the last axis, and the count sketch, a random projection that they convolve quickly."""

from __future__ import annotations

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import Shape
from .dtypes import DTYPE_NAMES
from .registry import PartialShape, operator


def _check(name: str, data: Tensor, multiple: int) -> torch.dtype:
    """The dtype to compute in."""
    if data.ndim not in (2, 4) or data.shape[-1] < 1 or data.shape[-1] % multiple or not data.is_floating_point():
        even = " and even" if multiple == 2 else ""
        raise MXNetError(
            f"{name}: data is {DTYPE_NAMES[data.dtype]} of shape {tuple(data.shape)}; expected real numbers with 2 or "
            f"4 axes, the last one positive{even}."
        )
    return torch.promote_types(data.dtype, torch.float32)


@operator("_contrib_fft")
def fft(data: Tensor, *, compute_size: int = 128) -> Tensor:
    """The discrete Fourier transform of the last axis, ``sum(data[k] * exp(-2j * pi * k * n / d))``.

    Args:
        data: (batch, d) or (a, b, c, d), real.
        compute_size: no meaning here, accepted for compatibility.
    Returns: (batch, 2 * d) or (a, b, c, 2 * d): real and imaginary parts in turn.
    Raises: MXNetError for another number of axes, or integers.
    """
    exact = _check("_contrib_fft", data, 1)
    return torch.view_as_real(torch.fft.fft(data.to(exact))).flatten(-2).to(data.dtype)


@operator("_contrib_ifft")
def ifft(data: Tensor, *, compute_size: int = 128) -> Tensor:
    """The real part of the inverse of `fft`, times d: ``sum(data[n] * exp(2j * pi * k * n / d))``.

    Args:
        data: (batch, 2 * d) or (a, b, c, 2 * d): real and imaginary parts in turn.
        compute_size: no meaning here, accepted for compatibility.
    Returns: (batch, d) or (a, b, c, d); divide by d to get back what `fft` transformed.
    Raises: MXNetError for another number of axes, a last axis of odd size, or integers.
    """
    exact = _check("_contrib_ifft", data, 2)
    parts = data.to(exact).reshape(*data.shape[:-1], -1, 2)
    inverse: Tensor = torch.fft.ifft(torch.view_as_complex(parts), norm="forward")
    return inverse.real.to(data.dtype)


@operator("_contrib_count_sketch")
def count_sketch(data: Tensor, h: Tensor, s: Tensor, *, out_dim: int, processing_batch_size: int = 32) -> Tensor:
    """Project each sample to out_dim numbers: ``out[:, h[i]] += s[i] * data[:, i]``.

    Args:
        data: (batch, in_dim).
        h: (1, in_dim), whole numbers in [0, out_dim).
        s: (1, in_dim), 1 or -1.
        processing_batch_size: no meaning here, accepted for compatibility.
    Returns: (batch, out_dim); the gradients of h and s are zero.
    Raises: MXNetError if shapes or dtypes don't fit one another, or h is out of range.
    Source: Charikar, Chen, Farach-Colton, Finding Frequent Items in Data Streams, ICALP 2002.
    """
    if data.ndim != 2 or not (h.shape == s.shape == (1, data.shape[1])) or out_dim < 1:
        raise MXNetError(
            f"_contrib_count_sketch: data has shape {tuple(data.shape)}, h {tuple(h.shape)}, s {tuple(s.shape)}, "
            f"out_dim is {out_dim}; expected (batch, in_dim), (1, in_dim) for both, and a positive number."
        )
    if not data.dtype == h.dtype == s.dtype:
        given = ", ".join(DTYPE_NAMES[tensor.dtype] for tensor in (data, h, s))
        raise MXNetError(f"_contrib_count_sketch: data, h and s have the dtypes {given}; expected one for all.")
    return data.new_zeros(data.shape[0], out_dim).index_add(1, h.detach()[0].long(), data * s.detach())


@count_sketch.infer_arguments
def _(data: Shape, **_: object) -> dict[str, PartialShape]:
    return {"h": (1, *data[1:]), "s": (1, *data[1:])}
