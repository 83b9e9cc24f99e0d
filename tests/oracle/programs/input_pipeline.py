"""Iterators, data sets, samplers, loaders with workers, transforms, key-value stores."""

import mxnet as mx
import numpy as np
from common import report
from mxnet import gluon, nd
from mxnet.gluon import data
from mxnet.gluon.data.vision import transforms


X = np.arange(20).reshape(10, 2).astype("f")
Y = np.arange(10).astype("f")
for h in ("pad", "discard", "roll_over"):
    it = mx.io.NDArrayIter({"a": X, "b": X * 2}, {"l": Y}, batch_size=4, last_batch_handle=h)
    for ep in range(3):
        for b in it:
            print(
                h, ep, b.pad, b.index, [d.asnumpy().ravel()[:3].tolist() for d in b.data], b.label[0].asnumpy().tolist()
            )
        it.reset()
print(it.provide_data, it.provide_label)
it = mx.io.ResizeIter(mx.io.NDArrayIter(X, Y, 4), 5)
print(sum(1 for _ in it))
it.reset()
print([b.data[0].shape for b in it])
np.savetxt("d.csv", X, delimiter=",", fmt="%g")
np.savetxt("l.csv", Y, delimiter=",", fmt="%g")
for rb in (True, False):
    it = mx.io.CSVIter(data_csv="d.csv", data_shape=(2,), label_csv="l.csv", batch_size=3, round_batch=rb)
    for b in it:
        print(rb, b.pad, b.data[0].asnumpy().tolist(), b.label[0].asnumpy().tolist())
p = mx.io.PrefetchingIter(mx.io.NDArrayIter(X, Y, 5))
print([b.label[0].asnumpy().tolist() for b in p], p.provide_data)

ds = data.ArrayDataset(X, Y)
print(len(ds), ds[3])
t = ds.transform(lambda x, y: (x * 2, y + 1))
print(t[2])
t = ds.transform_first(lambda x: x + 100, lazy=False)
print(t[1])
print(
    len(ds.filter(lambda s: s[1] % 2 == 0)),
    [s[1] for s in ds.shard(3, 1)],
    [s[1] for s in ds.take(2)],
)
print(
    list(data.BatchSampler(data.SequentialSampler(10), 4, "keep")),
    list(data.BatchSampler(data.SequentialSampler(10), 4, "discard")),
    len(data.BatchSampler(data.SequentialSampler(10), 4, "rollover")),
)
bs = data.BatchSampler(data.SequentialSampler(10), 4, "rollover")
print([list(bs), list(bs)])
print(list(data.FilterSampler(lambda s: s[1] > 6, ds)))
for nw in (0, 2):
    dl = data.DataLoader(
        data.SimpleDataset([(np.full((2,), i, "float32"), i, nd.array([i])) for i in range(5)]),
        batch_size=2,
        num_workers=nw,
        last_batch="keep",
    )
    print(len(dl))
    for a in dl:
        print([(x.shape, str(x.dtype), x.asnumpy().ravel().tolist()) for x in a])
dl = data.DataLoader(
    ds,
    batch_sampler=data.BatchSampler(data.SequentialSampler(10), 5, "keep"),
    batchify_fn=lambda loss: (nd.array([a[0] for a in loss]), [b for _, b in loss]),
    num_workers=2,
    thread_pool=True,
)
for a in dl:
    print(a[0].shape, a[1])

img = nd.array(np.random.RandomState(3).randint(0, 255, (12, 10, 3)), dtype="uint8")
f = transforms.Compose(
    [
        transforms.Resize(8, keep_ratio=True),
        transforms.CenterCrop((6, 7)),
        transforms.ToTensor(),
        transforms.Normalize((0.4, 0.5, 0.6), (0.2, 0.3, 0.4)),
    ]
)
o = f(img)
report(o.shape, o[0])
report(transforms.Cast("float16")(img).dtype, transforms.CropResize(1, 2, 5, 6, (4, 3), interpolation=1)(img)[:, :, 0])
report(f(img).sum())
print(f)
s = gluon.utils.split_data(nd.arange(10), 3, even_split=False)
print([x.asnumpy().tolist() for x in s])
try:
    gluon.utils.split_data(nd.arange(10), 3)
except ValueError:
    print("ValueError")
kv = mx.kv.create("local")
kv.init(3, nd.ones((2, 3)) * 2)
a = nd.zeros((2, 3))
kv.pull(3, out=a)
report(a)
kv.push(3, [nd.ones((2, 3))] * 4)
kv.pull(3, out=a)
report(a)
kv._set_updater(lambda k, i, s: s.__iadd__(i * 2))
kv.push(3, nd.ones((2, 3)))
kv.pull(3, out=a)
report(a)
kv = mx.kv.create("local")
kv.init(["x", "y"], [nd.ones(2)] * 2)
kv.push(["x", "y"], [[nd.ones(2)] * 2] * 2)
b = [nd.zeros(2), nd.zeros(2)]
kv.pull(["x", "y"], out=b)
report(*b, kv.rank, kv.num_workers, kv.type)
kv2 = mx.kv.create("device")
kv2.init(0, nd.ones(3))
kv2.set_optimizer(mx.optimizer.create("sgd", learning_rate=0.1, momentum=0.9))
for _ in range(3):
    kv2.push(0, [nd.ones(3), nd.ones(3) * 2])
    o = nd.zeros(3)
    kv2.pull(0, o)
    report(o)
