"""Sentences as numbers, and an iterator over batches of sentences of similar length."""

from __future__ import annotations

import bisect
import logging
import random
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from .. import ndarray as nd
from ..io import DataBatch, DataDesc, DataIter

__all__ = ["BucketSentenceIter", "encode_sentences"]


def encode_sentences(
    sentences: Sequence[Sequence[Hashable]], vocab: dict[Any, int] | None = None, invalid_label: int = -1,
    invalid_key: Hashable = "\n", start_label: int = 0, unknown_token: Hashable | None = None,
) -> tuple[list[list[int]], dict[Any, int]]:  # fmt: skip
    """Sentences with a number in place of each word, and the numbers of the words.

    Args:
        sentences: lists of words.
        vocab: number of each word; None numbers the words as they come, from start_label, leaving out invalid_label.
        invalid_label: number of invalid_key, which stands for padding.
        invalid_key: its entry in a new vocab.
        start_label: the first number that is given.
        unknown_token: stands for words that a given vocab lacks; it gets a number if it has none.
    Raises: AssertionError for a word that a given vocab lacks, without unknown_token.
    """
    new = vocab is None
    if vocab is None:
        vocab = {invalid_key: invalid_label}
    following = start_label
    encoded = []
    for sentence in sentences:
        codes = []
        for word in sentence:
            if word not in vocab and not new:
                if unknown_token is None:
                    raise AssertionError(f"Unknown token {word}: it isn't in vocab, and there is no unknown_token")
                word = unknown_token
            if word not in vocab:
                following += following == invalid_label
                vocab[word] = following
                following += 1
            codes.append(vocab[word])
        encoded.append(codes)
    return encoded, vocab


class BucketSentenceIter(DataIter):
    """Batches of sentences, each padded to the smallest bucket that holds it; the label is the next word.

    Sentences and batches are shuffled by Python's and NumPy's global generators. Incomplete batches are left out.

    Args:
        sentences: lists of numbers, see `encode_sentences`; longer ones than the largest bucket are left out.
        batch_size: sentences in a batch.
        buckets: lengths; None takes those of which there are at least batch_size sentences.
        invalid_label: pads sentences and labels.
        data_name, label_name: names of the input and the label.
        dtype: of both.
        layout: "NT", or "TN" for batches with time along the first axis.
    Shapes: (batch_size, bucket), or (bucket, batch_size) for "TN".
    Raises: ValueError for another layout, or if there is no bucket.
    """

    def __init__(
        self, sentences: Sequence[Sequence[int]], batch_size: int, buckets: Sequence[int] | None = None,
        invalid_label: int = -1, data_name: str = "data", label_name: str = "softmax_label", dtype: Any = "float32",
        layout: str = "NT",
    ):  # fmt: skip
        super().__init__()
        if layout not in ("NT", "TN"):
            raise ValueError(f"Invalid layout {layout}: Must by NT (batch major) or TN (time major)")
        if not buckets:
            lengths = np.bincount(np.array([len(sentence) for sentence in sentences], dtype=np.int64))
            buckets = [length for length, count in enumerate(lengths) if count >= batch_size]
            if not buckets:
                raise ValueError(f"no length occurs in {batch_size} of the {len(sentences)} sentences; pass buckets")
        self.buckets = sorted(buckets)
        self.batch_size = batch_size
        self.data_name, self.label_name = data_name, label_name
        self.dtype, self.invalid_label = dtype, invalid_label
        self.layout, self.major_axis = layout, layout.find("N")
        self.default_bucket_key = max(self.buckets)
        rows: list[list[np.ndarray[Any, Any]]] = [[] for _ in self.buckets]
        num_discarded = 0
        for sentence in sentences:
            bucket = bisect.bisect_left(self.buckets, len(sentence))
            if bucket == len(self.buckets):
                num_discarded += 1
                continue
            row = np.full((self.buckets[bucket],), invalid_label, dtype=dtype)
            row[: len(sentence)] = sentence
            rows[bucket].append(row)
        if num_discarded:
            logging.warning("discarded %d sentences longer than the largest bucket.", num_discarded)
        self.data = [np.asarray(bucket, dtype=dtype) for bucket in rows]
        self.provide_data = [self._description(data_name, self.default_bucket_key)]
        self.provide_label = [self._description(label_name, self.default_bucket_key)]
        self.idx = []
        for i, bucket in enumerate(self.data):
            self.idx += [(i, start) for start in range(0, len(bucket) - batch_size + 1, batch_size)]
        self.curr_idx = 0
        self.reset()

    def _description(self, name: str, length: int) -> DataDesc:
        shape = (self.batch_size, length) if self.major_axis == 0 else (length, self.batch_size)
        return DataDesc(name, shape, layout=self.layout)

    def reset(self) -> None:
        """Begin again, with sentences and batches in another order."""
        self.curr_idx = 0
        random.shuffle(self.idx)
        self.nddata, self.ndlabel = [], []
        for bucket in self.data:
            np.random.shuffle(bucket)
            label = np.full_like(bucket, self.invalid_label)
            label[:, :-1] = bucket[:, 1:] if bucket.ndim == 2 else 0
            self.nddata.append(nd.array(bucket, dtype=self.dtype))
            self.ndlabel.append(nd.array(label, dtype=self.dtype))

    def next(self) -> DataBatch:
        """The next batch; its bucket_key is the length. Raises: StopIteration at the end."""
        if self.curr_idx == len(self.idx):
            raise StopIteration
        i, start = self.idx[self.curr_idx]
        self.curr_idx += 1
        data, label = (arrays[i][start : start + self.batch_size] for arrays in (self.nddata, self.ndlabel))
        if self.major_axis == 1:
            data, label = data.T, label.T
        return DataBatch(
            [data], [label], pad=0, bucket_key=self.buckets[i],
            provide_data=[self._description(self.data_name, self.buckets[i])],
            provide_label=[self._description(self.label_name, self.buckets[i])],
        )  # fmt: skip
