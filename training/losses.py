"""What training makes small. Lengths are pixels of the network's crop."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # as all of PyTorch has it

from .network import LEAST_SIGMA, LEAST_SPREAD, SIDE, Estimate

FAR_PX = 24.0
COARSE, DEPTH, VISIBLE, COEFFICIENT, CERTAINTY = 0.15, 0.3, 0.3, 24.0, 1.0


@dataclass(frozen=True)
class Truth:
    """What is known of N crops."""

    points: Tensor
    """(N, 546, 3) crop sides."""
    weight: Tensor
    """(N, 546) how much a point counts; 0 where nothing is known."""
    depth_known: Tensor
    """(N,)."""
    visible: Tensor
    """(N, 546)."""
    coefficients: Tensor
    """(N, 52), NaN where unknown."""


def loss(found: Estimate, truth: Truth) -> dict[str, Tensor]:
    """The parts that add up to what is minimised."""
    weight = truth.weight / truth.weight.sum().clamp(min=1)
    off = [SIDE * (stage - truth.points) for stage in found.stages]
    lengths = [part[..., :2].square().sum(-1).clamp(max=FAR_PX**2) for part in off]
    known = torch.isfinite(truth.coefficients)
    off_coefficients = (found.coefficients - torch.nan_to_num(truth.coefficients))[known]
    parts = {
        "coarse": COARSE * (weight * (lengths[0] + 1e-4).sqrt()).sum(),
        "points": sum((weight * (length + 1e-4).sqrt()).sum() for length in lengths[1:]),
        "depth": DEPTH * sum((weight * truth.depth_known[:, None] * part[..., 2].abs()).sum() for part in off),
        "sigma": CERTAINTY
        * (weight * certainty(lengths[-1], found.log_sigma + _LOG_SIDE, SIDE * LEAST_SIGMA, 2)).sum(),
        "visible": VISIBLE
        * (
            (truth.weight > 0) * F.binary_cross_entropy_with_logits(found.visible, truth.visible, reduction="none")
        ).mean(),
    }
    if known.any():
        spread = found.coefficient_log_sigma[known]
        parts["coefficients"] = 4 * COEFFICIENT * off_coefficients.square().mean()  # absolute errors would favour 0
        parts["coefficient sigma"] = COEFFICIENT * certainty(off_coefficients.square(), spread, LEAST_SPREAD, 1).mean()
    return parts


_LOG_SIDE = float(torch.log(torch.tensor(float(SIDE))))


def certainty(square: Tensor, log_sigma: Tensor, least: float, axes: int) -> Tensor:
    """Gaussian negative log likelihood, times its own deviation so that uncertain points go on learning.

    Seitzer et al., "On the pitfalls of heteroscedastic uncertainty estimation", 2022, equation 5 with beta 1/2.
    """
    sigma = log_sigma.exp() + least
    return sigma.detach() * (axes * sigma.log() + square / (2 * sigma.square()))
