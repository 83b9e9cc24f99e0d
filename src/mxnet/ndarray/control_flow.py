"""`foreach`, `while_loop` and `cond` of arrays: Python loops and branches, recorded where recording is on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._nested import ControlFlowError, call_for_two, check_max_iterations, flatten, regroup
from .invoke import call_by_name
from .ndarray import NDArray

__all__ = ["cond", "foreach", "while_loop"]


def foreach(body: Callable[..., Any], data: Any, init_states: Any) -> tuple[Any, Any]:
    """Loop over axis 0 of data, handing states on.

    Args:
        body: function of a slice of data and the states, in the structure of data and init_states, that returns the
            outputs of a step (an array or nested lists) and the new states.
        data: array, or nested lists of arrays of one length of axis 0, at least 1.
        init_states: array, or nested lists of arrays.
    Returns: the outputs of all steps, stacked along a new axis 0; the states as the last step returned them.
    Raises: MXNetError that is also an AssertionError and ValueError, for wrong arguments or results.
    """
    arrays, structure = flatten(data, NDArray, "foreach input")
    flatten(init_states, NDArray, "foreach states")
    lengths = {len(array) if array.ndim else 0 for array in arrays}
    if len(lengths) != 1 or lengths == {0}:
        shapes = ", ".join(str(array.shape) for array in arrays) or "none"
        raise ControlFlowError(f"foreach: data has shapes {shapes}; expected one length of axis 0, at least 1.")
    states = init_states
    columns: list[list[NDArray]] = []
    for step in range(lengths.pop()):
        outputs, states = call_for_two(body, [regroup([a[step] for a in arrays], structure), states], "foreach: body")
        flat, output_structure = flatten(outputs, NDArray, "foreach output")
        columns.append(flat)
    return _stack("foreach", columns, output_structure), states


def while_loop(
    cond: Callable[..., Any], func: Callable[..., Any], loop_vars: Any, max_iterations: Any = None
) -> tuple[Any, Any]:
    """Loop as long as cond gives a number other than zero, at most max_iterations times.

    Args:
        cond: function of the loop variables that returns an array of one number, or a Python value.
        func: function of the loop variables that returns the outputs of a step (an array, nested lists, or None) and
            the new loop variables, as many as before.
        loop_vars: array, or list of arrays or nested lists; cond and func get the items of the list as arguments.
        max_iterations: an integer.
    Returns: the outputs of all steps, stacked along a new axis 0 of length max_iterations and zero beyond the last
        step, [] if there was no step; the last loop variables.
    Raises: MXNetError that is also an AssertionError and ValueError, for wrong arguments or results.
    """
    limit = check_max_iterations(max_iterations)
    values, structure = flatten(loop_vars, NDArray, "while loop_vars")
    if not values:
        raise ControlFlowError("loop_vars should contain at least one element")

    def arguments() -> list[Any]:
        grouped = regroup(values, structure)
        return [grouped] if isinstance(grouped, NDArray) else grouped

    columns: list[list[NDArray]] = []
    output_structure: Any = []
    while len(columns) < limit and _is_true(cond(*arguments())):
        outputs, new_values = call_for_two(func, arguments(), "while_loop: func")
        flat, output_structure = flatten([] if outputs is None else outputs, NDArray, "while output")
        new, _ = flatten([] if new_values is None else new_values, NDArray, "while loop_vars")
        if len(new) != len(values):
            raise ControlFlowError("The length of loop_vars should be consistent during the loop")
        columns.append(flat)
        values = new
    return _stack("while_loop", columns, output_structure, limit), regroup(values, structure)


def cond(pred: Any, then_func: Callable[[], Any], else_func: Callable[[], Any]) -> Any:
    """What one of two functions returns.

    Args:
        pred: array of one number, or a Python value.
        then_func: called without arguments where pred isn't zero.
        else_func: called where pred is zero.
    Raises: ValueError if pred is an array of several numbers.
    """
    return then_func() if _is_true(pred) else else_func()


def _is_true(value: Any) -> bool:
    return bool(value.asscalar()) if isinstance(value, NDArray) else bool(value)


def _stack(what: str, steps: list[list[NDArray]], structure: Any, length: int = 0) -> Any:
    """The outputs of the steps, stacked, in a structure; with zeros up to the length."""
    counts = {len(outputs) for outputs in steps}
    if len(counts) > 1:
        given = ", ".join(map(str, sorted(counts)))
        raise ControlFlowError(f"{what}: steps returned {given} outputs; expected equally many.")
    stacked = []
    for column in zip(*steps, strict=True):
        rest = length - len(column)
        parts = [*column, *[call_by_name("zeros_like", column[0])] * rest] if rest > 0 else column
        stacked.append(call_by_name("stack", *parts, axis=0))
    return regroup(stacked, structure) if steps else []
