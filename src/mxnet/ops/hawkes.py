"""The likelihood of marked Hawkes processes. N is the batch, K the number of marks, T the longest sequence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..base import MXNetError
from .attributes import Shape
from .dtypes import DTYPE_NAMES
from .inference import share_dtype
from .registry import PartialShape, operator

_FLOATS = ("lda", "alpha", "beta", "state", "lags", "valid_length", "max_time")


def _expected_shapes(lda: Shape, lags: Shape) -> dict[str, PartialShape]:
    if len(lda) != 2 or len(lags) != 2:
        raise MXNetError(f"_contrib_hawkesll: lda has shape {lda}, lags {lags}; expected (N, K) and (N, T).")
    (batch, marks), length = lda, lags[1]
    batch = lags[0] if batch == -1 else batch
    return {
        "lda": (batch, marks), "alpha": (marks,), "beta": (marks,), "state": (batch, marks), "lags": (batch, length),
        "marks": (batch, length), "valid_length": (batch,), "max_time": (batch,),
    }  # fmt: skip


def _excitation(decay: Tensor, start: Tensor, is_first: Tensor) -> Tensor:
    """The states after each event, ``decay * (state before, or start) + 1``, in log2(T) steps over all events."""
    factor, term = decay.masked_fill(is_first, 0), torch.where(is_first, decay * start, 0) + 1
    reach = 1
    while reach < decay.shape[1]:  # afterwards each element stands for the 2 * reach events up to it
        head, tail = slice(None, -reach), slice(reach, None)
        term = torch.cat((term[:, :reach], term[:, tail] + factor[:, tail] * term[:, head]), 1)
        factor = torch.cat((factor[:, :reach], factor[:, tail] * factor[:, head]), 1)
        reach *= 2
    return term


@operator("_contrib_hawkesll", num_outputs=2, output_names=("output", "out_state"))
def hawkesll(
    lda: Tensor, alpha: Tensor, beta: Tensor, state: Tensor, lags: Tensor, marks: Tensor, valid_length: Tensor,
    max_time: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Log-likelihood of events of K kinds, each exciting its own kind for a while.

    The intensity of a mark is ``lda + alpha * beta * state``; its state grows by 1 with each of its events and decays
    as ``exp(-beta * time)``.

    Args:
        lda: (N, K), the intensity at rest.
        alpha: (K,), how many further events one event causes.
        beta: (K,), the rate of decay.
        state: (N, K), at the beginning.
        lags: (N, T), times between events of a sequence; the first from its beginning.
        marks: (N, T), int32 in [0, K).
        valid_length: (N,), how many events each sequence has; those after are ignored.
        max_time: (N,), how long each sequence was watched.
    Returns: the log-likelihood (N,), and the state (N, K) at max_time, through which no gradient passes; none passes to
        state either: sequences that go on from one another are differentiated one by one.
    Raises: MXNetError if shapes or dtypes don't fit one another, or a mark is out of range.
    Source: Laub, Taimre, Pollett, Hawkes Processes, arXiv:1507.02822.
    """
    given = dict(zip((*_FLOATS[:5], "marks", *_FLOATS[5:]),
                     (lda, alpha, beta, state, lags, marks, valid_length, max_time), strict=True))  # fmt: skip
    for what, shape in _expected_shapes(tuple(lda.shape), tuple(lags.shape)).items():
        tensor, dtype = given[what], torch.int32 if what == "marks" else lda.dtype
        if tuple(tensor.shape) != shape or tensor.dtype != dtype:
            raise MXNetError(
                f"_contrib_hawkesll: {what} is {DTYPE_NAMES[tensor.dtype]} of shape {tuple(tensor.shape)}; expected "
                f"{DTYPE_NAMES[dtype]} of shape {shape}, as lda is {tuple(lda.shape)} and lags {tuple(lags.shape)}."
            )
    dtype, number = lda.dtype, lda.shape[1]
    exact = torch.promote_types(dtype, torch.float32)
    lda, alpha, beta, lags, max_time = (tensor.to(exact) for tensor in (lda, alpha, beta, lags, max_time))
    state = state.detach().to(exact)
    valid = torch.arange(lags.shape[1], device=lda.device) < valid_length.unsqueeze(1)
    # events in the order of their marks, then of time; those that don't count come last, as mark K
    mark, order = marks.masked_fill(~valid, number).sort(stable=True, dim=1)
    mark = mark.long()
    counted = mark < number
    mark_or_any = mark.masked_fill(~counted, 0)
    time = lags.cumsum(1).gather(1, order)
    is_first = torch.cat((torch.ones_like(mark[:, :1]), mark[:, 1:] != mark[:, :-1]), 1).bool()
    is_last = torch.cat((is_first[:, 1:], torch.ones_like(is_first[:, :1])), 1)
    rate, start = beta[mark_or_any], state.gather(1, mark_or_any)
    before = torch.cat((torch.zeros_like(time[:, :1]), time[:, :-1]), 1).masked_fill(is_first, 0)
    decay = (-rate * (time - before)).masked_fill(~counted, 0).exp()
    after = _excitation(decay, start, is_first)
    excited = decay * torch.where(is_first, start, torch.cat((start[:, :1], after[:, :-1]), 1))
    intensity = lda.gather(1, mark_or_any) + alpha[mark_or_any] * rate * excited
    # what is left at the end, from the last event of each mark
    last = mark.masked_fill(~is_last, number)
    left = torch.cat((state, state[:, :1]), 1).scatter(1, last, after)[:, :number]
    since = time.new_zeros(len(state), number + 1).scatter(1, last, time)[:, :number]
    out_state = left * (-beta * (max_time.unsqueeze(1) - since)).exp()
    # the integral of the intensity telescopes: what the events and the start put in and is no longer there has fired
    events = since.new_zeros(len(state), number + 1).scatter_add(1, mark, torch.ones_like(time))[:, :number]
    expected = lda * max_time.unsqueeze(1) + alpha * (state + events - out_state)
    log_intensity = torch.where(counted, intensity, 1).log()
    # in the graph as an operator's output, but with a gradient of zero
    out_state = torch.where(torch.zeros_like(lda, dtype=torch.bool), lda, out_state.detach())
    return (log_intensity.sum(1) - expected.sum(1)).to(dtype), out_state.to(dtype)


@hawkesll.infer_arguments
def _(lda: Shape, lags: Shape, **_: Any) -> dict[str, PartialShape]:
    return _expected_shapes(lda, lags)


@hawkesll.infer_dtype
def _(inputs: list[str | None], outputs: list[str | None]) -> tuple[list[str | None], list[str | None]]:
    inputs, outputs = share_dtype(0, 1, 2, 3, 4, 6, 7, outputs=2)(inputs, outputs)
    return [*inputs[:5], "int32", *inputs[6:]], outputs
