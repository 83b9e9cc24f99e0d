"""Output heads with gradients of their own, and losses."""

from operator_cases import case, integers, uniform, values

CASES = []
INF, NAN = float("inf"), float("nan")


def add(op, inputs, attrs=None, *, grad=True, training=None, raises=False, tolerance=(1e-5, 2e-6), note="", **more):
    inputs = inputs if isinstance(inputs, (list, dict)) else [inputs]
    made = case(op, inputs, {**(attrs or {}), **more}, grad=grad, training=training, raises=raises,
                tolerance=tolerance, note=note)  # fmt: skip
    if any(known.id == made.id for known in CASES):
        made.note = f"number {len(CASES)}"
    CASES.append(made)


def normal(*shape, dtype="float32"):
    return uniform(*shape, low=-2, high=2, dtype=dtype)


def labels(high, *shape, dtype="float32"):
    return integers(*shape, low=0, high=high, dtype=dtype)


# Output heads

head = {"data": normal(4, 3), "label": values([0, 2, 1, 1])}
ignoring = {"use_ignore": True, "ignore_label": 1}
for normalization in ("null", "batch", "valid"):
    for extra in ({}, ignoring, {"grad_scale": 2.5}, {"smooth_alpha": 0.1}, {"out_grad": True},
                  {**ignoring, "smooth_alpha": 0.3, "grad_scale": 0.5}):
        extra = {**extra, "grad": "out_grad" not in extra}  # the oracle multiplies by the output instead
        add("SoftmaxOutput", head, normalization=normalization, **extra)
        add("SoftmaxOutput", {"data": normal(2, 3, 4, 2), "label": labels(3, 2, 4, 2)}, multi_output=True,
            normalization=normalization, **extra)
        add("SoftmaxOutput", {"data": normal(2, 4, 3), "label": labels(3, 2, 4)}, preserve_shape=True,
            normalization=normalization, **extra)
    add("SoftmaxOutput", {"data": normal(4, 3), "label": uniform(4, 3)}, normalization=normalization, grad_scale=3.0)
    add("SoftmaxOutput", {"data": normal(2, 3, 4), "label": uniform(2, 3, 4)}, normalization=normalization,
        multi_output=True)
    add("SoftmaxOutput", {"data": normal(2, 3, 4), "label": uniform(2, 3, 4)}, normalization=normalization,
        preserve_shape=True)
    add("SoftmaxOutput", {"data": normal(2, 3, 4), "label": labels(3, 2, 3)}, normalization=normalization)
    add("SoftmaxOutput", {"data": normal(2, 3, 4), "label": uniform(2, 3, 4)}, normalization=normalization)
    add("SoftmaxOutput", {"data": normal(2, 3, 4, 2), "label": labels(3, 2, 8)}, normalization=normalization,
        multi_output=True)
    add("SoftmaxOutput", {"data": normal(2, 3, 4, 2), "label": labels(3, 2, 1, 4, 2)}, normalization=normalization,
        multi_output=True)
add("SoftmaxOutput", {"data": normal(4, 3), "label": values([0, 5, -1, 1.6])})
add("SoftmaxOutput", {"data": normal(4, 3), "label": values([1, 1, 1, 1])}, normalization="valid", **ignoring)
add("SoftmaxOutput", {"data": normal(4, 3), "label": values([0, 1, -1, 1])}, use_ignore=True)
add("SoftmaxOutput", {"data": normal(4, 3), "label": labels(3, 3)}, raises=True)
add("SoftmaxOutput", {"data": normal(4, 3, 2), "label": labels(3, 4, 3)}, multi_output=True, raises=True)
add("SoftmaxOutput", {"data": normal(4, 3), "label": labels(3, 4)}, smooth_alpha=1.5, raises=True)
for op in ("LinearRegressionOutput", "LogisticRegressionOutput", "MAERegressionOutput"):
    add(op, {"data": normal(4, 3), "label": normal(4, 3)})
    add(op, {"data": normal(4, 3), "label": normal(4, 3)}, grad_scale=2.5)
    add(op, {"data": normal(4), "label": normal(4)})
    add(op, {"data": normal(4, 1), "label": normal(4)})
    add(op, {"data": normal(4, 3, 2), "label": normal(4, 3, 2)})
    add(op, {"data": normal(4, 3, 2), "label": normal(4, 6)})
    add(op, {"data": normal(4, 3), "label": normal(4)}, raises=True)
    add(op, {"data": values([1, 2, 3]), "label": values([1, 2, 4])})
for linear in (False, True):
    add("SVMOutput", head, use_linear=linear)
    add("SVMOutput", {"data": normal(2, 3, 4), "label": labels(4, 2, 3)}, use_linear=linear)
    add("SVMOutput", head, use_linear=linear, margin=0.5, regularization_coefficient=0.3)
    add("SVMOutput", {"data": normal(2, 3, 4), "label": labels(3, 2)}, use_linear=linear, raises=True)
for normalization in ("null", "batch", "valid"):
    add("MakeLoss", normal(4, 3), normalization=normalization)
    add("MakeLoss", normal(4, 3), normalization=normalization, grad_scale=2.5, valid_thresh=0.4)
    add("MakeLoss", uniform(4, 3, low=-1, high=0), normalization=normalization)
add("make_loss", normal(4, 3))
add("BlockGrad", normal(4, 3))
add("smooth_l1", values([-INF, -3, -1, -0.5, -0.0, 0, 0.25, 0.5, 1, 2.5, INF, NAN]), scalar=1.0)
add("smooth_l1", normal(4, 3), scalar=2.0)
add("smooth_l1", normal(4, 3), scalar=0.5)
add("smooth_l1", values([-0.25, 0.25, -1, 1]), scalar=2.0)
ctc = {"data": normal(6, 3, 5), "label": values([[1, 2, 0], [2, 2, 3], [4, 0, 0]])}
add("CTCLoss", ctc, grad=(0,))
add("CTCLoss", {**ctc, "label": values([[1, 2, -1], [2, 2, 3], [0, -1, -1]])}, blank_label="last", grad=(0,))
add("CTCLoss", {**ctc, "data_lengths": values([6, 5, 3])}, use_data_lengths=True, grad=(0,))
add("CTCLoss", {**ctc, "label_lengths": values([2, 3, 1])}, use_label_lengths=True, grad=(0,))
add("CTCLoss", {**ctc, "label": values([[1, 2, 3], [2, 2, 3], [4, 1, 1]]), "label_lengths": values([2, 3, 1])},
    use_label_lengths=True, grad=(0,))
add("CTCLoss", {**ctc, "data_lengths": values([6, 5, 3]), "label_lengths": values([2, 3, 1])}, use_data_lengths=True,
    use_label_lengths=True, grad=(0,))
add("CTCLoss", {**ctc, "label": values([[1, 2, 3], [0, 2, 3], [3, 1, 1]]), "label_lengths": values([2, 3, 1])},
    use_label_lengths=True, blank_label="last", grad=(0,))
add("CTCLoss", {**ctc, "data_lengths": values([6, 2, 3])}, use_data_lengths=True, grad=False)
add("CTCLoss", {**ctc, "label": values([[1, 2, 0], [0, 0, 0], [4, 0, 0]])}, grad=(0,))
add("CTCLoss", {**ctc, "label": values([[1, 2, 0], [2, 2, 3], [4, 0, 0]], "int32")}, grad=(0,))
