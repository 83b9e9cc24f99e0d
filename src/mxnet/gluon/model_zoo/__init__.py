"""`mx.gluon.model_zoo`: well-known networks, with trained parameters where the original project published them."""

from . import model_store, vision
