"""Record training runs, checkpoints, iterators' orders and logs of the original; run by its Python.

Writes module.npz, module.json and the checkpoint module-0003.* next to it, into tests/oracle/data.
"""

import io
import json
import logging
import os
import re
import struct
import tempfile

import mxnet as mx
import numpy as np

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


def lenet(sym):
    x = sym.Convolution(sym.var("data"), kernel=(3, 3), num_filter=4, name="conv1")
    x = sym.BatchNorm(x, fix_gamma=False, name="bn1")
    x = sym.Activation(x, act_type="tanh", name="tanh1")
    x = sym.Pooling(x, kernel=(2, 2), stride=(2, 2), pool_type="max", name="pool1")
    x = sym.FullyConnected(sym.Flatten(x, name="flat"), num_hidden=8, name="fc1")
    x = sym.Activation(x, act_type="relu", name="relu1")
    return sym.SoftmaxOutput(sym.FullyConnected(x, num_hidden=3, name="fc2"), name="softmax")


def bucket_net(sym, key):
    x = sym.FullyConnected(sym.Reshape(sym.var("data"), shape=(-1, 4)), num_hidden=5, name="fc1")
    x = sym.sum(sym.Reshape(x, shape=(-1, key, 5)), axis=1)
    x = sym.SoftmaxOutput(sym.FullyConnected(x, num_hidden=3, name="fc2"), name="softmax")
    return x, ("data",), ("softmax_label",)


def values(shapes, seed):
    rs = np.random.RandomState(seed)
    return {name: rs.uniform(-0.5, 0.5, shape).astype("float32") for name, shape in sorted(shapes.items())}


def batches(seed, count, shape, classes):
    rs = np.random.RandomState(seed)
    return [
        (rs.normal(size=shape).astype("float32"), rs.randint(0, classes, shape[0]).astype("float32"))
        for _ in range(count)
    ]


def train(context, kvstore, out, tag):
    net = lenet(mx.sym)
    mod = mx.mod.Module(net, context=context)
    mod.bind([("data", (6, 1, 8, 8))], [("softmax_label", (6,))])
    arg_shapes, _, aux_shapes = net.infer_shape(data=(6, 1, 8, 8))
    args = {n: s for n, s in zip(net.list_arguments(), arg_shapes) if n not in ("data", "softmax_label")}
    params = {n: mx.nd.array(v) for n, v in values(args, 1).items()}
    aux = {"bn1_moving_mean": mx.nd.zeros((4,)), "bn1_moving_var": mx.nd.ones((4,))}
    mod.init_params(arg_params=params, aux_params=aux)
    mod.init_optimizer(kvstore=kvstore, optimizer_params={"learning_rate": 0.1, "momentum": 0.9, "wd": 1e-3})
    losses = []
    for data, label in batches(2, 10, (6, 1, 8, 8), 3):
        mod.forward_backward(mx.io.DataBatch([mx.nd.array(data)], [mx.nd.array(label)]))
        mod.update()
        prob = mod.get_outputs()[0].asnumpy()
        losses.append(-np.log(prob[np.arange(6), label.astype(int)]).mean())
    out[tag + "_losses"] = np.array(losses)
    for part in mod.get_params():
        for name, value in part.items():
            out[tag + "_" + name] = value.asnumpy()
    return mod


def train_buckets(out):
    mod = mx.mod.BucketingModule(lambda key: bucket_net(mx.sym, key), default_bucket_key=4)
    mod.bind([("data", (2, 16))], [("softmax_label", (2,))])
    shapes = {"fc1_weight": (5, 4), "fc1_bias": (5,), "fc2_weight": (3, 5), "fc2_bias": (3,)}
    mod.init_params(arg_params={n: mx.nd.array(v) for n, v in values(shapes, 3).items()}, aux_params={})
    mod.init_optimizer(optimizer_params={"learning_rate": 0.1, "momentum": 0.5})
    outputs = []
    for step, key in enumerate((4, 2, 3, 2, 4)):
        ((data, label),) = batches(10 + step, 1, (2, 4 * key), 3)
        mod.forward_backward(mx.io.DataBatch(
            [mx.nd.array(data)], [mx.nd.array(label)], bucket_key=key, provide_data=[("data", data.shape)],
            provide_label=[("softmax_label", label.shape)]))
        mod.update()
        outputs.append(mod.get_outputs()[0].asnumpy())
    out["bucket_outputs"] = np.array(outputs)
    out["bucket_fc1_weight"] = mod.get_params()[0]["fc1_weight"].asnumpy()


def epochs(iterator, count=3):
    seen = []
    for _ in range(count):
        seen.append([(b.label[0].asnumpy().astype(int).tolist(), b.pad) for b in iterator])
        iterator.reset()
    return seen


def write_idx(path, array):
    with open(path, "wb") as f:
        f.write(struct.pack(">4B%dI" % array.ndim, 0, 0, 8, array.ndim, *array.shape) + array.astype("u1").tobytes())


def iterators(folder):
    found = {}
    x, y = np.arange(20, dtype="float32").reshape(10, 2), np.arange(10, dtype="float32")
    for last in ("pad", "discard", "roll_over"):
        for shuffle in (False, True):
            np.random.seed(0)
            found["ndarray %s %d" % (last, shuffle)] = epochs(
                mx.io.NDArrayIter(x, y, 4, shuffle=shuffle, last_batch_handle=last))
    image, label = os.path.join(folder, "image"), os.path.join(folder, "label")
    write_idx(image, np.zeros((203, 2, 2)))
    write_idx(label, np.arange(203))
    for seed in (0, 1, 42):
        for parts, part in ((1, 0), (3, 1)):
            found["mnist %d %d %d" % (seed, parts, part)] = epochs(mx.io.MNISTIter(
                image=image, label=label, batch_size=10, seed=seed, num_parts=parts, part_index=part, silent=True), 2)
    data, label = os.path.join(folder, "d.csv"), os.path.join(folder, "l.csv")
    np.savetxt(data, np.arange(14).reshape(7, 2), delimiter=",")
    np.savetxt(label, np.arange(7), delimiter=",")
    for wrap in (True, False):
        found["csv %d" % wrap] = epochs(mx.io.CSVIter(
            data_csv=data, data_shape=(2,), label_csv=label, batch_size=3, round_batch=wrap))
    return found


def logs(folder):
    """The lines that fit logs, speeds and times left out."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    data, label = batches(5, 1, (22, 4), 3)[0]
    symbol = mx.sym.SoftmaxOutput(mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="fc"), name="softmax")
    mod = mx.mod.Module(symbol)
    prefix = os.path.join(folder, "log")
    mod.fit(
        mx.io.NDArrayIter(data, label, 4), mx.io.NDArrayIter(data, label, 4), eval_metric=["acc", "ce"], num_epoch=2,
        initializer=mx.init.One(), optimizer_params={"learning_rate": 0.3},
        batch_end_callback=[
            mx.callback.Speedometer(4, 2), mx.callback.log_train_metric(3), mx.callback.ProgressBar(6, 10)],
        epoch_end_callback=[
            mx.callback.do_checkpoint(prefix), mx.callback.module_checkpoint(mod, prefix + "m", 2, True)],
        eval_end_callback=mx.callback.LogValidationMetricsCallback(),
        monitor=mx.monitor.Monitor(4, pattern="fc_output|fc_weight"))
    root.removeHandler(handler)
    text = stream.getvalue().replace(folder, "FOLDER")
    return re.sub(r"Speed: \S+|cost=\S+", "-", text).split("\n")


def main():
    out = {}
    mod = train(mx.cpu(), "local", out, "one")
    prefix = os.path.join(DATA, "module")
    mod.save_checkpoint(prefix, 3, save_optimizer_states=True)
    train([mx.cpu(0), mx.cpu(1)], "device", out, "two")
    train([mx.cpu(0), mx.cpu(1)], None, out, "apart")
    train_buckets(out)
    np.savez_compressed(prefix + ".npz", **out)
    with tempfile.TemporaryDirectory() as folder:
        facts = {"iterators": iterators(folder), "logs": logs(folder)}
    with open(prefix + ".json", "w") as f:
        json.dump(facts, f, indent=None, separators=(",", ":"))


if __name__ == "__main__":
    main()
