"""Calls of image operators and transforms whose results don't depend on chance. A case is (name, function of mxnet)."""

import numpy as np

IMAGE = np.random.RandomState(0).randint(0, 256, (7, 9, 3)).astype("uint8")
EVEN = np.random.RandomState(1).randint(0, 256, (6, 8, 3)).astype("uint8")  # flips of odd sizes are broken there
TENSOR = np.random.RandomState(2).rand(3, 5, 6).astype("float32")


def op(name, image=IMAGE, *args, dtype=None, **kwargs):
    def run(mx):
        data = mx.nd.array(image, dtype=dtype or image.dtype)
        return getattr(mx.nd.image, name)(data, *args, **kwargs)

    return run


def transform(name, image=IMAGE, *args, **kwargs):
    def run(mx):
        data = mx.nd.array(image, dtype=image.dtype)
        return getattr(mx.gluon.data.vision.transforms, name)(*args, **kwargs)(data)

    return run


CASES = [
    ("to_tensor", op("to_tensor")),
    ("to_tensor_float", op("to_tensor", dtype="float32")),
    ("to_tensor_batch", op("to_tensor", IMAGE[None])),
    ("normalize", op("normalize", TENSOR, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))),
    ("normalize_one", op("normalize", TENSOR[:1], mean=0.1307, std=0.3081)),
    ("normalize_batch", op("normalize", TENSOR[None], mean=0.5, std=0.25)),
    ("crop", op("crop", IMAGE, 1, 2, 4, 3)),
    ("crop_batch", op("crop", IMAGE[None], 0, 0, 9, 7)),
    ("flip_left_right", op("flip_left_right", EVEN)),
    ("flip_top_bottom", op("flip_top_bottom", EVEN)),
    *(
        (f"resize_{interp}_{width}x{height}_{dtype}", op("resize", dtype=dtype, size=(width, height), interp=interp))
        for interp in range(5)
        for width, height in ((4, 3), (13, 11), (3, 14))
        for dtype in ("uint8", "float32")
    ),
    ("resize_square", op("resize", size=5)),
    ("resize_keep_ratio", op("resize", size=5, keep_ratio=True)),
    ("resize_batch", op("resize", IMAGE[None], size=(5, 4))),
    ("resize_gray", op("resize", IMAGE[..., :1], size=(5, 4))),
    ("brightness", op("random_brightness", min_factor=1.7, max_factor=1.7)),
    ("brightness_float", op("random_brightness", dtype="float32", min_factor=1.7, max_factor=1.7)),
    ("contrast", op("random_contrast", min_factor=0.4, max_factor=0.4)),
    ("contrast_float", op("random_contrast", dtype="float32", min_factor=1.4, max_factor=1.4)),
    ("hue_float", op("random_hue", dtype="float32", min_factor=1.3, max_factor=1.3)),
    ("lighting_float", op("adjust_lighting", dtype="float32", alpha=(0.1, -0.2, 0.3))),
    ("lighting", op("adjust_lighting", alpha=(0.5, 0.2, 0.3))),
    ("center_crop", transform("CenterCrop", IMAGE, (4, 5))),
    ("center_crop_large", transform("CenterCrop", IMAGE, (12, 5))),
    ("center_crop_taller", transform("CenterCrop", IMAGE, (4, 20))),
    ("crop_resize", transform("CropResize", IMAGE, 1, 1, 5, 4, (3, 6), 1)),
    ("resize_transform", transform("Resize", IMAGE, 4, keep_ratio=True)),
    ("cast", transform("Cast", IMAGE, "float16")),
    ("rotate", transform("Rotate", TENSOR, 30)),
    ("rotate_batch", transform("Rotate", TENSOR[None], -75)),
    ("rotate_zoom_in", transform("Rotate", TENSOR, 20, zoom_in=True)),
    ("rotate_zoom_out", transform("Rotate", TENSOR, 20, zoom_out=True)),
]
