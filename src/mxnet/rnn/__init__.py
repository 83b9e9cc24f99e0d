"""`mx.rnn`: recurrent networks as symbols, and sentences in buckets. New programs use `mx.gluon.rnn`."""

from . import io, rnn, rnn_cell
from .io import *
from .rnn import *
from .rnn_cell import *
