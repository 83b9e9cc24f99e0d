"""BatchNorm and relu in one operator, as networks fused for a CPU have them."""

from __future__ import annotations

from torch import Tensor

from .normalization import _BATCH_NORM_DOC, _batch_norm_dtypes, _batch_norm_shapes, _channel_shapes, batch_norm
from .registry import operator


@operator(
    "_contrib_BatchNormWithReLU",
    num_outputs=3,
    num_visible_outputs=lambda output_mean_var, **_: 3 if output_mean_var else 1,
    output_names=("output", "mean", "var"),
    mutates=("moving_mean", "moving_var"),
    variable_init={"moving_mean": "zero", "moving_var": "one"},
)
def batch_norm_with_relu(
    data: Tensor, gamma: Tensor, beta: Tensor, moving_mean: Tensor, moving_var: Tensor, *,
    eps: float = 0.0010000000474974513, momentum: float = 0.9, fix_gamma: bool = True, use_global_stats: bool = False,
    output_mean_var: bool = False, axis: int = 1, cudnn_off: bool = False, min_calib_range: float | None = None,
    max_calib_range: float | None = None, training: bool,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """BatchNorm followed by relu: ``max((data - mean) / sqrt(var + eps) * gamma + beta, 0)``.
    {doc}
        axis: which axis of data has the channels.
        cudnn_off, min_calib_range, max_calib_range: no meaning here, accepted for compatibility.
    Returns: the result, and with output_mean_var the mean and ``1 / sqrt(var + eps)`` of each channel.
    """
    out, mean, inverse_std = batch_norm.function(
        data, gamma, beta, moving_mean, moving_var, eps=eps, momentum=momentum, fix_gamma=fix_gamma,
        use_global_stats=use_global_stats, output_mean_var=output_mean_var, axis=axis, training=training,
    )  # fmt: skip
    return out.relu(), mean, inverse_std


batch_norm_with_relu.infer_arguments(_channel_shapes)
batch_norm_with_relu.infer_dtype(_batch_norm_dtypes)
batch_norm_with_relu.infer_shape(_batch_norm_shapes)
batch_norm_with_relu.function.__doc__ = (batch_norm_with_relu.function.__doc__ or "").replace(
    "    {doc}\n", _BATCH_NORM_DOC
)
