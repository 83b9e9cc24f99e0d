"""Networks of the model zoo, and what is compared of them; run by the original's Python and by ours."""

import hashlib
import json

import numpy as np

# Name -> edge of a square image, the smallest that it accepts where it takes none of 32.
MODELS = {
    "alexnet": 63,
    **dict.fromkeys(["vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn"], 32),
    **dict.fromkeys(["squeezenet1.0", "squeezenet1.1"], 213),
    **{f"resnet{depth}_v{version}": 32 for depth in (18, 34, 50, 101, 152) for version in (1, 2)},
    **dict.fromkeys(["densenet121", "densenet161", "densenet169", "densenet201"], 221),
    "inceptionv3": 299,
    **{f"mobilenet{width}": 32 for width in ("1.0", "0.75", "0.5", "0.25")},
    **{f"mobilenetv2_{width}": 32 for width in ("1.0", "0.75", "0.5", "0.25")},
}
# Networks of other sizes: class, its arguments, edge of the image.
VARIANTS = {
    "thumbnail_v1": (lambda vision: vision.ResNetV1(vision.BasicBlockV1, [1, 1], [4, 4, 8], 3, True), 8),
    "thumbnail_v2": (lambda vision: vision.ResNetV2(vision.BottleneckV2, [2, 1], [4, 8, 16], 3, thumbnail=True), 8),
    "bottleneck_v1": (lambda vision: vision.ResNetV1(vision.BottleneckV1, [1, 2], [8, 8, 16], classes=3), 32),
    "densenet_dropout": (lambda vision: vision.DenseNet(8, 4, [1, 2], bn_size=2, dropout=0.3, classes=3), 56),
    "vgg_small": (lambda vision: vision.VGG([1, 2], [4, 6], classes=3, batch_norm=True), 8),
    "mobilenet_odd": (lambda vision: vision.MobileNet(0.33, classes=3), 32),
    "mobilenet_v2_odd": (lambda vision: vision.MobileNetV2(1.3, classes=3), 32),
}
NOISE = np.random.RandomState(1).standard_normal(65537).astype(np.float32)  # its length is prime


def sha1(text):
    return hashlib.sha1(text.encode()).hexdigest()


def initializer(init):
    return init if init is None or isinstance(init, str) else init.dumps()


def describe(mx, net):
    """Its representation, its parameters in order, and its graph, each as a hash."""
    parameters = [
        [path, p.name, list(p.shape), np.dtype(p.dtype).name, p.grad_req, initializer(p.init)]
        for path, p in net._collect_params_with_prefix().items()
    ]
    assert [p[1] for p in parameters] == list(net.collect_params())
    return {
        "repr": sha1(repr(net)),
        "parameters": sha1(json.dumps(parameters)),
        "num_parameters": len(parameters),
        "graph": sha1(net(mx.sym.var("data")).tojson()),
    }


def settle(mx, net, edge):
    """Give every parameter the values that its place and shape determine, and return an image."""
    image = mx.nd.array(np.resize(NOISE, (1, 3, edge, edge)))
    net.initialize(mx.init.Zero())
    net.infer_shape(image)
    for i, (name, p) in enumerate(net.collect_params().items()):
        noise = np.resize(np.roll(NOISE, 97 * i), p.shape)
        if name.endswith(("gamma", "running_var")):
            values = 1 + 0.1 * np.abs(noise)
        elif name.endswith("weight"):
            values = noise * np.float32(np.sqrt(2 / np.prod(p.shape[1:])))
        else:
            values = 0.1 * noise
        p.set_data(mx.nd.array(values))
    return image


def answer(mx, net, edge):
    """What the network answers, as floats."""
    return [float(value) for value in net(settle(mx, net, edge)).asnumpy().ravel()]
