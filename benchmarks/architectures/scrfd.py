"""SCRFD-10g with key points at 640: a narrow residual backbone, a path aggregation pyramid, one head per stride.

Sizes are those of the published configuration (scrfd_10g_bnkps): stages of 3, 4, 2 and 3 blocks with 56, 88, 88 and 224
channels, a pyramid of 56, heads of three convolutions with 80. Normalisations are folded into the convolutions, as in
the ONNX export.
"""

from __future__ import annotations

import numpy as np

from .network import Network, Value

SIDE = 640
STAGES = ((3, 56, 1), (4, 88, 2), (2, 88, 2), (3, 224, 2))
PYRAMID, HEAD, ANCHORS = 56, 80, 2


def build(half: bool = False) -> Network:
    """Input (N, 3, 640, 640); outputs per stride 8, 16, 32: scores (N, A, 1), boxes (N, A, 4), points (N, A, 10)."""
    net = Network("scrfd_10g_640", half)
    x = net.picture("input", 3, SIDE)
    for channels, stride in ((28, 2), (28, 1), (56, 1)):
        x = net.relu(net.conv(x, channels, 3, stride))
    x = Value(net.node("MaxPool", x.name, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4), 56, x.side // 2)
    levels = []
    for blocks, channels, stride in STAGES:
        for block in range(blocks):
            x = _block(net, x, channels, stride if block == 0 else 1)
        levels.append(x)
    for stride, level in zip((8, 16, 32), _pyramid(net, levels[1:]), strict=True):
        _head(net, level, stride)
    return net


def _block(net: Network, x: Value, channels: int, stride: int) -> Value:
    inner = net.conv(net.relu(net.conv(x, channels, 3, stride)), channels, 3, gain=0.2)
    if stride > 1:
        x = Value(net.node("AveragePool", x.name, kernel_shape=[2, 2], strides=[2, 2]), x.channels, x.side // 2)
    if stride > 1 or x.channels != channels:
        x = net.conv(x, channels, 1, gain=1.0)
    return net.relu(net.add(inner, x))


def _pyramid(net: Network, levels: list[Value]) -> list[Value]:
    """Down from the coarse levels to the fine ones and up again."""
    sides = [net.conv(level, PYRAMID, 1, gain=1.0) for level in levels]
    for at in (1, 0):
        sides[at] = net.add(sides[at], net.resized(sides[at + 1], 2, "nearest"))
    inner = [net.conv(side, PYRAMID, 3, gain=1.0) for side in sides]
    for at in (1, 2):
        inner[at] = net.add(inner[at], net.conv(inner[at - 1], PYRAMID, 3, 2, gain=0.5))
    return [inner[0], *(net.conv(level, PYRAMID, 3, gain=1.0) for level in inner[1:])]


def _head(net: Network, x: Value, stride: int) -> None:
    for _ in range(3):
        x = net.relu(net.conv(x, HEAD, 3))
    for name, size in (("score", 1), ("box", 4), ("points", 10)):
        found = net.conv(x, ANCHORS * size, 3, gain=0.1).name
        if name == "score":
            found = net.node("Sigmoid", found)
        rows = net.node("Transpose", found, perm=[0, 2, 3, 1])
        count = ANCHORS * x.side**2
        flat = net.node("Reshape", rows, net.constant([-1, count, size], np.int64))
        net.give(f"{name}_{stride}", flat, (count, size))
