"""A picture as a data URI, read again."""

import base64
import io

import torch
from PIL import Image


def pixels(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2])))


def colours(uri):
    """(rows, columns, 3) of what a browser shows."""
    read = pixels(uri).convert("RGB")
    return torch.frombuffer(bytearray(read.tobytes()), dtype=torch.uint8).reshape(
        read.height, read.width, 3
    )
