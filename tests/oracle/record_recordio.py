"""Record files and packed records that MXNet 1.9.1 writes: data/recordio.json.

Run by the original's Python: python tests/oracle/record_recordio.py
"""
import json
import os
import struct

import numpy as np
from mxnet import recordio

HERE = os.path.dirname(os.path.abspath(__file__))
SCRATCH = os.path.join(HERE, "data", "scratch")
M = struct.pack("<I", 0xCED7230A)


def content(path):
    with open(path, "rb") as file:
        return file.read()


files = []
for records in (
    [], [b""], [b"a", b"ab", b"abc", b"abcd", b"\0"], [M], [M + M], [M + b"abc"], [b"ab" + M], [b"abc" + M + b"1"],
    [b"abcd" + M + b"x", b"next"], [b"abcd" + M + b"efgh" + M + M + b"ij", b""], [M[:3], M[1:], M + M[:3]],
    [bytes(range(256)) * 5, M * 9 + b"z", b"q" * 4097],
):
    writer = recordio.MXRecordIO(SCRATCH + ".rec", "w")
    for record in records:
        writer.write(record)
    writer.close()
    files.append({"records": [record.hex() for record in records], "file": content(SCRATCH + ".rec").hex()})

writer = recordio.MXIndexedRecordIO(SCRATCH + ".idx", SCRATCH + ".rec", "w")
tells = []
keys = [5, 0, 17, -3]
for key in keys:
    writer.write_idx(key, b"record %d" % key + M * (key % 3))
    tells.append(writer.tell())
writer.close()
indexed = {"keys": keys, "records": [(b"record %d" % key + M * (key % 3)).hex() for key in keys], "tells": tells,
           "index": content(SCRATCH + ".idx").decode(), "file": content(SCRATCH + ".rec").hex()}
os.remove(SCRATCH + ".idx")
os.remove(SCRATCH + ".rec")

packed = []
for header, payload in (
    ([0, 3.5, 7, 0], b"xyz"), ([5, 3, 7, 9], b"xyz"), ([-1, True, 2**64 - 1, 0], b""), ([0, 1e300, 7, 0], b"x"),
    ([0, [1, 2, 3], 7, 9], b"xyz"), ([4, [[0.5, 1.5], [2.5, 1e-45]], 2**63, 9], b""), ([0, [], 7, 9], b"xyz"),
    ([0, [2], 7, 9], b"xyz"),
):
    data = recordio.pack(recordio.IRHeader(*header), payload)
    read, rest = recordio.unpack(data)
    label = read.label.tolist() if isinstance(read.label, np.ndarray) else read.label
    packed.append({"header": header, "payload": payload.hex(), "packed": data.hex(),
                   "unpacked": [read.flag, label, read.id, read.id2], "rest": rest.hex()})

image = (np.arange(5 * 4 * 3) * 4).astype("uint8").reshape(5, 4, 3)
image = {"image": image.tolist(), "png": recordio.pack_img(recordio.IRHeader(0, [1, 2], 3, 4), image, 9, ".png").hex()}

with open(os.path.join(HERE, "data", "recordio.json"), "w") as file:
    json.dump({"files": files, "indexed": indexed, "packed": packed, "image": image}, file, indent=0)
