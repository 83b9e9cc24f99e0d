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

from ..base import MXNetError
from ..files import replace_atomically

__all__ = ["check_sha1", "download", "replace_file"]

_BLOCK = 1 << 18  # bytes
_TIMEOUT = 30.0  # seconds without an answer
_FIRST_PAUSE = 0.5  # seconds before the second attempt; doubles each time
_LONGEST_PAUSE = 30.0  # seconds


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
