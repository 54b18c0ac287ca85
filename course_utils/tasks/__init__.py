"""The tasks of the lessons' labs: a module for each lesson, a list of tasks for each lab."""

from . import alexnet, batch_norm, contents, googlenet, nin, resnet, vgg

__all__ = ["alexnet", "batch_norm", "contents", "googlenet", "nin", "resnet", "vgg"]
