"""The dense landmark network: points with a deviation each, their visibility, and estimates of the coefficients.

A backbone of MediaPipe's face mesh (Apache-2.0; its weights are where training starts), of which the coarse points are
read as there; then every point looks at the features around itself, twice, and moves. Points far from where they were
trained to be say so by their deviation (Wood et al., "3D face reconstruction with dense landmarks", 2022, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # as all of PyTorch has it

POINTS: Final = 546
"""468 of the face mesh, 10 of the irises, the 68 known ones."""
COEFFICIENTS: Final = 52
SIDE: Final = 256
FEATURES: Final = 24
"""Channels of the maps at which points look."""
HIDDEN: Final = 64
LEAST_SIGMA, LARGEST_SIGMA = 0.2 / SIDE, 0.25
"""In crop sides: a fifth of a pixel, which is added to what the network says, and not knowing."""
LEAST_SPREAD, LARGEST_SPREAD = 0.02, 0.5
"""The same of coefficients."""
TAPS: Final = 9
FORGET: Final = 0.2
"""Share of what the coefficients' head is told that it has to do without, so that it does not learn persons by heart."""


@dataclass(frozen=True)
class Estimate:
    """What the network says of N crops; points in crop sides."""

    stages: tuple[Tensor, ...]
    """(N, 546, 3) each: the coarse points, and those after each look."""
    log_sigma: Tensor
    """(N, 546) of the last stage's x and y."""
    visible: Tensor
    """(N, 546) logits."""
    coefficients: Tensor
    """(N, 52)."""
    coefficient_log_sigma: Tensor
    """(N, 52)."""


class Slope(nn.Module):
    """PReLU, a x + (1 - a) relu(x), as depthwise convolutions of 1 x 1.

    PyTorch's and ONNX Runtime's own PReLU take several times as long on a processor.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((channels,), 0.25))

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        below = self.weight.to(x.dtype).reshape(-1, 1, 1, 1)
        count = len(below)
        return F.conv2d(x, below, groups=count) + F.conv2d(F.relu(x), 1 - below, groups=count)


class Block(nn.Module):
    """A separable convolution around which the input passes, halved where the convolution halves."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.stride, self.widen = stride, out - channels
        self.depthwise = nn.Conv2d(channels, channels, 3, stride, groups=channels, padding=2 - stride)
        self.pointwise = nn.Conv2d(channels, out, 1)
        self.activation = Slope(out)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, s, s) -> (N, out, s / stride, s / stride)."""
        if self.stride == 2:  # TensorFlow pads the far sides only
            change, kept = self.pointwise(self.depthwise(F.pad(x, (0, 1, 0, 1)))), F.max_pool2d(x, 2)
        else:
            change, kept = self.pointwise(self.depthwise(x)), x
        if self.widen:
            kept = F.pad(kept, (0, 0, 0, 0, 0, self.widen))
        return self.activation(kept + change)


class Backbone(nn.Module):
    """The face mesh network up to its heads: maps of 64, 32, 16, 8 and 4 cells a side of a crop of 256 px."""

    CHANNELS: Final = (32, 64, 128, 128, 128)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2)
        self.activation = Slope(16)
        self.first = nn.Sequential(Block(16, 16), Block(16, 16))
        widths = (16, *self.CHANNELS)
        self.stages = nn.ModuleList(
            nn.Sequential(Block(a, b, 2), Block(b, b), Block(b, b)) for a, b in zip(widths, self.CHANNELS, strict=False)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Six maps, of 128 to 4 cells a side."""
        x = self.first(self.activation(self.stem(F.pad(image, (0, 1, 0, 1)))))
        return list(accumulate(self.stages, lambda finer, stage: stage(finer), initial=x))


class Pyramid(nn.Module):
    """Maps of 32, 64 and 128 cells a side that know what the coarser ones know (Lin et al., 2017)."""

    def __init__(self) -> None:
        super().__init__()
        widths = (16, *Backbone.CHANNELS[:4])
        self.sideways = nn.ModuleList(nn.Conv2d(width, FEATURES, 1) for width in widths)
        self.blocks = nn.ModuleList(Block(FEATURES, FEATURES) for _ in widths)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """(N, 32, s, s) for s = 128, 64, 32, 16, 8."""
        found: list[Tensor] = []
        for level in reversed(range(len(self.blocks))):
            x = self.sideways[level](maps[level])
            if found:
                x = x + F.interpolate(found[0], scale_factor=2.0, mode="nearest")
            found.insert(0, self.blocks[level](x))
        return found


def around(features: Tensor, where: Tensor, picture: Tensor) -> Tensor:
    """(M, 9 C) the features of (N, C, s, s) on a grid of 3 x 3 cells about M places, (2, M) in crop sides.

    ``picture`` (M,) tells in which of the N each is. Bilinear, by whole rows of channels: ONNX Runtime's GridSample
    takes ten times as long on a processor. Places come last until rows are looked up, because what is done to many
    numbers in a row is done at once.
    """
    channels, side = int(features.shape[1]), int(features.shape[3])
    cells = where * side - 0.5
    corner = cells.floor()
    near = torch.arange(-1, 3, device=where.device)[:, None]
    columns, rows = (corner.long()[:, None] + near).clamp(0, side - 1).unbind(0)
    index = (rows * side + picture * (side * side))[:, None] + columns
    flat = features.float().permute(0, 2, 3, 1).reshape(-1, channels)
    seen = flat.index_select(0, index.reshape(16, -1).t().reshape(-1))
    across, down = (cells - corner)[..., None].unbind(0)
    (first_row, next_row), (first_column, next_column) = (table.to(where.device) for table in _shares())
    share = torch.addmm(first_row, down, next_row) * torch.addmm(first_column, across, next_column)
    return (share.reshape(-1, TAPS, 16) @ seen.reshape(-1, 16, channels)).flatten(1)


def _shares() -> tuple[Tensor, Tensor]:
    """(2, 1, 144) each, down and across: what 9 taps take of 16 cells, on the first of two cells and more on the next."""
    tap, cell = torch.arange(3)[:, None], torch.arange(4)
    first, following = (cell == tap).float(), (cell == tap + 1).float()
    parts = torch.stack([first, following - first])
    down = parts[:, :, None, :, None].expand(2, 3, 3, 4, 4)
    across = parts[:, None, :, None, :].expand(2, 3, 3, 4, 4)
    return down.reshape(2, 1, 144), across.reshape(2, 1, 144)


class Look(nn.Module):
    """Every point looks at a 3 x 3 grid of features around itself and says how far it is off, and how sure it is."""

    OUTPUTS: Final = 5
    """x, y, z, log sigma, visibility."""

    def __init__(self, levels: tuple[int, ...], context: int) -> None:
        super().__init__()
        self.levels = levels
        self.shared = nn.Linear(TAPS * FEATURES * len(levels), HIDDEN)
        self.context = nn.Linear(context, HIDDEN)
        self.own = nn.Parameter(0.02 * torch.randn(POINTS, HIDDEN))
        self.gain = nn.Parameter(torch.ones(POINTS, HIDDEN))
        self.out = nn.Parameter(torch.zeros(POINTS, HIDDEN, self.OUTPUTS))
        self.out_bias = nn.Parameter(torch.tensor([0.0, 0.0, 0.0, -4.5, 1.0]).repeat(POINTS, 1))

    def forward(self, pyramid: list[Tensor], points: Tensor, context: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
        """((N, 546, 5) outputs, (N, 546, 64) what each point saw)."""
        where = points[..., :2].detach().reshape(-1, 2).t()
        weights = self.shared.weight.t().split(TAPS * FEATURES)
        seen = around(pyramid[self.levels[0]], where, picture) @ weights[0]
        for level, part in zip(self.levels[1:], weights[1:], strict=True):
            seen = torch.addmm(seen, around(pyramid[level], where, picture), part)
        usual = self.own + self.gain * self.shared.bias + self.context(context)[:, None]
        hidden = F.relu(seen.reshape(-1, POINTS, HIDDEN) * self.gain + usual)
        out = torch.einsum("nph,pho->npo", hidden, self.out) + self.out_bias
        return out, hidden


class FacePoints(nn.Module):
    """The whole network; `estimate` for training, `forward` as the ONNX file has it."""

    MOVE: Final = 0.05
    """In crop sides: how far an output of 1 moves a point."""
    UNUSUAL: Final = 0.04
    """In crop sides: how far points are off the usual face's, for the coefficients."""
    CONTEXT: Final = 128
    TOLD: Final = POINTS * 7 + CONTEXT
    LOOKS: Final = ((1, 2), (0, 1))

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.pyramid = Pyramid()
        self.squeeze = nn.Conv2d(128, 64, 1)
        self.summary = nn.Sequential(nn.Linear(64 * 16, self.CONTEXT), nn.ReLU())
        self.coarse = nn.Linear(self.CONTEXT, POINTS * 3)
        self.looks = nn.ModuleList(Look(levels, self.CONTEXT) for levels in self.LOOKS)
        self.told = nn.Linear(HIDDEN, 4)
        self.expression = nn.Sequential(
            nn.BatchNorm1d(self.TOLD, eps=0.05**2, momentum=0.01, affine=False),
            nn.Dropout(FORGET),
            nn.Linear(self.TOLD, 192),
            nn.ReLU(),
            nn.Linear(192, 2 * COEFFICIENTS),
        )
        self.register_buffer("usual", torch.full((POINTS, 3), 0.5))

    def estimate(self, image: Tensor) -> Estimate:
        """What it says of (N, 3, 256, 256) RGB 0..1."""
        maps = self.backbone(image)
        pyramid = self.pyramid(maps)
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            context = self.summary(F.relu(self.squeeze(maps[-1].float())).flatten(1))
            stages = [0.5 + 0.25 * self.coarse(context).reshape(-1, POINTS, 3) - self._middle(image)]
            picture = torch.arange(image.shape[0], device=image.device)[:, None].expand(-1, POINTS).reshape(-1)
            for look in self.looks:
                out, hidden = look(pyramid, stages[-1], context, picture)
                stages.append(stages[-1].detach() + self.MOVE * out[..., :3])
            unusual = (stages[-1] - self.usual) / self.UNUSUAL
            told = torch.cat([torch.cat([unusual, self.told(hidden)], 2).flatten(1), context], 1)
            mean, spread = self.expression(told).chunk(2, 1)
        return Estimate(tuple(stages), out[..., 3], out[..., 4], mean, spread)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(N, 256, 256, 3) -> points, sigma, visible, coefficients, coefficient_sigma."""
        found = self.estimate(image.permute(0, 3, 1, 2))
        sigma = (LEAST_SIGMA + found.log_sigma.exp()).clamp(max=LARGEST_SIGMA)
        spread = (LEAST_SPREAD + found.coefficient_log_sigma.exp()).clamp(max=LARGEST_SPREAD)
        return found.stages[-1], sigma, found.visible.sigmoid(), found.coefficients.clamp(0, 1), spread

    @torch.no_grad()
    def expect(self, points: Tensor) -> None:
        """Start from a usual face, (546, 3) in crop sides."""
        self.usual.copy_(points)
        self.coarse.weight.mul_(0.3)
        self.coarse.bias.copy_(((points - 0.5 + self._middle(points)) / 0.25).flatten())

    @staticmethod
    def _middle(image: Tensor) -> Tensor:
        """Where points are counted from: x and y from the corner of the crop, z from the head's origin."""
        return image.new_tensor([0.0, 0.0, 0.5], dtype=torch.float32)
