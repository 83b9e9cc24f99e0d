"""Trained parameters of the model zoo: downloaded once, verified, kept in a folder."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import zipfile
from typing import Any

from ...base import data_dir
from ..utils import check_sha1, download, replace_file

__all__ = ["get_model_file", "purge"]

apache_repo_url = "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/"
MODELS = os.path.join(data_dir(), "models")  # where files are kept unless `root` says otherwise

# SHA-1 of the .params file of each trained model.
_model_sha1 = {
    "alexnet": "44335d1f0046b328243b32a26a4fbd62d9057b45",
    "densenet121": "f27dbf2dbd5ce9a80b102d89c7483342cd33cb31",
    "densenet161": "b6c8a95717e3e761bd88d145f4d0a214aaa515dc",
    "densenet169": "2603f878403c6aa5a71a124c4a3307143d6820e9",
    "densenet201": "1cdbc116bc3a1b65832b18cf53e1cb8e7da017eb",
    "inceptionv3": "ed47ec45a937b656fcc94dabde85495bbef5ba1f",
    "mobilenet0.25": "9f83e440996887baf91a6aff1cccc1c903a64274",
    "mobilenet0.5": "8e9d539cc66aa5efa71c4b6af983b936ab8701c3",
    "mobilenet0.75": "529b2c7f4934e6cb851155b22c96c9ab0a7c4dc2",
    "mobilenet1.0": "6b8c5106c730e8750bcd82ceb75220a3351157cd",
    "mobilenetv2_1.0": "36da4ff1867abccd32b29592d79fc753bca5a215",
    "mobilenetv2_0.75": "e2be7b72a79fe4a750d1dd415afedf01c3ea818d",
    "mobilenetv2_0.5": "aabd26cd335379fcb72ae6c8fac45a70eab11785",
    "mobilenetv2_0.25": "ae8f9392789b04822cbb1d98c27283fc5f8aa0a7",
    "resnet18_v1": "a0666292f0a30ff61f857b0b66efc0228eb6a54b",
    "resnet34_v1": "48216ba99a8b1005d75c0f3a0c422301a0473233",
    "resnet50_v1": "0aee57f96768c0a2d5b23a6ec91eb08dfb0a45ce",
    "resnet101_v1": "d988c13d6159779e907140a638c56f229634cb02",
    "resnet152_v1": "671c637a14387ab9e2654eafd0d493d86b1c8579",
    "resnet18_v2": "a81db45fd7b7a2d12ab97cd88ef0a5ac48b8f657",
    "resnet34_v2": "9d6b80bbc35169de6b6edecffdd6047c56fdd322",
    "resnet50_v2": "ecdde35339c1aadbec4f547857078e734a76fb49",
    "resnet101_v2": "18e93e4f48947e002547f50eabbcc9c83e516aa6",
    "resnet152_v2": "f2695542de38cf7e71ed58f02893d82bb409415e",
    "squeezenet1.0": "264ba4970a0cc87a4f15c96e25246a1307caf523",
    "squeezenet1.1": "33ba0f93753c83d86e1eb397f38a667eaf2e9376",
    "vgg11": "dd221b160977f36a53f464cb54648d227c707a05",
    "vgg11_bn": "ee79a8098a91fbe05b7a973fed2017a6117723a8",
    "vgg13": "6bc5de58a05a5e2e7f493e2d75a580d83efde38c",
    "vgg13_bn": "7d97a06c3c7a1aecc88b6e7385c2b373a249e95e",
    "vgg16": "e660d4569ccb679ec68f1fd3cce07a387252a90a",
    "vgg16_bn": "7f01cf050d357127a73826045c245041b0df7363",
    "vgg19": "ad2f660d101905472b83590b59708b71ea22b2e5",
    "vgg19_bn": "f360b758e856f1074a85abd5fd873ed1d98297c3",
}


def short_hash(name: str) -> str:
    """The first eight digits of the SHA-1 of a model's parameters, which its file name carries.

    Raises: ValueError if there is no trained model of that name.
    """
    if name not in _model_sha1:
        raise ValueError(
            f"Pretrained model for {name} is not available. Available are: {', '.join(sorted(_model_sha1))}"
        )
    return _model_sha1[name][:8]


def get_model_file(name: str, root: str | os.PathLike[str] = MODELS) -> str:
    """The file with the trained parameters of a model, downloaded if it isn't there with the right content.

    It comes from ``gluon/models/`` of the repository whose URL the environment variable MXNET_GLUON_REPO gives,
    otherwise from the original project's, and appears only after its SHA-1 has been verified.

    Args:
        name: as for `get_model`.
        root: folder of such files; ``~`` is the home folder.
    Returns: path of the ``.params`` file.
    Raises: ValueError for an unknown name or if what came has another hash; OSError if it lacks the parameters or a
        file can't be written; MXNetError (a RuntimeError) if it can't be downloaded.
    """
    stem = f"{name}-{short_hash(name)}"
    root = os.path.expanduser(os.fspath(root))
    path = os.path.join(root, f"{stem}.params")
    if os.path.exists(path):
        if check_sha1(path, _model_sha1[name]):
            return path
        logging.warning("Mismatch in the content of model file detected. Downloading again.")
    else:
        logging.info("Model file not found. Downloading to %s.", path)
    os.makedirs(root, exist_ok=True)
    repository = os.environ.get("MXNET_GLUON_REPO", apache_repo_url).rstrip("/")
    url = f"{repository}/gluon/models/{stem}.zip"
    with tempfile.TemporaryDirectory(prefix=f".{stem}.", dir=root) as folder:
        archive = download(url, os.path.join(folder, f"{stem}.zip"), overwrite=True)
        params = os.path.join(folder, f"{stem}.params")
        try:
            with zipfile.ZipFile(archive) as files, files.open(f"{stem}.params") as packed, open(params, "wb") as file:
                shutil.copyfileobj(packed, file)
        except zipfile.BadZipFile as error:
            raise ValueError(f"{url} is not a sound zip archive: {error}. Please try again.") from error
        except KeyError as error:
            raise OSError(f"{url} doesn't hold the file {stem}.params") from error
        if not check_sha1(params, _model_sha1[name]):
            raise ValueError(
                f"Downloaded file has different hash: the SHA-1 of {stem}.params in {url} is not {_model_sha1[name]}. "
                "Please try again."
            )
        replace_file(params, path)
    return path


def load_pretrained(net: Any, name: str, ctx: Any, root: str | os.PathLike[str]) -> None:
    """Load the trained parameters of a model into its network. Raises: as `get_model_file` and `load_parameters`."""
    net.load_parameters(get_model_file(name, root=root), ctx=ctx)


def purge(root: str | os.PathLike[str] = MODELS) -> None:
    """Remove all ``.params`` files of a folder. Raises: OSError if there is no such folder."""
    root = os.path.expanduser(os.fspath(root))
    for name in os.listdir(root):
        if name.endswith(".params"):
            os.remove(os.path.join(root, name))
