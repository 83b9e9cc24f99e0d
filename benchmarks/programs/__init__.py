"""What the contestants run. The files `mxnet_*.py` serve mxnext and the original alike: both are ``mxnet`` there."""
