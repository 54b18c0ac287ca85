"""The tasks of the lessons' labs: a module for each lesson, a list of tasks for each lab."""

from . import (
    after_resnet,
    alexnet,
    batch_norm,
    contents,
    googlenet,
    nin,
    resnet,
    resnet_family,
    vgg,
)

__all__ = [
    "after_resnet",
    "alexnet",
    "batch_norm",
    "contents",
    "googlenet",
    "nin",
    "resnet",
    "resnet_family",
    "vgg",
]
