"""`mx.gluon.rnn`: recurrent cells, which compute one step, and recurrent layers, which compute whole sequences."""

from . import rnn_cell, rnn_layer
from .rnn_cell import *
from .rnn_layer import *
