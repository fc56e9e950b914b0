"""GFPGAN "clean" 512, channel multiplier 2: a U-Net finds a code and conditions, a StyleGAN2 decoder draws the face with them.

Layers and sizes are those of the published code (GFPGANv1Clean as inference_gfpgan.py makes it: a code per layer, SFT on
half of the channels); the part of it that maps codes is not used there, and not in the ONNX exports. A modulated
convolution is computed as scaling its input and its output by channel, which gives the same numbers and can be done for
several pictures at once; the exports scale the weight instead, for one picture.
"""

from __future__ import annotations

import math

import numpy as np

from .network import Network, Value

SIDE = 512
CODE = 512
_LOG = 9
_EXACT = 1e-8
_KEPT = 0.9


def _channels(side: int) -> int:
    return min(512, 64 * 512 // side)


def build(half: bool = False) -> Network:
    """Input (N, 3, 512, 512), RGB, -1..1; output the same."""
    net = Network("gfpgan_clean_512", half)
    x = net.leaky(net.conv(net.picture("input", 3, SIDE), _channels(SIDE) // 2, 1))
    skips = []
    for log in range(_LOG - 1, 1, -1):
        x = _block(net, x, _channels(2**log) // 2, 0.5)
        skips.append(x)
    x = net.leaky(net.conv(x, _channels(4) // 2, 3))
    flat = net.node("Flatten", x.name)
    size = x.channels * x.side**2
    layers = 2 * _LOG - 2
    codes = net.node("Cast", net.linear(net.node("Cast", flat, to=1), size, layers * CODE), to=1)
    conditions = []
    for log, skip in zip(range(3, _LOG + 1), reversed(skips), strict=True):
        x = _block(net, net.add(x, skip), _channels(2**log) // 2, 2)
        conditions.append([_condition(net, x, mean) for mean in (1.0, 0.0)])
    net.give("output", _decoded(net, codes, conditions).name, (3, SIDE, SIDE))
    return net


def _block(net: Network, x: Value, channels: int, factor: float) -> Value:
    """A residual block that halves or doubles the picture."""
    inner = net.resized(net.leaky(net.conv(x, x.channels, 3)), factor)
    inner = net.leaky(net.conv(inner, channels, 3))
    return net.add(inner, net.conv(net.resized(x, factor), channels, 1, gain=1.0, bias=False))


def _condition(net: Network, x: Value, mean: float) -> Value:
    """A scale (about 1) or a shift (about 0) of half of the decoder's channels."""
    found = net.conv(net.leaky(net.conv(x, x.channels, 3)), x.channels, 3, gain=0.01)
    return Value(net.node("Add", found.name, net.number(mean)), x.channels, x.side)


def _decoded(net: Network, codes: str, conditions: list[list[Value]]) -> Value:
    """The picture that the decoder draws."""
    start = net.weight((1, 512, 4, 4), 1.0)
    # One of these for each picture: the code's first column knows how many there are.
    one = net.node("Mul", net.column(_code(net, codes, 0, 1)), net.number(0))
    x = Value(net.node("Add", start, one), 512, 4)
    x = _style(net, x, 512, codes, 0)
    skip = _seen(net, x, codes, 1)
    layer = 1
    for scale, shift in conditions:
        x = _style(net, net.resized(x, 2), _channels(scale.side), codes, layer)
        x = _spatially(net, x, scale, shift)
        x = _style(net, x, x.channels, codes, layer + 1)
        skip = net.add(_seen(net, x, codes, layer + 2), net.resized(skip, 2))
        layer += 2
    return skip


def _code(net: Network, codes: str, layer: int, size: int = CODE) -> str:
    """(N, size) of a layer's code."""
    ends = (net.constant([end], np.int64) for end in (layer * CODE, layer * CODE + size, 1))
    return net.node("Slice", codes, *ends)


def _modulated(net: Network, x: Value, channels: int, kernel: int, codes: str, layer: int, even: bool) -> Value:
    """A convolution whose weight is scaled by a code, and with ``even`` back to the same power."""
    scale = net.linear(_code(net, codes, layer), CODE, x.channels, 0.01, 1.0)
    shape = (channels, x.channels, kernel, kernel)
    weight = net.weight(shape, (1 if even else 0.1) / math.sqrt(x.channels * kernel**2))
    name = net.node("Conv", net.node("Mul", x.name, net.column(scale)), weight, pads=[kernel // 2] * 4)
    net.multiply_adds += channels * x.channels * kernel**2 * x.side**2
    if even:
        exact = net.node("Cast", weight, to=1)
        power = net.node("ReduceSumSquare", exact, axes=[2, 3], keepdims=0)
        total = net.node("MatMul", net.node("Mul", scale, scale), net.node("Transpose", power, perm=[1, 0]))
        root = net.node("Sqrt", net.node("Add", total, net.constant(np.float32(_EXACT))))
        name = net.node("Mul", name, net.column(net.node("Reciprocal", root)))
    return Value(name, channels, x.side)


def _style(net: Network, x: Value, channels: int, codes: str, layer: int) -> Value:
    """Modulated convolution, noise, bias and rectifier."""
    x = _modulated(net, x, channels, 3, codes, layer, True)
    # The true factor is the root of 2; with random weights pictures would grow beyond what float16 holds.
    strong = net.node("Mul", x.name, net.number(_KEPT))
    noisy = net.node("Add", strong, net.weight((1, 1, x.side, x.side), 0.01))
    return net.leaky(Value(net.node("Add", noisy, net.weight((1, channels, 1, 1), 0.01)), channels, x.side))


def _seen(net: Network, x: Value, codes: str, layer: int) -> Value:
    """(N, 3, S, S) what a layer draws."""
    rgb = _modulated(net, x, 3, 1, codes, layer, False)
    return Value(net.node("Add", rgb.name, net.weight((1, 3, 1, 1), 0.01)), 3, x.side)


def _spatially(net: Network, x: Value, scale: Value, shift: Value) -> Value:
    """The second half of the channels, scaled and shifted place by place."""
    half = x.channels // 2
    ends = [net.constant([end], np.int64) for end in (0, half, x.channels, 1)]
    kept = net.node("Slice", x.name, ends[0], ends[1], ends[3])
    changed = net.node("Slice", x.name, ends[1], ends[2], ends[3])
    changed = net.node("Add", net.node("Mul", changed, scale.name), shift.name)
    return Value(net.node("Concat", kept, changed, axis=1), x.channels, x.side)
