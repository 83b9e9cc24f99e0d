"""The model zoo: every network is the original's in structure, names and answers; downloads are verified."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import logging
import os
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxnet as mx
from mxnet.gluon.model_zoo import model_store, vision

ORACLE = Path(__file__).parent / "oracle"
sys.path.insert(0, str(ORACLE))

import model_zoo_cases as cases  # noqa: E402

# Recorded from MXNet 1.9.1 by tests/oracle/record_model_zoo.py.
RECORDED: dict[str, Any] = json.loads((ORACLE / "data" / "model_zoo.json").read_text())


@pytest.fixture(autouse=True)
def _names_start_at_zero() -> Iterator[None]:
    with mx.name.NameManager():
        yield


def assert_recorded(fact: dict[str, Any], net: Any) -> None:
    found = cases.describe(mx, net)
    assert found == {name: fact[name] for name in found}


def assert_answers(fact: dict[str, Any], net: Any, edge: int) -> None:
    expected = np.array(fact["answer"])
    np.testing.assert_allclose(cases.answer(mx, net, edge), expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", cases.MODELS)
def test_representation_parameters_and_graph_are_the_original_ones(name: str) -> None:
    assert_recorded(RECORDED["models"][name], vision.get_model(name))


@pytest.mark.parametrize("name", cases.MODELS)
def test_answer_for_given_parameters_is_the_original_one(name: str) -> None:
    assert_answers(RECORDED["models"][name], vision.get_model(name, classes=4), cases.MODELS[name])


@pytest.mark.parametrize("name", cases.VARIANTS)
def test_networks_of_other_sizes_are_the_original_ones(name: str) -> None:
    build, edge = cases.VARIANTS[name]
    net = build(vision)
    assert_recorded(RECORDED["variants"][name], net)
    assert_answers(RECORDED["variants"][name], net, edge)


def test_auxiliary_classifier_is_the_original_one() -> None:
    assert_recorded(RECORDED["aux"], vision.inception.make_aux(4))


def test_the_recorded_models_are_all_there_are() -> None:
    with pytest.raises(ValueError, match="Model nope is not supported. Available options are") as error:
        vision.get_model("nope")
    assert str(error.value).split("\n\t")[1:] == sorted(cases.MODELS)
    assert sorted(model_store._model_sha1) == sorted(cases.MODELS)


def test_hashes_of_trained_models_are_the_original_ones() -> None:
    assert model_store._model_sha1 == RECORDED["sha1"]


def test_get_model_takes_upper_case() -> None:
    assert isinstance(vision.get_model("MobileNetV2_0.25"), vision.MobileNetV2)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: vision.get_vgg(12), KeyError, "12.*11, 13, 16, 19"),
        (lambda: vision.densenet.get_densenet(5), KeyError, "5.*121, 161, 169, 201"),
        (lambda: vision.get_resnet(3, 18), AssertionError, "Invalid resnet version: 3. Options are 1 and 2."),
        (lambda: vision.get_resnet(1, 19), AssertionError, "Invalid number of layers: 19.*18, 34, 50, 101, 152"),
        (lambda: vision.SqueezeNet("2.0"), AssertionError, "Unsupported SqueezeNet version.*2.0.*1.0.*1.1"),
        (lambda: vision.VGG([1, 2], [3]), AssertionError, r"\[1, 2\].*\[3\]"),
        (lambda: vision.ResNetV1(vision.BasicBlockV1, [1, 2], [3, 4]), AssertionError, r"\[1, 2\].*\[3, 4\]"),
        (lambda: vision.ResNetV2(vision.BasicBlockV2, [1, 2], [3, 4]), AssertionError, r"\[1, 2\].*\[3, 4\]"),
        (lambda: vision.get_mobilenet(0.33, pretrained=True), ValueError, "mobilenet0.33 is not available"),
        (lambda: vision.get_mobilenet_v2(2.0, pretrained=True), ValueError, "mobilenetv2_2.00 is not available"),
        (lambda: vision.alexnet(depth=3), TypeError, "depth"),
    ],
)
def test_what_no_network_can_be_made_of_raises(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_hybridized_network_answers_as_the_imperative_one() -> None:
    net = vision.mobilenet_v2_0_25(classes=5)
    image = cases.settle(mx, net, 32)
    imperative = net(image).asnumpy()
    net.hybridize(static_alloc=True)
    np.testing.assert_array_equal(net(image).asnumpy(), imperative)


def test_one_step_of_training_changes_every_weight() -> None:
    net = vision.ResNetV2(vision.BasicBlockV2, [1, 1], [4, 4, 8], classes=3, thumbnail=True)
    net.initialize(mx.init.Xavier())
    image = mx.nd.array(np.resize(cases.NOISE, (4, 3, 8, 8)))
    net(image)
    trainer = mx.gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 0.1})
    weights = {name: p for name, p in net.collect_params().items() if p.grad_req != "null"}
    before = {name: p.data().asnumpy() for name, p in weights.items()}
    with mx.autograd.record():
        loss = mx.gluon.loss.SoftmaxCrossEntropyLoss()(net(image), mx.nd.array([0, 1, 2, 0]))
    loss.backward()
    trainer.step(4)
    assert len(weights) == 18
    for name, p in weights.items():
        assert not np.array_equal(p.data().asnumpy(), before[name]), name


class Repository:
    """A server of model files on this machine that counts what it is asked for."""

    def __init__(self, folder: Path):
        self.folder = folder / "gluon" / "models"
        self.folder.mkdir(parents=True)
        self.requests: list[str] = []
        requests = self.requests

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                requests.append(self.path)

        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))
        )
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def offer(self, name: str, content: bytes, member: str | None = None) -> None:
        stem = f"{name}-{model_store.short_hash(name)}"
        with zipfile.ZipFile(self.folder / f"{stem}.zip", "w") as archive:
            archive.writestr(member or f"{stem}.params", content)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    repository = Repository(tmp_path / "served")
    monkeypatch.setenv("MXNET_GLUON_REPO", repository.url)
    yield repository
    repository.server.shutdown()
    repository.server.server_close()


CONTENT = b"parameters" * 100


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(model_store._model_sha1, "toy", hashlib.sha1(CONTENT).hexdigest())
    return "toy"


def test_short_hash_begins_the_hash() -> None:
    assert model_store.short_hash("vgg11") == "dd221b16"
    with pytest.raises(ValueError, match="Pretrained model for nope is not available"):
        model_store.short_hash("nope")


def test_model_file_is_downloaded_once(repository: Repository, toy: str, tmp_path: Path) -> None:
    repository.offer(toy, CONTENT)
    root = tmp_path / "kept"
    path = model_store.get_model_file(toy, root=root)
    assert path == str(root / f"toy-{model_store.short_hash(toy)}.params")
    assert Path(path).read_bytes() == CONTENT
    assert model_store.get_model_file(toy, root=str(root)) == path
    assert len(repository.requests) == 1
    assert os.listdir(root) == [os.path.basename(path)]


def test_damaged_model_file_is_downloaded_again(
    repository: Repository, toy: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    repository.offer(toy, CONTENT)
    path = Path(model_store.get_model_file(toy, root=tmp_path))
    path.write_bytes(b"damaged")
    with caplog.at_level(logging.WARNING):
        assert model_store.get_model_file(toy, root=tmp_path) == str(path)
    assert "Mismatch in the content of model file detected. Downloading again." in caplog.text
    assert path.read_bytes() == CONTENT


def test_repository_url_may_end_with_a_slash(
    repository: Repository, toy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.offer(toy, CONTENT)
    monkeypatch.setenv("MXNET_GLUON_REPO", repository.url + "/")
    model_store.get_model_file(toy, root=tmp_path)
    assert repository.requests == [f"/gluon/models/toy-{model_store.short_hash(toy)}.zip"]


@pytest.mark.parametrize("damage", ["hash", "zip", "member"])
def test_wrong_download_raises_and_leaves_nothing(
    repository: Repository, toy: str, tmp_path: Path, damage: str
) -> None:
    repository.offer(toy, CONTENT[:-1] if damage == "hash" else CONTENT, "../x" if damage == "member" else None)
    if damage == "zip":
        (repository.folder / f"toy-{model_store.short_hash(toy)}.zip").write_bytes(b"not an archive")
    message = {"hash": "different hash", "zip": "not a sound zip archive", "member": "doesn't hold"}[damage]
    with pytest.raises(OSError if damage == "member" else ValueError, match=message):
        model_store.get_model_file(toy, root=tmp_path / "kept")
    assert os.listdir(tmp_path / "kept") == []
    assert not (tmp_path / "x").exists()


def test_missing_model_file_raises(repository: Repository, toy: str, tmp_path: Path) -> None:
    with pytest.raises(mx.MXNetError, match="Failed downloading url .*/gluon/models/toy-.*404"):
        model_store.get_model_file(toy, root=tmp_path)


def test_purge_removes_model_files_only(tmp_path: Path) -> None:
    for name in ("a.params", "b.params", "c.txt"):
        (tmp_path / name).write_text("")
    model_store.purge(tmp_path)
    assert os.listdir(tmp_path) == ["c.txt"]
    with pytest.raises(FileNotFoundError):
        model_store.purge(tmp_path / "nowhere")


def test_pretrained_network_has_the_downloaded_parameters(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = vision.mobilenet0_25()
    image = cases.settle(mx, trained, 32)
    expected = trained(image).asnumpy()
    trained.save_parameters(str(tmp_path / "trained.params"))
    content = (tmp_path / "trained.params").read_bytes()
    monkeypatch.setitem(model_store._model_sha1, "mobilenet0.25", hashlib.sha1(content).hexdigest())
    repository.offer("mobilenet0.25", content)
    net = vision.get_model("mobilenet0.25", pretrained=True, root=str(tmp_path / "kept"), ctx=mx.cpu())
    np.testing.assert_array_equal(net(image).asnumpy(), expected)
