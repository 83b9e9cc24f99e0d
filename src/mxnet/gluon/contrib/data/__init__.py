"""`mx.gluon.contrib.data`: further samplers."""

from .sampler import IntervalSampler
