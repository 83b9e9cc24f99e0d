from __future__ import annotations

import logging
import threading

import pytest

import mxnet as mx
from mxnet import engine, error, libinfo, log, registry, runtime, util


@pytest.fixture(autouse=True)
def _classic_semantics():
    yield
    util.reset_np()


def flags() -> tuple[bool, bool]:
    return util.is_np_array(), util.is_np_shape()


def test_set_np_and_reset_np_switch_both_semantics():
    assert flags() == (False, False)
    util.set_np()
    assert flags() == (True, True)
    util.reset_np()
    assert flags() == (False, False)


def test_a_class_property_reads_from_the_class():
    class Unit:
        @mx.base.classproperty
        def label(cls):
            return cls.__name__

        @mx.base.classproperty
        @classmethod
        def method(cls):
            return cls.__name__

    assert Unit.label == Unit().label == Unit.method == "Unit"
    with pytest.raises(AttributeError, match="Unit can't be set"):
        Unit().label = "other"


def test_semantics_belong_to_a_thread():
    seen = []
    util.set_np()
    thread = threading.Thread(target=lambda: seen.append(flags()))
    thread.start()
    thread.join()
    assert seen == [(False, False)]


def test_array_semantics_need_shape_semantics():
    with pytest.raises(ValueError, match="Shape semantics is required"):
        util.set_np(shape=False, array=True)
    util.set_np()
    with pytest.raises(ValueError, match="not allowed"):
        util.set_np_shape(False)
    assert flags() == (True, True)


def test_set_np_shape_returns_the_previous_state_and_checks_its_argument():
    assert util.set_np_shape(True) is False
    assert util.set_np_shape(0) is True
    with pytest.raises(TypeError):
        util.set_np_shape("a")


def test_scopes_nest_and_restore():
    with util.np_shape():
        with util.np_shape(False), util.np_array():
            assert flags() == (True, False)
        assert flags() == (False, True)
    assert flags() == (False, False)


def test_decorators_switch_during_calls_of_functions_and_methods():
    @util.use_np
    class Thing:
        def __init__(self):
            self.seen = flags()

        def method(self):
            return flags()

        @property
        def value(self):
            return flags()

        @staticmethod
        def static():
            return flags()

        @classmethod
        def of_class(cls):
            return cls, flags()

    class Child(Thing):
        def own(self):
            return flags()

    on, thing = (True, True), Child()
    assert (thing.seen, thing.method(), thing.value, thing.static()) == (on, on, on, on)
    assert thing.of_class() == (Child, on)
    assert thing.own() == (False, False)
    assert util.use_np_array(flags)() == (True, False)
    assert util.use_np_shape(flags)() == (False, True)
    assert util.use_np_shape(flags).__name__ == "flags"
    with pytest.raises(TypeError, match="use_np_shape can only decorate"):
        util.use_np_shape(3)


def test_a_decorated_function_restores_after_an_error():
    def fail():
        raise KeyError

    with pytest.raises(KeyError):
        util.use_np(fail)()
    assert flags() == (False, False)


def test_ufunc_wrappers_take_numpys_defaults_only():
    unary = util.wrap_np_unary_func(lambda x, out=None: (x, out))
    assert unary(1, 2, where=True, casting="same_kind", order="K", dtype=None, subok=True) == (1, 2)
    with pytest.raises(NotImplementedError, match="where=False"):
        unary(1, where=False)
    with pytest.raises(TypeError, match="foo is an invalid keyword"):
        unary(1, foo=1)
    with pytest.raises(TypeError, match="not understood"):
        unary(1, subok=3)
    binary = util.wrap_np_binary_func(lambda x, y, out=None: (x, y, out))
    assert binary(1, 2, out=3) == (1, 2, 3)
    with pytest.raises(NotImplementedError, match="order=C"):
        binary(1, 2, order="C")


@pytest.mark.parametrize(
    ("key", "value", "legal"),
    [
        ("where", False, True), ("casting", "no", True), ("casting", 1, False), ("order", "C", True),
        ("dtype", None, False), ("dtype", "float32", True), ("dtype", int, False), ("subok", False, True),
        ("subok", 3, False), ("foo", 1, False),
    ],
)  # fmt: skip
def test_np_ufunc_legal_option_agrees_with_mxnet(key, value, legal):
    assert util.np_ufunc_legal_option(key, value) is legal  # recorded from MXNet 1.9.1


def test_environment_variables(monkeypatch):
    monkeypatch.delenv("MXNEXT_TEST", raising=False)
    assert util.getenv("MXNEXT_TEST") is None
    util.setenv("MXNEXT_TEST", "1")
    assert util.getenv("MXNEXT_TEST") == "1"
    util.setenv("MXNEXT_TEST", None)
    assert util.getenv("MXNEXT_TEST") is None
    with pytest.raises(TypeError):
        util.setenv("MXNEXT_TEST", 1)


def test_gpu_questions_about_a_cpu_are_refused():
    with pytest.raises(ValueError, match="Expecting a gpu context"):
        util.get_cuda_compute_capability(mx.cpu())
    missing = util.get_gpu_count()
    with pytest.raises(mx.MXNetError):
        util.get_gpu_memory(missing)
    with pytest.raises(mx.MXNetError, match="does not have gpu"):
        util.get_cuda_compute_capability(mx.gpu(missing))


def test_set_module():
    assert util.set_module("a.b")(lambda: None).__module__ == "a.b"
    assert util.set_module(None)(lambda: None).__module__ == __name__


def test_registry_makes_instances_from_names_configurations_and_instances():
    class Base:
        def __init__(self, *args, **kwargs):
            self.args, self.kwargs = args, kwargs

    register, alias = registry.get_register_func(Base, "thing"), registry.get_alias_func(Base, "thing")
    create = registry.get_create_func(Base, "thing")

    @alias("x", "Y")
    @register
    class First(Base):
        pass

    assert registry.get_registry(Base) == {"first": First, "x": First, "y": First}
    made = create("FIRST", 1, k=2)
    assert type(made) is First
    assert (made.args, made.kwargs) == ((1,), {"k": 2})
    for configuration in ('["x", {"k": 3}]', '{"thing": "y", "k": 3}', {"thing": "first", "k": 3}):
        assert create(configuration).kwargs == {"k": 3}
    assert create(thing="x", k=3).kwargs == {"k": 3}
    assert create(made) is made
    for arguments in (("nope",), (made, 2), (3,), (), ('["x", {}]', 1)):
        with pytest.raises(mx.MXNetError):
            create(*arguments)
    with pytest.raises(mx.MXNetError, match="subclass of Base"):
        register(int)
    with pytest.warns(UserWarning, match="overriding existing thing"):
        register(type("First", (Base,), {}))


def test_bulk_scope_restores_the_previous_size():
    before = engine.set_bulk_size(7)
    with engine.bulk(5):
        assert engine.set_bulk_size(6) == 5
    assert engine.set_bulk_size(before) == 7
    with pytest.raises(TypeError):
        engine.set_bulk_size(2.5)
    with pytest.raises(mx.MXNetError, match="-1"):
        engine.set_bulk_size(-1)


def test_features_are_one_mapping_of_known_names():
    features = runtime.Features()
    assert runtime.Features() is features is runtime.Features.instance
    assert features.is_enabled("cuda") == features["CUDA"].enabled == (mx.num_gpus() > 0)
    assert features.is_enabled("INT64_TENSOR_SIZE")
    assert [f.name for f in runtime.feature_list()] == list(features)
    assert repr(features["TVM_OP"]) == "✖ TVM_OP"
    with pytest.raises(RuntimeError, match="'FOO' is unknown"):
        features.is_enabled("foo")


def test_library_paths_come_from_the_environment_or_are_refused(monkeypatch, tmp_path):
    for name in ("MXNET_LIBRARY_PATH", "MXNET_INCLUDE_PATH"):
        monkeypatch.delenv(name, raising=False)
    for find in (libinfo.find_lib_path, libinfo.find_include_path, libinfo.find_conf_path):
        with pytest.raises(RuntimeError, match="Cannot find"):
            find()
    library = tmp_path / "libmxnet.so"
    library.touch()
    monkeypatch.setenv("MXNET_LIBRARY_PATH", str(library))
    monkeypatch.setenv("MXNET_INCLUDE_PATH", str(tmp_path))
    assert libinfo.find_lib_path() == [str(library)]
    assert libinfo.find_include_path() == str(tmp_path)


def test_errors_are_registered_under_their_names():
    assert mx.base.error_types["InternalError"] is error.InternalError
    assert mx.base.error_types["ValueError"] is ValueError
    assert str(error.InternalError("broken")).startswith("broken\nMXNet hint:")

    @error.register
    class OwnError(mx.MXNetError):
        pass

    assert mx.base.error_types.pop("OwnError") is OwnError


def test_loggers_are_set_up_once_and_write_files(tmp_path):
    logger = log.get_logger("mxnext.test.stream", level=log.INFO)
    assert log.get_logger("mxnext.test.stream") is logger
    assert (logger.level, len(logger.handlers)) == (log.INFO, 1)
    record = logging.LogRecord("c", log.ERROR, "/a/b.py", 3, "msg %d", (1,), None, func="fn")
    text = logger.handlers[0].format(record)
    assert text.startswith("\x1b[31mE")  # recorded from MXNet 1.9.1: the head is red, with the level's letter
    assert text.endswith(" /a/b.py:fn:3]\x1b[0m msg 1")

    path = tmp_path / "log.txt"
    with pytest.warns(DeprecationWarning, match="get_logger"):
        logger = log.getLogger("mxnext.test.file", str(path))
    logger.error("err")
    logger.info("not shown")
    logger.handlers[0].close()
    assert path.read_text() == "err\n"
