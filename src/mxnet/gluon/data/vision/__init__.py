"""`mx.gluon.data.vision`: data sets of images, and transforms for them."""

from . import datasets, transforms
from .datasets import CIFAR10, CIFAR100, MNIST, FashionMNIST, ImageFolderDataset, ImageRecordDataset
