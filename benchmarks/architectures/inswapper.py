"""inswapper-128: an encoder to 1024 channels at 32 x 32, six residual blocks that take the identity, and a decoder.

Layers and sizes are those that open reimplementations load the public file's weights into (ReSwapper); with them the
parameters and the 512 x 512 matrix of the file come to its size but for a few kilobytes. Not certain: whether the 3 x 3
convolutions of the blocks continue the border by zeros, as here, or by reflection; it makes no difference to the work.
"""

from __future__ import annotations

import numpy as np

from .network import Network, Value

IDENTITY = 512
WIDTH = 1024
BLOCKS = 6


def build(half: bool = False) -> Network:
    """Inputs target (N, 3, 128, 128) and source (N, 512), output (N, 3, 128, 128), 0..1."""
    net = Network("inswapper_128", half)
    x = net.picture("target", 3, 128)
    source = net.vector("source", IDENTITY)
    x = net.leaky(_reflected(net, x, 128))
    for channels, stride in ((256, 1), (512, 2), (WIDTH, 2)):
        x = net.leaky(net.conv(x, channels, 3, stride))
    for _ in range(BLOCKS):
        inner = net.relu(_styled(net, net.conv(x, WIDTH, 3), source))
        x = net.add(_styled(net, net.conv(inner, WIDTH, 3), source), x)
    for channels, grows in ((512, True), (256, True), (128, False)):
        x = net.leaky(net.conv(net.resized(x, 2) if grows else x, channels, 3))
    drawn = net.node("Tanh", _reflected(net, x, 3).name)
    shown = net.node("Mul", net.node("Add", drawn, net.number(1)), net.number(0.5))
    net.give("output", shown, (3, 128, 128))
    return net


def _reflected(net: Network, x: Value, channels: int) -> Value:
    """A 7 x 7 convolution whose border is reflected."""
    around = net.node("Pad", x.name, net.constant([0, 0, 3, 3, 0, 0, 3, 3], np.int64), mode="reflect")
    return net.conv(Value(around, x.channels, x.side + 6), channels, 7, padded=True)


def _styled(net: Network, x: Value, source: str) -> Value:
    """Every channel's mean and deviation are those that the identity asks for (AdaIN)."""
    ones, zeros = (net.constant(np.full(x.channels, value, np.float16 if net.half else np.float32)) for value in (1, 0))
    even = net.node("InstanceNormalization", x.name, ones, zeros, epsilon=1e-6)
    style = net.column(net.linear(source, IDENTITY, 2 * x.channels))
    ends = [net.constant([end], np.int64) for end in (0, x.channels, 2 * x.channels, 1)]
    gain = net.node("Slice", style, ends[0], ends[1], ends[3])
    shift = net.node("Slice", style, ends[1], ends[2], ends[3])
    return Value(net.node("Add", net.node("Mul", even, gain), shift), x.channels, x.side)
