"""One operator each, for MXNet and for torch: what to compute, on what, at a small and at a real size.

This file is read by the Python of the original, too. In an expression the letters are arrays, `n` and `s` numbers that
differ between the sizes, and `training` is True where the gradient is computed as well. Where an operator of MXNet
copies (transpose, reshape, slices), torch copies too. Gradients are asked for with a head gradient of the shape of the
result.
"""

FLOAT, POSITIVE, UNIT = "float", "positive", "unit"  # from -1 to 1; from 0.5 to 1.5; from 0 to 1

IMAGE = {"x": (2, 4, 8, 8)}, {"x": (16, 64, 56, 56)}  # 3.2 million numbers, 12.8 MB
PAIR = {"x": (2, 4, 8, 8), "y": (2, 4, 8, 8)}, {"x": (16, 64, 56, 56), "y": (16, 64, 56, 56)}
SCORES = {"x": (8, 10)}, {"x": (1024, 1000)}
NORM = tuple(
    {"x": x["x"], "g": (c, POSITIVE), "b": (c,), "m": (c, "state"), "v": (c, "state positive")}
    for x, c in ((IMAGE[0], 4), (IMAGE[1], 64))
)


class Job:
    """One operator.

    name    of the operator in MXNet, and a remark where it has several rows
    mxnet, torch  expressions
    sizes   inputs for the small and the real size: letter -> shape, or (*shape, kind), kind: float, positive, unit,
            state (not differentiated), or "index k", whole numbers below k
    n, s    values of these names at the small and the real size
    gradient  whether there is one
    trained  expression of torch where the gradient is computed, if another
    """

    def __init__(self, name, mxnet, torch, sizes=IMAGE, n=(0, 0), s=(0, 0), gradient=True, trained=None):
        self.name, self.mxnet, self.torch, self.sizes = name, mxnet, torch, sizes
        self.n, self.s, self.gradient, self.trained = n, s, gradient, trained or torch


def unary(name, torch=None, sizes=IMAGE, **options):
    return Job(name, f"nd.{name}(x)", torch or f"torch.{name}(x)", sizes, **options)


def positive(sizes):
    return tuple({letter: (*shape, POSITIVE) for letter, shape in size.items()} for size in sizes)


def labelled(sizes, kind=""):
    return tuple(dict(size, i=(size["x"][0], f"index {size['x'][1]}{kind}")) for size in sizes)


#: The sixty operators that programs use most, most used first (convolutions, dense layers and the like count their
#: Gluon layers), then others that matter.
JOBS = (
    Job("Convolution", "nd.Convolution(x, w, b, kernel=(3, 3), pad=(1, 1), num_filter=n)", "F.conv2d(x, w, b, 1, 1)",
        ({"x": (1, 4, 8, 8), "w": (4, 4, 3, 3), "b": (4,)}, {"x": (8, 64, 56, 56), "w": (64, 64, 3, 3), "b": (64,)}),
        n=(4, 64)),
    Job("Reshape", "nd.reshape(x, shape=(0, -1))", "x.reshape(x.shape[0], -1).clone()"),
    Job("Activation", "nd.Activation(x, act_type='relu')", "torch.relu(x)"),
    Job("FullyConnected", "nd.FullyConnected(x, w, b, num_hidden=n)", "F.linear(x, w, b)",
        ({"x": (8, 8), "w": (8, 8), "b": (8,)}, {"x": (64, 2048), "w": (1000, 2048), "b": (1000,)}), n=(8, 1000)),
    Job("BatchNorm", "nd.BatchNorm(x, g, b, m, v, fix_gamma=False)", "F.batch_norm(x, m, v, g, b, training, 0.1, 1e-3)",
        NORM),
    Job("sum", "nd.sum(x, axis=(2, 3))", "x.sum((2, 3))"),
    Job("Pooling", "nd.Pooling(x, kernel=(3, 3), stride=(2, 2), pad=(1, 1), pool_type='max')",
        "F.max_pool2d(x, 3, 2, 1)"),
    Job("mean", "nd.mean(x, axis=(2, 3))", "x.mean((2, 3))"),
    Job("Concat", "nd.concat(x, y, dim=1)", "torch.cat((x, y), 1)", PAIR),
    Job("expand_dims", "nd.expand_dims(x, axis=1)", "x.unsqueeze(1).clone()"),
    Job("transpose", "nd.transpose(x, axes=(0, 2, 3, 1))", "x.permute(0, 2, 3, 1).contiguous()"),
    unary("relu"),
    Job("Flatten", "nd.flatten(x)", "x.flatten(1).clone()"),
    Job("_random_uniform", "nd.random.uniform(shape=s)", "torch.rand(s)", ({}, {}), s=((8, 8), (16, 64, 56, 56)),
        gradient=False),
    Job("slice_axis", "nd.slice_axis(x, axis=1, begin=0, end=n)", "x[:, :n].contiguous()", n=(2, 32)),
    unary("sqrt", sizes=positive(IMAGE)),
    Job("Dropout", "nd.Dropout(x, p=0.5)", "F.dropout(x, 0.5, training) if training else x.clone()"),
    Job("squeeze", "nd.squeeze(x, axis=1)", "x.squeeze(1).clone()",
        ({"x": (8, 1, 8)}, {"x": (1024, 1, 3136)})),
    unary("exp"),
    Job("clip", "nd.clip(x, -0.5, 0.5)", "x.clamp(-0.5, 0.5)"),
    Job("Embedding", "nd.Embedding(i, w, input_dim=n, output_dim=s)", "F.embedding(i, w)",
        ({"i": (2, 4, "index 10"), "w": (10, 8)}, {"i": (64, 128, "index 10000"), "w": (10000, 512)}),
        n=(10, 10000), s=(8, 512)),
    Job("argmax", "nd.argmax(x, axis=1)", "x.argmax(1).float()", SCORES, gradient=False),
    Job("Cast", "nd.Cast(x, dtype='float64')", "x.double()"),
    Job("dot", "nd.dot(x, y)", "torch.mm(x, y)",
        ({"x": (8, 8), "y": (8, 8)}, {"x": (512, 512), "y": (512, 512)})),
    Job("_random_normal", "nd.random.normal(shape=s)", "torch.randn(s)", ({}, {}), s=((8, 8), (16, 64, 56, 56)),
        gradient=False),
    Job("SoftmaxOutput", "nd.SoftmaxOutput(x, i)", "torch.softmax(x, 1)", labelled(SCORES),
        trained="F.cross_entropy(x, i, reduction='sum')"),
    Job("LeakyReLU", "nd.LeakyReLU(x, slope=0.1)", "F.leaky_relu(x, 0.1)"),
    Job("where", "nd.where(c, x, y)", "torch.where(c != 0, x, y)",
        tuple(dict(size, c=(*size["x"], "state 0 or 1")) for size in PAIR)),
    Job("broadcast_mul", "nd.broadcast_mul(x, y)", "x * y",
        ({"x": (2, 4, 8, 8), "y": (1, 4, 1, 1)}, {"x": (16, 64, 56, 56), "y": (1, 64, 1, 1)})),
    Job("_contrib_SyncBatchNorm", "nd.contrib.SyncBatchNorm(x, g, b, m, v, fix_gamma=False, key='norm')",
        "F.batch_norm(x, m, v, g, b, training, 0.1, 1e-3)", NORM),
    Job("max", "nd.max(x, axis=1)", "x.amax(1)"),
    Job("_contrib_BilinearResize2D", "nd.contrib.BilinearResize2D(x, height=n, width=n)",
        "F.interpolate(x, (n, n), mode='bilinear', align_corners=True)",
        ({"x": (1, 2, 4, 4)}, {"x": (4, 64, 56, 56)}), n=(8, 112)),
    Job("softmax", "nd.softmax(x)", "torch.softmax(x, -1)", SCORES),
    unary("zeros_like", gradient=False),
    unary("square"),
    Job("SliceChannel", "nd.split(x, num_outputs=2, axis=1)", "[part.contiguous() for part in x.chunk(2, 1)]"),
    Job("Deconvolution", "nd.Deconvolution(x, w, kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=n)",
        "F.conv_transpose2d(x, w, None, 2, 1)",
        ({"x": (1, 4, 4, 4), "w": (4, 2, 4, 4)}, {"x": (8, 64, 28, 28), "w": (64, 32, 4, 4)}), n=(2, 32)),
    Job("Pad", "nd.pad(x, mode='constant', pad_width=(0, 0, 0, 0, 1, 1, 1, 1), constant_value=0)",
        "F.pad(x, (1, 1, 1, 1))"),
    unary("abs"),
    Job("SwapAxis", "nd.swapaxes(x, dim1=1, dim2=2)", "x.transpose(1, 2).contiguous()"),
    Job("tile", "nd.tile(x, reps=(1, 1, 2, 2))", "x.repeat(1, 1, 2, 2)", ({"x": (2, 4, 8, 8)}, {"x": (4, 64, 56, 56)})),
    unary("log", sizes=positive(IMAGE)),
    unary("ones_like", gradient=False),
    Job("reverse", "nd.flip(x, axis=3)", "x.flip(3)"),
    unary("ceil"),
    unary("sigmoid"),
    unary("floor"),
    Job("batch_dot", "nd.batch_dot(x, y)", "torch.bmm(x, y)",
        ({"x": (2, 4, 8), "y": (2, 8, 4)}, {"x": (96, 128, 64), "y": (96, 64, 128)})),
    Job("stack", "nd.stack(x, y, axis=1)", "torch.stack((x, y), 1)", PAIR),
    Job("take", "nd.take(x, i)", "F.embedding(i, x)",
        ({"x": (10, 8), "i": (4, "index 10")}, {"x": (10000, 512), "i": (8192, "index 10000")})),
    Job("argsort", "nd.argsort(x)", "x.argsort().float()", ({"x": (2, 8)}, {"x": (32, 8732)}), gradient=False),
    Job("norm", "nd.norm(x, axis=1)", "torch.linalg.vector_norm(x, dim=1)"),
    Job("MakeLoss", "nd.MakeLoss(x)", "x.clone()"),
    Job("one_hot", "nd.one_hot(i, n)", "F.one_hot(i, n).float()",
        ({"i": (4, "index 10")}, {"i": (4096, "index 1000")}), n=(10, 1000), gradient=False),
    Job("prod", "nd.prod(x, axis=1)", "x.prod(1)", positive(IMAGE)),
    Job("BlockGrad", "nd.BlockGrad(x)", "x.detach().clone()", gradient=False),
    unary("sin"),
    Job("pick", "nd.pick(x, i)", "x.gather(1, i.unsqueeze(1)).squeeze(1)", labelled(SCORES)),
    Job("topk", "nd.topk(x, k=5)", "torch.topk(x, 5).indices.float()", ({"x": (2, 8)}, {"x": (32, 8732)}),
        gradient=False),
    Job("repeat", "nd.repeat(x, repeats=2, axis=1)", "x.repeat_interleave(2, 1)",
        ({"x": (2, 4, 8, 8)}, {"x": (4, 64, 56, 56)})),
    # Others
    Job("x + y", "x + y", "x + y", PAIR),
    Job("x * y", "x * y", "x * y", PAIR),
    Job("x * 2", "x * 2", "x * 2"),
    Job("sum, everything", "nd.sum(x)", "x.sum()"),
    Job("sum, last axis", "nd.sum(x, axis=1)", "x.sum(1)", SCORES),
    Job("Pooling, average", "nd.Pooling(x, kernel=(2, 2), stride=(2, 2), pool_type='avg')", "F.avg_pool2d(x, 2)"),
    Job("Pooling, global", "nd.Pooling(x, global_pool=True, pool_type='avg')", "F.adaptive_avg_pool2d(x, 1)"),
    Job("_contrib_AdaptiveAvgPooling2D", "nd.contrib.AdaptiveAvgPooling2D(x, output_size=7)",
        "F.adaptive_avg_pool2d(x, 7)"),
    Job("slice", "nd.slice(x, begin=(0, 1), end=(None, n))", "x[:, 1:n].contiguous()", n=(3, 33)),
    Job("broadcast_add", "nd.broadcast_add(x, y)", "x + y",
        ({"x": (2, 4, 8, 8), "y": (1, 4, 1, 1)}, {"x": (16, 64, 56, 56), "y": (1, 64, 1, 1)})),
    Job("broadcast_like", "nd.broadcast_like(y, x)", "y.expand_as(x).contiguous()",
        ({"x": (2, 4, 8, 8, "state"), "y": (2, 4, 1, 1)}, {"x": (16, 64, 56, 56, "state"), "y": (16, 64, 1, 1)})),
    unary("tanh"),
    Job("x > y", "x > y", "(x > y).float()", PAIR, gradient=False),
    Job("x ** 2", "x ** 2", "x ** 2", positive(IMAGE)),
    Job("maximum(x, y)", "nd.maximum(x, y)", "torch.maximum(x, y)", PAIR),
    Job("elu", "nd.LeakyReLU(x, act_type='elu', slope=1.0)", "F.elu(x)"),
    Job("PReLU", "nd.LeakyReLU(x, g, act_type='prelu')", "F.prelu(x, g)",
        tuple(dict(size, g=(size["x"][1],)) for size in IMAGE)),
    Job("softsign", "nd.softsign(x)", "F.softsign(x)"),
    Job("log_softmax", "nd.log_softmax(x)", "torch.log_softmax(x, -1)", SCORES),
    Job("softmax, axis 1", "nd.softmax(x, axis=1)", "torch.softmax(x, 1)",
        ({"x": (2, 4, 8, 8)}, {"x": (16, 21, 64, 64)})),
    Job("LayerNorm", "nd.LayerNorm(x, g, b)", "F.layer_norm(x, (n,), g, b)",
        ({"x": (4, 8), "g": (8,), "b": (8,)}, {"x": (4096, 768), "g": (768,), "b": (768,)}), n=(8, 768)),
    Job("GroupNorm", "nd.GroupNorm(x, g, b, num_groups=n)",
        "F.group_norm(x, n, g.repeat_interleave(s), b.repeat_interleave(s))",
        tuple(dict(size, g=(k,), b=(k,)) for size, k in zip(IMAGE, (2, 32))), n=(2, 32), s=(2, 2)),
    Job("InstanceNorm", "nd.InstanceNorm(x, g, b)", "F.instance_norm(x, None, None, g, b, eps=1e-3)",
        tuple(dict(size, g=(size["x"][1],), b=(size["x"][1],)) for size in IMAGE)),
    Job("L2Normalization", "nd.L2Normalization(x, mode='channel')", "F.normalize(x, dim=1)"),
    Job("SequenceMask", "nd.SequenceMask(x, i, use_sequence_length=True)",
        "x.masked_fill((torch.arange(n).unsqueeze(1) >= i).unsqueeze(2), 0)",
        ({"x": (4, 2, 8), "i": (2, "index 4")}, {"x": (128, 64, 512), "i": (64, "index 128")}), n=(4, 128)),
    Job("smooth_l1", "nd.smooth_l1(x, scalar=1.0)", "F.smooth_l1_loss(x, torch.zeros(()).expand_as(x), "
        "reduction='none')"),
    Job("gather_nd", "nd.gather_nd(x, i)", "x[i[0], i[1]]",
        ({"x": (8, 8), "i": (2, 4, "index 8")}, {"x": (1000, 1000), "i": (2, 100000, "index 1000")})),
    Job("cumsum", "nd.cumsum(x, axis=1)", "x.cumsum(1)", SCORES),
    Job("UpSampling", "nd.UpSampling(x, scale=2, sample_type='nearest')", "F.interpolate(x, scale_factor=2)",
        ({"x": (2, 4, 8, 8)}, {"x": (4, 64, 56, 56)})),
    Job("add_n", "nd.add_n(x, y)", "x + y", PAIR),
    Job("sort", "nd.sort(x)", "x.sort().values", ({"x": (2, 8)}, {"x": (32, 8732)}), gradient=False),
    Job("gelu", "nd.LeakyReLU(x, act_type='gelu')", "F.gelu(x)"),
)  # fmt: skip
BY_NAME = {job.name: job for job in JOBS}


def arrays(job, size, random):
    """The inputs as NumPy arrays: {letter: (array, whether it is differentiated)}.

    size    0 for the small ones, 1 for the real ones
    random  a numpy.random.RandomState
    """
    made = {}
    for letter, spec in job.sizes[size].items():
        shape, kind = (spec[:-1], spec[-1]) if isinstance(spec[-1], str) else (spec, FLOAT)
        if kind.startswith("index"):
            made[letter] = random.randint(0, int(kind.split()[1]), shape).astype("float32"), False
        else:
            low, high = (0.5, 1.5) if "positive" in kind else (0, 1) if kind == UNIT else (-1, 1)
            value = random.uniform(low, high, shape).astype("float32")
            made[letter] = (value > 0).astype("float32") if "0 or 1" in kind else value, "state" not in kind
    return made
