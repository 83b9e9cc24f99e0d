"""Interleaved multi-head attention; the oracle has float32 only on a CPU."""

from operator_cases import case, uniform

SELF_QK, SELF_VAL = "contrib.interleaved_matmul_selfatt_qk", "contrib.interleaved_matmul_selfatt_valatt"
CROSS_QK, CROSS_VAL = "contrib.interleaved_matmul_encdec_qk", "contrib.interleaved_matmul_encdec_valatt"
CASES = []
for length, batch, heads, size in ((3, 2, 2, 4), (4, 1, 3, 1), (1, 3, 1, 5)):
    attrs = {"heads": heads}
    CASES += [
        case(SELF_QK, [uniform(length, batch, heads * 3 * size)], attrs),
        case(SELF_VAL, [uniform(length, batch, heads * 3 * size), uniform(batch * heads, length, length)], attrs),
        case(CROSS_QK, [uniform(length, batch, heads * size), uniform(5, batch, heads * 2 * size)], attrs),
        case(CROSS_VAL, [uniform(5, batch, heads * 2 * size), uniform(batch * heads, length, 5)], attrs),
    ]
CASES += [
    case(SELF_QK, [uniform(3, 12)], {"heads": 2}, raises=True),
    case(SELF_QK, [uniform(3, 2, 12)], {}, raises=True),
    case(SELF_VAL, [uniform(3, 2, 12), uniform(4, 3, 2)], {"heads": 2}, raises=True),
    case(SELF_VAL, [uniform(3, 2, 12), uniform(4, 3)], {"heads": 2}, raises=True),
    case(CROSS_QK, [uniform(3, 2, 4), uniform(5, 3, 8)], {"heads": 2}, raises=True),
    case(CROSS_QK, [uniform(3, 2, 4), uniform(5, 2, 6)], {"heads": 2}, raises=True),
    case(CROSS_QK, [uniform(3, 2, 4), uniform(5, 2, 8, dtype="float64")], {"heads": 2}, raises=True),
    case(CROSS_VAL, [uniform(5, 2, 8), uniform(4, 3, 4)], {"heads": 2}, raises=True),
]
