"""Detection after the network: suppression, targets, detections, proposals, on predictions like those of real ones."""

import numpy as np

from mxnet import autograd, nd

SSD_MAPS = ((38, 4), (19, 6), (10, 6), (5, 6), (3, 4), (1, 4))  # size, anchors per place: 8,732 anchors of SSD-300
ANCHORS = sum(size * size * count for size, count in SSD_MAPS)


def ssd_anchors():
    """(1, 8732, 4) corners in [0, 1]."""
    boxes = []
    for number, (size, count) in enumerate(SSD_MAPS):
        scale = 0.1 + 0.15 * number
        ratios = (1, 1.3, 2, 0.5, 3, 1 / 3)[:count]
        center = (np.arange(size) + 0.5) / size
        y, x = (part.ravel() for part in np.meshgrid(center, center, indexing="ij"))
        for ratio in ratios:
            w, h = scale * ratio**0.5, scale / ratio**0.5
            boxes.append(np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1))
    return np.concatenate(boxes).astype("float32")[None]


def objects(batch, classes, random):
    """(batch, 10, 5) class and corners of some objects in each image, -1 where there are fewer."""
    label = np.full((batch, 10, 5), -1, "float32")
    for image in range(batch):
        count = random.randint(1, 11)
        corner, size = random.uniform(0, 0.7, (count, 2)), random.uniform(0.1, 0.3, (count, 2))
        label[image, :count] = np.concatenate([random.randint(0, classes, (count, 1)), corner, corner + size], 1)
    return label


def scores(batch, classes, random):
    """(batch, classes + 1, anchors) probabilities: most anchors see the background, about one in twenty an object."""
    logits = random.normal(0, 1, (batch, classes + 1, ANCHORS))
    seen = random.uniform(size=(batch, ANCHORS)) < 0.05
    logits[:, 0] += np.where(seen, 0, 8)
    kind = random.randint(1, classes + 1, (batch, ANCHORS))
    np.put_along_axis(logits, kind[:, None], np.take_along_axis(logits, kind[:, None], 1) + 5 * seen[:, None], 1)
    power = np.exp(logits)
    return (power / power.sum(1, keepdims=True)).astype("float32")


def box_nms(batch, classes, topk, valid):
    """Rows of class, score, corners; valid is the threshold of the score, 0 keeps every box."""
    random = np.random.RandomState(0)
    chance = scores(batch, classes, random)[:, 1:]
    corners = ssd_anchors() + random.normal(0, 0.02, (batch, ANCHORS, 4))
    rows = np.concatenate([chance.argmax(1)[..., None], chance.max(1)[..., None], corners], 2).astype("float32")
    data = nd.array(rows)
    return lambda: nd.contrib.box_nms(
        data, overlap_thresh=0.45, valid_thresh=valid, topk=topk, id_index=0, score_index=1, coord_start=2
    )


def multi_box_detection(batch, classes):
    random = np.random.RandomState(0)
    chance = nd.array(scores(batch, classes, random))
    moves = nd.array(random.normal(0, 0.5, (batch, ANCHORS * 4)).astype("float32"))
    anchors = nd.array(ssd_anchors())
    return lambda: nd.contrib.MultiBoxDetection(chance, moves, anchors, nms_threshold=0.45, nms_topk=400)


def multi_box_target(batch, classes):
    random = np.random.RandomState(0)
    chance, label = nd.array(scores(batch, classes, random)), nd.array(objects(batch, classes, random))
    anchors = nd.array(ssd_anchors())
    return lambda: nd.contrib.MultiBoxTarget(
        anchors, label, chance, overlap_threshold=0.5, negative_mining_ratio=3, negative_mining_thresh=0.5
    )


def proposal(height, width, operator):
    """The region proposals of Faster R-CNN: 600x800 pixels, stride 16, 9 anchors a place."""
    random = np.random.RandomState(0)
    size = (height // 16, width // 16)
    chance = nd.array(random.uniform(size=(1, 18, *size)).astype("float32"))
    moves = nd.array(random.normal(0, 0.2, (1, 36, *size)).astype("float32"))
    info = nd.array([[height, width, 1]])
    function = getattr(nd.contrib, operator)
    return lambda: function(
        cls_prob=chance, bbox_pred=moves, im_info=info, feature_stride=16, scales=(8, 16, 32), ratios=(0.5, 1, 2),
        rpn_pre_nms_top_n=6000, rpn_post_nms_top_n=300, threshold=0.7, rpn_min_size=16,
    )  # fmt: skip


def network(size):
    """For scale: the body of SSD-300, VGG-16 without its dense layers, on one image."""
    from mxnet.gluon.model_zoo import vision

    body = vision.vgg16().features[:-4]
    body.initialize()
    body.hybridize()
    image = nd.random.uniform(shape=(1, 3, size, size))
    return lambda: body(image)


JOBS = {
    function.__name__: function for function in (box_nms, multi_box_detection, multi_box_target, proposal, network)
}


def program(job, *arguments):
    """run(n) for one of the jobs."""
    call = JOBS[job](*arguments)

    def run(n):
        with autograd.predict_mode():
            for _ in range(n):
                call()
        nd.waitall()

    return run
