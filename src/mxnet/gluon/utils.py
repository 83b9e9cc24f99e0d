"""Helpers for programs that use Gluon; downloading needs neither torch nor the arrays."""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from ..base import MXNetError
from ..files import replace_atomically

__all__ = [
    "HookHandle", "check_sha1", "clip_global_norm", "download", "replace_file", "shape_is_known", "split_and_load",
    "split_data",
]  # fmt: skip

_BLOCK = 1 << 18  # bytes
_TIMEOUT = 30.0  # seconds without an answer
_FIRST_PAUSE = 0.5  # seconds before the second attempt; doubles each time
_LONGEST_PAUSE = 30.0  # seconds


def split_data(data: Any, num_slice: int, batch_axis: int = 0, even_split: bool = True) -> list[Any]:
    """Split a batch into consecutive slices, as many as there are devices.

    Args:
        data: NDArray (slices along axis 0 share its memory) or NumPy array.
        num_slice: number of slices.
        batch_axis: axis to split.
        even_split: require slices of one size; otherwise the first ones may have one example more.
    Raises: ValueError if the slices can't be of one size.
    """
    size = data.shape[batch_axis]
    if even_split and size % num_slice:
        raise ValueError(
            f"data with shape {tuple(data.shape)} cannot be evenly split into {num_slice} slices along axis "
            f"{batch_axis}. Use a batch size that's multiple of {num_slice} or set even_split=False to allow uneven "
            "partitioning of data."
        )
    step, longer = divmod(size, num_slice)
    ends = [step * i + min(i, longer) for i in range(num_slice + 1)]
    where = (slice(None),) * (batch_axis % data.ndim)
    return [data[(*where, slice(start, end))] if where else data[start:end] for start, end in zip(ends, ends[1:])]


def split_and_load(data: Any, ctx_list: Sequence[Any], batch_axis: int = 0, even_split: bool = True) -> list[Any]:
    """Split a batch and copy each slice to one of the devices.

    Args:
        data: NDArray or array-like.
        ctx_list: contexts, one for each slice.
        batch_axis, even_split: as in `split_data`.
    Returns: list of NDArray.
    Raises: ValueError if the slices can't be of one size.
    """
    from ..ndarray import NDArray, array

    if not isinstance(data, NDArray):
        data = array(data, ctx=ctx_list[0])
    if len(ctx_list) == 1:
        return [data.as_in_context(ctx_list[0])]
    slices = split_data(data, len(ctx_list), batch_axis, even_split)
    return [part.as_in_context(ctx) for part, ctx in zip(slices, ctx_list, strict=True)]


def clip_global_norm(arrays: Sequence[Any], max_norm: float, check_isfinite: bool = True) -> Any:
    """Scale arrays in place so that the 2-norm of all their elements together is at most max_norm.

    Args:
        arrays: NDArrays, often gradients; they may lie on several devices.
        max_norm: the largest norm allowed.
        check_isfinite: warn if the norm is nan or infinite, which waits for the computation.
    Returns: the norm before, a float, or an NDArray (1,) without check_isfinite.
    Raises: AssertionError if there are no arrays.
    """
    if not arrays:
        raise AssertionError("clip_global_norm: expected at least one array")
    import math

    from ..ndarray.invoke import call_by_name

    ctx = arrays[0].context
    squares = [call_by_name("sum", call_by_name("square", array)).as_in_context(ctx) for array in arrays]
    total = call_by_name("sqrt", call_by_name("add_n", *squares))
    scale = (max_norm / (total + 1e-8)).clip(a_min=-math.inf, a_max=1.0)
    for array in arrays:
        array *= scale.as_in_context(array.context)
    if not check_isfinite:
        return total
    norm = total.asscalar()
    if not math.isfinite(norm):
        warnings.warn("nan or inf is detected. Clipping results will be undefined.", stacklevel=2)
    return norm


def shape_is_known(shape: Sequence[int] | None) -> bool:
    """Whether every size is known: 0 stands for an unknown one, with `mx.util.set_np_shape` -1 does.

    Without NumPy shapes an empty shape is unknown too. Raises: AssertionError for sizes that can't be.
    """
    from ..util import is_np_shape

    if shape is None:
        return False
    unknown = -1 if is_np_shape() else 0
    if any(size < unknown for size in shape):
        raise AssertionError(f"shape dimension size cannot be less than {unknown}; the shape is {tuple(shape)}")
    return unknown not in shape and (unknown == -1 or len(shape) > 0)


class HookHandle:
    """Removes a registered hook again, with `detach` or at the end of a ``with`` block."""

    _next_id = 0

    def __init__(self) -> None:
        self._hooks: Callable[[], Any] | None = None
        self._id: int | None = None

    def attach(self, hooks_dict: Any, hook: Callable[..., Any]) -> None:
        """Put hook into an OrderedDict of hooks. Raises: AssertionError if the handle has one already."""
        if self._hooks is not None:
            raise AssertionError("The same handle cannot be attached twice.")
        self._id = HookHandle._next_id
        HookHandle._next_id += 1
        hooks_dict[self._id] = hook
        self._hooks = weakref.ref(hooks_dict)

    def detach(self) -> None:
        """Remove the hook; nothing happens if it is gone already."""
        hooks = self._hooks() if self._hooks is not None else None
        if hooks is not None:
            hooks.pop(self._id, None)

    def __enter__(self) -> HookHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.detach()

    def __getstate__(self) -> tuple[Any, int | None]:
        return (self._hooks() if self._hooks is not None else None), self._id

    def __setstate__(self, state: tuple[Any, int | None]) -> None:
        hooks, self._id = state
        self._hooks = None if hooks is None else weakref.ref(hooks)


def check_sha1(filename: str | os.PathLike[str], sha1_hash: str) -> bool:
    """Whether the SHA-1 of a file is sha1_hash (hexadecimal, lower case). Raises: OSError if it can't be read."""
    with open(filename, "rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest() == sha1_hash


def replace_file(src: str | os.PathLike[str], dst: str | os.PathLike[str]) -> None:
    """Move src to dst in one step, replacing dst. Both lie on one file system. Raises: OSError if that fails."""
    os.replace(src, dst)


def download(
    url: str,
    path: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    sha1_hash: str | None = None,
    retries: int = 5,
    verify_ssl: bool = True,
) -> str:
    """Download a file, unless it is already there, and say where it is.

    The file appears at once and whole, and only if its hash is right; after a failure, a file of that name is as it
    was. Proxies are those of the environment (``https_proxy``, ``no_proxy``, ...).

    Args:
        url: http, https or file.
        path: file to write, or a folder, where the file gets the last part of the URL as its name; None is the current
            folder. ``~`` is the home folder; folders that are missing are made.
        overwrite: download even if the file is there.
        sha1_hash: hexadecimal SHA-1 of the content; a file that is there with another one is downloaded again.
        retries: number of attempts (0 counts as 1), with growing pauses between them.
        verify_ssl: False accepts any certificate, with a warning.
    Returns: path of the file.
    Raises: MXNetError (a RuntimeError) naming the cause if no attempt succeeds or the content has another hash;
        OSError if the file can't be written; AssertionError for a URL without a file name when path doesn't give
        one, and for negative retries, as in MXNet.
    """
    name = url.split("/")[-1]
    if path is None or os.path.isdir(os.path.expanduser(path)):
        if not name:
            raise AssertionError(f"Can't construct file-name from URL {url!r}. Please set the `path` option manually.")
        target = os.path.join(os.path.expanduser(path), name) if path is not None else name
    else:
        target = os.path.expanduser(os.fspath(path))
    if retries < 0:
        raise AssertionError(f"Number of retries should be at least 0, currently it's {retries}")
    if (scheme := urllib.parse.urlsplit(url).scheme.lower()) not in ("http", "https", "file"):
        raise MXNetError(f"can't download {url!r}: its scheme is {scheme!r}; expected http, https or file")
    if not overwrite and os.path.exists(target) and (not sha1_hash or check_sha1(target, sha1_hash)):
        return target
    context = None
    if not verify_ssl:
        warnings.warn(
            "Unverified HTTPS request is being made (verify_ssl=False). "
            "Adding certificate verification is strongly advised.",
            stacklevel=2,
        )
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if folder := os.path.dirname(target):
        os.makedirs(folder, exist_ok=True)

    attempts, pause = max(retries, 1), _FIRST_PAUSE
    for attempt in range(1, attempts + 1):
        print(f"Downloading {target} from {url}...")
        try:
            _fetch(url, target, sha1_hash, context)
            return target
        except _Failed as error:
            if attempt == attempts or not error.may_pass:
                raise MXNetError(f"Failed downloading url {url}: {error}") from error
            left = attempts - attempt
            print(f"download failed due to {error}, retrying, {left} attempt{'s' if left > 1 else ''} left")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
    raise AssertionError("unreachable")


class _Failed(Exception):
    """One attempt to download failed; may_pass says whether another one might not."""

    def __init__(self, message: str, may_pass: bool = True):
        super().__init__(message)
        self.may_pass = may_pass


def _fetch(url: str, target: str, sha1_hash: str | None, context: ssl.SSLContext | None) -> None:
    """Download once; errors of the network are _Failed, errors of the target file stay what they are."""
    try:
        # An opener of its own: urlopen's keeps the proxies that the environment had when it was first used.
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        response = opener.open(url, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        with error:
            raise _Failed(str(error), may_pass=error.code >= 500 or error.code in (408, 425, 429)) from error
    except urllib.error.URLError as error:
        missing = isinstance(error.reason, FileNotFoundError)
        raise _Failed(f"{error.reason}", may_pass=not missing) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _Failed(f"{type(error).__name__}: {error}", may_pass=not isinstance(error, ValueError)) from error
    with response, replace_atomically(target) as file:
        expected, received, digest = response.headers.get("Content-Length"), 0, hashlib.sha1()
        while block := _read_block(response):
            received += len(block)
            digest.update(block)
            file.write(block)
        if expected is not None and received != int(expected):
            raise _Failed(f"the connection ended after {received} of {expected} bytes")
        if sha1_hash and digest.hexdigest() != sha1_hash:
            raise _Failed(
                f"File {target} is downloaded but the content hash does not match: its SHA-1 is {digest.hexdigest()}, "
                f"expected {sha1_hash}. The repo may be outdated or download may be incomplete. "
                'If the "repo_url" is overridden, consider switching to the default repo.'
            )


def _read_block(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(_BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise _Failed(f"{type(error).__name__}: {error}") from error
