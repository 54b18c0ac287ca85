"""Small networks that the tests share."""

from torch import nn

from course_utils.nets import BasicBlock, Inception


def two_basic_blocks() -> nn.Module:
    return nn.Sequential(BasicBlock(64, 64), BasicBlock(64, 64))


def inception() -> nn.Module:
    return Inception(192, 64, (96, 128), (16, 32), 32)
