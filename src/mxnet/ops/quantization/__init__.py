"""Operators on quantized arrays: 8-bit integers that stand for real numbers, and the range they stand for.

A quantized array is three arrays: the integers (int8, uint8, or int32 for sums of products), and its range, min and
max, float32 of shape (1,). With m the larger of |min| and |max|, an integer q stands for the real number

    int8   q * m / 127.5    (q from -128 to 127)         uint8  q * m / 255.5    (q from 0 to 255)
    int32  q * m / (2 ** 31 - 1)

so zero is always exact. Operators which make 8-bit arrays from others round halves to even, and what doesn't fit is
brought to the nearest end. These are the constants of MXNet; some of its operators count 127 and 255 steps instead,
and say so. No gradient passes through any of these operators.
"""
