"""Data sets, samplers, the loader, and image operators and transforms."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import pickle
import random
import time

import numpy as np
import pytest
from gluon_recorded import ARRAYS, image_cases
from hypothesis import given, settings
from hypothesis import strategies as st

import mxnet as mx
from mxnet import gluon, recordio
from mxnet.gluon import data as gdata
from mxnet.gluon.data import vision
from mxnet.gluon.data.vision import transforms
from mxnet.mnist import write_idx
from mxnet.ops import image as image_operators

WORKERS = pytest.mark.parametrize(
    "workers",
    [{}, {"num_workers": 2}, {"num_workers": 2, "thread_pool": True}],
    ids=["here", "processes", "threads"],
)


def numbers(batches):
    return [batch.asnumpy().tolist() for batch in batches]


# Data sets


def test_array_dataset_gives_tuples_and_numpy_scalars():
    data = gdata.ArrayDataset(np.arange(10), mx.nd.arange(10))
    assert data[3] == (3, 3.0)
    assert type(data[2][1]) is np.float32
    assert len(data) == 10
    assert gdata.ArrayDataset(mx.nd.ones((3, 4)))[0].shape == (4,)
    assert gdata.ArrayDataset([1, 2])[1] == 2
    with pytest.raises(AssertionError, match="same length"):
        gdata.ArrayDataset([1, 2], [1])
    with pytest.raises(AssertionError, match="at least 1"):
        gdata.ArrayDataset()


def test_transforms_are_lazy_unless_asked():
    calls = []
    data = gdata.SimpleDataset([1, 2, 3])
    lazy = data.transform(lambda x: calls.append(x) or x * 10)
    assert calls == []
    assert list(lazy) == [10, 20, 30]
    calls.clear()
    eager = data.transform(lambda x: calls.append(x) or x * 10, lazy=False)
    assert calls == [1, 2, 3]
    assert eager[1] == 20
    pairs = gdata.ArrayDataset([1, 2], [3, 4])
    assert pairs.transform(lambda x, y: x + y)[1] == 6
    assert pairs.transform_first(lambda x: -x)[1] == (-2, 4)
    assert data.transform_first(lambda x: -x)[1] == -2


def test_parts_of_data_sets():
    data = gdata.SimpleDataset(list(range(10)))
    assert [list(data.shard(3, i)) for i in range(3)] == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert list(data.filter(lambda x: x % 4 == 1)) == [1, 5, 9]
    assert [len(data.take(n)) for n in (0, 3, 20, None)] == [0, 3, 10, 10]
    assert list(data.sample(gdata.SequentialSampler(3, 5))) == [5, 6, 7]
    with pytest.raises(AssertionError, match="3 out of 3"):
        data.shard(3, 3)
    with pytest.raises(AssertionError, match="non-negative"):
        data.shard(3, -1)
    with pytest.raises(mx.MXNetError, match="count is -1"):
        data.take(-1)
    with pytest.raises(TypeError, match="Invalid sampler type"):
        data.sample([1, 2])
    with pytest.raises(NotImplementedError):
        gdata.Dataset()[0]


@given(st.integers(1, 40), st.integers(1, 9))
def test_shards_are_a_partition_of_nearly_equal_parts(size, count):
    data = gdata.SimpleDataset(list(range(size)))
    parts = [list(data.shard(count, i)) for i in range(count)]
    assert sum(parts, []) == list(range(size))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_record_file_dataset_reads_records(tmp_path):
    with recordio.MXIndexedRecordIO(str(tmp_path / "a.idx"), str(tmp_path / "a.rec"), "w") as file:
        for i in range(3):
            file.write_idx(i, b"record %d" % i)
    data = gdata.RecordFileDataset(tmp_path / "a.rec")
    assert (len(data), data[1]) == (3, b"record 1")
    loader = gdata.DataLoader(data, 2, num_workers=1, batchify_fn=list)
    assert list(loader) == [[b"record 0", b"record 1"], [b"record 2"]]
    with pytest.raises(mx.MXNetError, match="none.rec"):
        gdata.RecordFileDataset(tmp_path / "none.rec")


# Samplers


def test_random_sampler_follows_numpys_seed():
    np.random.seed(0)
    sampler = gdata.RandomSampler(5)
    # Recorded from MXNet 1.9.1.
    assert list(sampler) == [2, 0, 1, 3, 4]
    assert list(sampler) == [0, 2, 1, 4, 3]
    assert len(sampler) == 5


def test_batch_sampler_treats_the_last_batch_as_recorded():
    def rounds(last_batch):
        sampler = gdata.BatchSampler(gdata.SequentialSampler(10), 3, last_batch)
        return [(len(sampler), list(sampler)) for _ in range(3)]

    assert rounds("keep") == [(4, [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]])] * 3
    assert rounds("discard") == [(3, [[0, 1, 2], [3, 4, 5], [6, 7, 8]])] * 3
    assert rounds("rollover") == [
        (3, [[0, 1, 2], [3, 4, 5], [6, 7, 8]]),
        (3, [[9, 0, 1], [2, 3, 4], [5, 6, 7]]),
        (4, [[8, 9, 0], [1, 2, 3], [4, 5, 6], [7, 8, 9]]),
    ]
    with pytest.raises(ValueError, match="'keep', 'discard', or 'rollover'"):
        len(gdata.BatchSampler(gdata.SequentialSampler(10), 3, "x"))


def test_other_samplers():
    data = gdata.SimpleDataset([5, 1, 7])
    assert list(gdata.FilterSampler(lambda x: x > 3, data)) == [0, 2]
    interval = gluon.contrib.data.IntervalSampler
    assert list(interval(7, 3)) == [0, 3, 6, 1, 4, 2, 5]
    assert list(interval(7, 3, rollover=False)) == [0, 3, 6]
    with pytest.raises(AssertionError, match="Interval 5"):
        interval(3, 5)


# The loader


@WORKERS
def test_loader_gives_batches_in_order(workers):
    data = gdata.ArrayDataset(np.arange(10), mx.nd.arange(20).reshape((10, 2)))
    loader = gdata.DataLoader(data, 4, **workers)
    assert len(loader) == 3
    for _ in range(2):
        batches = list(loader)
        assert [b[0].asnumpy().tolist() for b in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
        assert [b[1].shape for b in batches] == [(4, 2), (4, 2), (2, 2)]
        assert [part.dtype for part in batches[0]] == [np.int64, np.float32]
        assert all(part.context == mx.cpu() for part in batches[0])


@WORKERS
def test_loader_passes_dtypes_and_nested_tuples(workers):
    data = gdata.SimpleDataset([(np.uint8(i), (np.ones(3, "float16") * i, 0.5)) for i in range(4)])
    first, (second, third) = next(iter(gdata.DataLoader(data, 2, **workers)))
    assert (first.dtype, second.dtype, third.dtype) == (np.uint8, np.float16, np.float64)
    assert second.asnumpy().tolist() == [[0, 0, 0], [1, 1, 1]]


@WORKERS
def test_loader_can_be_left_and_nested(workers):
    loader = gdata.DataLoader(gdata.SimpleDataset(list(range(6))), 2, **workers)
    for batch in loader:
        assert batch.asnumpy().tolist() == [0, 1]
        break
    pairs = [(a.asnumpy()[0], b.asnumpy()[0]) for a in loader for b in loader]
    assert pairs == [(a, b) for a in (0, 2, 4) for b in (0, 2, 4)]


@WORKERS
def test_errors_of_the_data_set_reach_the_caller(workers):
    def fail(x):
        if x == 3:
            raise ValueError("example 3 is bad")
        return x

    loader = gdata.DataLoader(gdata.SimpleDataset(list(range(6))).transform(fail), 2, **workers)
    with pytest.raises(ValueError, match="example 3 is bad"):
        list(loader)
    with pytest.raises(ValueError, match="example 3 is bad"):
        list(loader)


@pytest.mark.parametrize("thread_pool", [False, True])
def test_a_slow_worker_is_reported(thread_pool):
    slow = gdata.SimpleDataset([0, 1]).transform(lambda x: time.sleep(1.5) or x)
    loader = gdata.DataLoader(slow, 1, num_workers=1, thread_pool=thread_pool, timeout=0.2)
    with pytest.raises(multiprocessing.TimeoutError, match="within 0.2 seconds"):
        list(loader)


def test_worker_arrays_are_in_shared_memory():
    loader = gdata.DataLoader(gdata.SimpleDataset([mx.nd.ones(3)] * 4), 2, num_workers=1)
    assert all(batch.as_torch().is_shared() for batch in loader)


def test_workers_draw_different_numbers_that_follow_from_the_seed():
    def draw(x):
        return float(mx.nd.random.uniform().asscalar()) + 0 * x

    def drawn():
        mx.random.seed(3)
        loader = gdata.DataLoader(gdata.SimpleDataset(list(range(8))).transform(draw), 1, num_workers=2)
        return [batch.asscalar() for batch in loader]

    first = drawn()
    assert len(set(first)) == 8
    assert drawn() == first


@WORKERS
def test_rollover_shuffle_and_samplers(workers):
    data = gdata.SimpleDataset(list(range(5)))
    loader = gdata.DataLoader(data, 2, last_batch="rollover", **workers)
    assert numbers(loader) == [[0, 1], [2, 3]]
    assert numbers(loader) == [[4, 0], [1, 2], [3, 4]]
    shuffled = numbers(gdata.DataLoader(data, 5, shuffle=True, **workers))[0]
    assert sorted(shuffled) == [0, 1, 2, 3, 4]
    assert numbers(gdata.DataLoader(data, 2, sampler=[2, 1, 0], **workers)) == [[2, 1], [0]]
    assert numbers(gdata.DataLoader(data, batch_sampler=[[0], [1, 2]], **workers)) == [[0], [1, 2]]
    assert list(gdata.DataLoader(data, 2, last_batch="discard", batchify_fn=sum, **workers)) == [1, 5]


@WORKERS
def test_auto_reload_begins_the_next_round(workers):
    loader = gdata.DataLoader(gdata.SimpleDataset([1, 2, 3]), 2, auto_reload=True, **workers)
    assert numbers(loader) == numbers(loader) == [[1, 2], [3]]
    loader.refresh()
    loader.clean()
    assert numbers(loader) == [[1, 2], [3]]


@WORKERS
def test_pinned_batches_are_on_the_pinned_context(workers):
    loader = gdata.DataLoader(gdata.SimpleDataset([(1, 2.0)] * 3), 2, pin_memory=True, pin_device_id=1, **workers)
    for batch in loader:
        assert [part.context for part in batch] == [mx.cpu_pinned(1)] * 2


def test_loader_takes_arrays_and_lists():
    assert numbers(gdata.DataLoader([1, 2, 3], 2)) == [[1, 2], [3]]
    assert numbers(gdata.DataLoader(np.arange(3), 2)) == [[0, 1], [2]]
    assert list(gdata.DataLoader([], 2)) == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "batch_size must be specified"),
        ({"batch_size": 0}, ValueError, "batch_size is 0"),
        ({"batch_size": 2, "shuffle": True, "sampler": [0]}, ValueError, "shuffle must not be specified"),
        ({"batch_size": 2, "batch_sampler": [[0]]}, ValueError, "must not be specified if batch_sampler"),
        ({"last_batch": "keep", "batch_sampler": [[0]]}, ValueError, "must not be specified if batch_sampler"),
        ({"batch_size": 2, "timeout": 0}, AssertionError, "timeout must be positive"),
    ],
)
def test_contradicting_arguments_of_the_loader_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        gdata.DataLoader([1, 2], **arguments)


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        (["a", "b"], "dtype <U1"),
        ([np.ones(2), np.ones(3)], "differ in shape"),
        ([mx.nd.ones(2), mx.nd.ones(3)], "stack"),
    ],
)
def test_examples_that_make_no_batch_are_refused(examples, message):
    for make in (gdata.dataloader.default_batchify_fn, gdata.dataloader.default_mp_batchify_fn):
        with pytest.raises(mx.MXNetError, match=message):
            make(examples)


def test_arrays_can_be_pickled_for_other_processes_and_files():
    array = mx.nd.array([[1, 2]])
    assert pickle.loads(pickle.dumps(array)).asnumpy().tolist() == [[1, 2]]


# Vision data sets


def write_digits(folder, count=5):
    rng = np.random.RandomState(0)
    for part, name in enumerate(("train", "t10k")):
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", rng.randint(0, 256, (count + part, 28, 28)).astype("uint8"))
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", np.arange(count + part).astype("uint8"))
    return rng


def test_mnist_reads_a_folder(tmp_path):
    write_digits(tmp_path)
    train, test = vision.MNIST(tmp_path), vision.MNIST(tmp_path, train=False)
    assert (len(train), len(test)) == (5, 6)
    image, label = train[3]
    assert (image.shape, image.dtype, label, type(label)) == ((28, 28, 1), np.uint8, 3, np.int32)
    images, labels = train[0:2]
    assert (images.shape, labels.tolist()) == ((2, 28, 28, 1), [0, 1])
    scaled = vision.MNIST(tmp_path, transform=lambda image, label: (image.astype("float32") / 255, label))
    assert scaled[0][0].asnumpy().max() <= 1
    assert vision.FashionMNIST(tmp_path)[1][1] == 1


def test_mnist_pipeline_gives_normalized_batches(tmp_path):
    write_digits(tmp_path)
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.13, 0.31)])
    data = vision.MNIST(tmp_path)
    for workers in (0, 2):
        loader = gdata.DataLoader(data.transform_first(transform), 4, num_workers=workers)
        images, labels = next(iter(loader))
        assert (images.shape, images.dtype, labels.dtype) == ((4, 1, 28, 28), np.float32, np.int32)
        expected = (data[0][0].asnumpy().transpose(2, 0, 1) / 255 - 0.13) / 0.31
        np.testing.assert_allclose(images[0].asnumpy(), expected, 1e-5, 1e-6)


def test_corrupt_mnist_is_refused(tmp_path):
    write_digits(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:100]))
    with pytest.raises(mx.MXNetError, match="train-images"):
        vision.MNIST(tmp_path)


def test_cifar_is_downloaded_verified_and_read(tmp_path, monkeypatch):
    import hashlib
    import tarfile

    rng = np.random.RandomState(0)
    source, root = tmp_path / "mirror" / "gluon" / "dataset", tmp_path / "root"
    for kind, labels, names in (
        (vision.CIFAR10, 1, ["data_batch_1.bin", "data_batch_2.bin"]),
        (vision.CIFAR100, 2, ["train.bin"]),
    ):
        rows = {name: rng.randint(0, 10, (2, labels + 3072)).astype("uint8") for name in names}
        folder = source / kind._namespace
        folder.mkdir(parents=True)
        for name, content in rows.items():
            (folder / name).write_bytes(content.tobytes())
        archive = folder / kind._archive[0]
        with tarfile.open(archive, "w:gz") as tar:
            for name in names:
                tar.add(folder / name, f"somewhere/{name}")
        sha1 = {name: hashlib.sha1((folder / name).read_bytes()).hexdigest() for name in names}
        monkeypatch.setattr(kind, "_train_files", sha1)
        monkeypatch.setattr(kind, "_archive", (archive.name, hashlib.sha1(archive.read_bytes()).hexdigest()))
        monkeypatch.setenv("MXNET_GLUON_REPO", (tmp_path / "mirror").as_uri())
        data = kind(root / kind._namespace)
        assert len(data) == 2 * len(names)
        image, label = data[1]
        row = rows[names[0]][1]
        assert (image.shape, image.dtype, type(label), label) == ((32, 32, 3), np.uint8, np.int32, row[0])
        np.testing.assert_array_equal(image.asnumpy(), row[labels:].reshape(3, 32, 32).transpose(1, 2, 0))
        if kind is vision.CIFAR100:
            assert kind(root / kind._namespace, fine_label=True)[1][1] == row[1]


def test_image_folders_and_records(tmp_path):
    cv2 = pytest.importorskip("cv2")
    rng = np.random.RandomState(0)
    images = rng.randint(0, 256, (3, 4, 5, 3)).astype("uint8")
    for number, folder in enumerate(("b", "a", "a")):
        os.makedirs(tmp_path / "images" / folder, exist_ok=True)
        cv2.imwrite(str(tmp_path / "images" / folder / f"{number}.png"), images[number][..., ::-1])
    (tmp_path / "images" / "a" / "note.txt").write_text("no image")
    (tmp_path / "images" / "note.txt").write_text("no folder")
    with pytest.warns(UserWarning, match="Ignoring"):
        data = vision.ImageFolderDataset(tmp_path / "images")
    assert data.synsets == ["a", "b"]
    assert [(os.path.basename(path), label) for path, label in data.items] == [("1.png", 0), ("2.png", 0), ("0.png", 1)]
    image, label = data[2]
    assert (label, image.dtype) == (1, np.uint8)
    np.testing.assert_array_equal(image.asnumpy(), images[0])
    with recordio.MXIndexedRecordIO(str(tmp_path / "a.idx"), str(tmp_path / "a.rec"), "w") as file:
        for i in range(2):
            header = recordio.IRHeader(0, float(i) if i == 0 else [1, 2], i, 0)
            file.write_idx(i, recordio.pack_img(header, images[i][..., ::-1], img_fmt=".png"))
        file.write_idx(2, recordio.pack(recordio.IRHeader(0, 0.0, 2, 0), b"no image"))
    records = vision.ImageRecordDataset(tmp_path / "a.rec")
    np.testing.assert_array_equal(records[0][0].asnumpy(), images[0])
    assert (records[0][1], records[1][1].tolist()) == (0.0, [1, 2])
    assert vision.ImageRecordDataset(tmp_path / "a.rec", flag=0)[0][0].shape == (4, 5, 1)
    assert vision.ImageRecordDataset(tmp_path / "a.rec", transform=lambda image, label: label)[0] == 0.0
    with pytest.raises(mx.MXNetError, match="record 2"):
        records[2]


# Image operators and transforms


@pytest.mark.parametrize(("name", "run"), image_cases.CASES, ids=[c[0] for c in image_cases.CASES])
def test_image_operator_gives_the_recorded_image(name, run):
    out, expected = run(mx).asnumpy(), ARRAYS[f"image/{name}/out"]
    assert (out.shape, out.dtype) == (expected.shape, expected.dtype)
    if out.dtype == np.uint8:  # OpenCV works with fixed point numbers there
        assert np.abs(out.astype(int) - expected).max() <= 1
        assert (out == expected).mean() > 0.9
    else:
        np.testing.assert_allclose(out, expected, 1e-4, 1e-4 * np.abs(expected).max())


@settings(deadline=None, max_examples=30)
@given(*[st.integers(1, 40)] * 4, st.sampled_from([1, 3]), st.integers(0, 2**32 - 1))
def test_bytes_are_scaled_to_the_same_bits_with_and_without_opencv(height, width, rows, columns, channels, seed):
    pytest.importorskip("cv2")
    data = np.random.RandomState(seed).randint(0, 256, (rows, columns, channels)).astype("uint8")
    array = mx.nd.array(data, dtype="uint8")
    symbol = mx.sym.image.resize(mx.sym.Variable("data"), size=(width, height))
    fast = mx.nd.image.resize(array, (width, height)).asnumpy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_operators, "_opencv_resize", lambda: None)
        np.testing.assert_array_equal(mx.nd.image.resize(array, (width, height)).asnumpy(), fast)
    np.testing.assert_array_equal(symbol.eval(data=array)[0].asnumpy(), fast)


@pytest.mark.parametrize("shape", [(5, 4, 1), (4, 5, 3), (3, 3, 2)])
def test_flips_mirror_images_of_any_size(shape):
    # MXNet 1.9.1 leaves the middle of an odd size undefined.
    image = np.random.RandomState(0).randint(0, 256, shape).astype("uint8")
    array = mx.nd.array(image, dtype="uint8")
    np.testing.assert_array_equal(mx.nd.image.flip_left_right(array).asnumpy(), image[:, ::-1])
    np.testing.assert_array_equal(mx.nd.image.flip_top_bottom(array).asnumpy(), image[::-1])


@pytest.mark.parametrize(
    ("make", "axis"), [(transforms.RandomFlipLeftRight, 1), (transforms.RandomFlipTopBottom, 0)], ids=["left", "top"]
)
def test_random_flips_happen_half_the_time(make, axis):
    mx.random.seed(1)
    image = mx.nd.array(image_cases.IMAGE, dtype="uint8")
    flipped = [(make()(image).asnumpy() == np.flip(image.asnumpy(), axis)).all() for _ in range(100)]
    assert 30 < sum(flipped) < 70


def test_saturation_mixes_each_pixel_with_its_gray():
    # MXNet 1.9.1 takes 0.114 * blue for the gray here, but the sum of all channels in mx.image.
    image = image_cases.IMAGE.astype("float32")
    out = mx.nd.image.random_saturation(mx.nd.array(image), min_factor=0.3, max_factor=0.3).asnumpy()
    gray = image @ np.array([0.299, 0.587, 0.114], "float32")
    np.testing.assert_allclose(out, 0.3 * image + 0.7 * gray[..., None], 1e-4)


def test_hue_turned_by_a_third_swaps_channels():
    image = image_cases.IMAGE.astype("float32")
    out = mx.nd.image.random_hue(mx.nd.array(image), min_factor=1 / 3, max_factor=1 / 3).asnumpy()
    np.testing.assert_allclose(out, image[..., [2, 0, 1]], 1e-3, 1e-2)


def test_colour_transforms_stay_in_their_range():
    mx.random.seed(2)
    image = mx.nd.array(image_cases.IMAGE)
    plain = image.asnumpy()
    for _ in range(20):
        ratio = transforms.RandomBrightness(0.3)(image).asnumpy() / np.maximum(plain, 1e-6)
        assert 0.7 <= ratio[plain > 0].min() == pytest.approx(ratio.max(), rel=1e-4)
        assert ratio.max() <= 1.3001
    for transform in (
        transforms.RandomContrast(0.3), transforms.RandomSaturation(0.3), transforms.RandomHue(0.1),
        transforms.RandomColorJitter(0.2, 0.2, 0.2, 0.1), transforms.RandomLighting(0.1),
    ):  # fmt: skip
        out = transform(image).asnumpy()
        assert out.shape == plain.shape
        assert 0 < np.abs(out - plain).mean() < 100
    np.testing.assert_array_equal(transforms.RandomColorJitter()(image).asnumpy(), plain)


def test_random_resized_crop_shows_part_of_the_image():
    random.seed(0)
    ramp = mx.nd.array(np.arange(40, dtype="float32")[None, :, None] * np.ones((30, 1, 1), "float32"))
    crop = transforms.RandomResizedCrop((8, 6), scale=(0.1, 0.5))
    for _ in range(20):
        out = crop(ramp).asnumpy()
        assert out.shape == (6, 8, 1)
        assert (np.diff(out[0, :, 0]) > 0).all()
        assert out.min() >= 0
        assert out.max() <= 39


def test_compose_joins_hybrid_transforms():
    composed = transforms.Compose([transforms.ToTensor(), transforms.Cast("float16"), transforms.CenterCrop(2)])
    assert len(composed) == 2
    assert isinstance(composed[0], gluon.nn.HybridSequential)
    assert len(transforms.Compose([])) == 0
    assert transforms.Compose([transforms.ToTensor(), lambda x: x + 1])(mx.nd.zeros((2, 2, 1))).asnumpy().max() == 1


def test_random_apply_and_rotation_happen_by_chance():
    image = mx.nd.array(image_cases.IMAGE, dtype="uint8")
    assert transforms.RandomApply(transforms.ToTensor(), 1.0)(image).shape == (3, 7, 9)
    assert transforms.RandomApply([transforms.ToTensor()], 0.0)(image) is image
    tensor = mx.nd.array(image_cases.TENSOR)
    assert transforms.RandomRotation((-30, 30), rotate_with_proba=0)(tensor) is tensor
    random.seed(0)
    assert not np.array_equal(transforms.RandomRotation((10, 30))(tensor).asnumpy(), tensor.asnumpy())


IMAGE = mx.nd.array(image_cases.IMAGE, dtype="uint8")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: mx.nd.image.to_tensor(mx.nd.ones((2, 2))), mx.MXNetError, "height, width, channels"),
        (lambda: transforms.Normalize(0.5)(IMAGE), mx.MXNetError, "1 or 3 channels, first"),
        (lambda: transforms.Normalize((0.1, 0.2))(mx.nd.ones((3, 2, 2))), mx.MXNetError, "mean must have"),
        (lambda: transforms.CropResize(5, 0, 5, 2)(IMAGE), mx.MXNetError, "width 9 and height 7"),
        (lambda: transforms.Resize(0)(IMAGE), mx.MXNetError, "positive"),
        (lambda: transforms.Resize(3, interpolation=9)(IMAGE), mx.MXNetError, "interp is 9"),
        (lambda: transforms.CenterCrop((1, 2, 3)), mx.MXNetError, "expected one number"),
        (lambda: transforms.CenterCrop(3)(IMAGE.expand_dims(0)), ValueError, "one image"),
        (lambda: mx.nd.image.random_brightness(IMAGE, 2, 1), mx.MXNetError, "min_factor"),
        (lambda: mx.nd.image.adjust_lighting(IMAGE, (1, 2)), mx.MXNetError, "3 numbers"),
        (lambda: transforms.RandomLighting(1)(IMAGE[:, :, :1]), mx.MXNetError, "3 channels"),
        (lambda: transforms.Rotate(30)(IMAGE), TypeError, "float32"),
        (lambda: transforms.Rotate(30, True, True)(mx.nd.ones((1, 2, 2))), ValueError, "zoom_in"),
        (lambda: transforms.RandomRotation((10, -10)), ValueError, "ordered"),
        (lambda: transforms.RandomRotation((1, 10), rotate_with_proba=2), ValueError, "between 0 and 1"),
    ],
)
def test_bad_arguments_of_transforms_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()
