"""Calibration of quantized networks: histograms that grow with the data."""

from __future__ import annotations

import numpy as np

Histogram = tuple[np.ndarray, np.ndarray, float, float, float]


def combine_histogram(old_hist: Histogram, arr: np.ndarray, new_min: float, new_max: float, new_th: float) -> Histogram:
    """Count more numbers in a histogram; bins of the same width join on both sides where it is too narrow.

    Args:
        old_hist: (counts, edges, min, max, threshold): counts of numbers from -threshold to threshold, the len(counts)
            + 1 edges between them, and the smallest and largest number so far.
        arr: the numbers to count, any shape.
        new_min, new_max, new_th: smallest, largest and largest absolute value of arr.
    Returns: the new histogram, of the same form.
    """
    counts, edges, low, high, threshold = old_hist
    ends = min(low, new_min), max(high, new_max)
    if new_th <= threshold:
        added, _ = np.histogram(arr, bins=len(counts), range=(-threshold, threshold))
        return counts + added, edges, *ends, threshold
    width = 2 * threshold / len(counts)
    more = int((new_th - threshold) // width + 1)
    threshold += more * width
    added, edges = np.histogram(arr, bins=len(counts) + 2 * more, range=(-threshold, threshold))
    added[more:-more] += counts
    return added, edges, *ends, threshold
