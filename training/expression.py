"""Trains the head of the coefficients of a trained network anew, on features that are computed once.

usage: python -m understudy.training.expression RUN_FOLDER --data FOLDER ... [--turns 60]

The head learns in the common training too; this is a polish: alone it learns from ten thousands of pictures in seconds
a turn, so it can have hundreds of turns where the whole network has a few. RUN_FOLDER's checkpoint gets the new head at
the end; stopped before, it is what it was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from .dataset import Crops, Shard
from .losses import certainty
from .network import COEFFICIENTS, LEAST_SPREAD, FacePoints

BATCH, RATE, DECAY = 512, 1e-3, 0.02


@torch.no_grad()
def told(net: FacePoints, crops: Crops, workers: int) -> tuple[Tensor, Tensor]:
    """((N, 3950) half precision, (N, 52)) features and coefficients of every crop whose coefficients are known."""
    features, truth = [], []
    for image, *_, coefficients in tqdm(DataLoader(crops, 64, num_workers=workers), desc="features"):
        known = torch.isfinite(coefficients).all(1)
        found = net.estimate(image.contiguous(memory_format=torch.channels_last)[known])
        features.append(found.told.half())
        truth.append(coefficients[known])
    return torch.cat(features), torch.cat(truth)


def fit(head: nn.Sequential, features: Tensor, truth: Tensor, turns: int) -> None:
    """Teach a head afresh, so many times all pictures."""
    _begin(head.train(), features)
    optimizer = torch.optim.AdamW(head.parameters(), RATE, weight_decay=DECAY)
    for turn in range(turns):
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - turn / turns)
        total = 0.0
        for rows in torch.randperm(len(features)).split(BATCH):
            mean, spread = head(features[rows].float()).chunk(2, 1)
            square = (mean - truth[rows]).square()
            cost = 4 * square.mean() + certainty(square, spread, LEAST_SPREAD, 1).mean()
            cost.backward()  # type: ignore[no-untyped-call]  # torch's own gap
            optimizer.step()
            optimizer.zero_grad()
            total += float(square.detach().mean()) * len(rows)
        print(f"turn {turn + 1}: rms {(total / len(features)) ** 0.5:.4f}", flush=True)
    head.eval()


@torch.no_grad()
def _begin(head: nn.Sequential, features: Tensor) -> None:
    """Forget what it learned, and how large features are."""
    for layer in head:
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    scale, last = head[0], head[-1]
    assert isinstance(scale, nn.BatchNorm1d)
    assert isinstance(last, nn.Linear)
    scale.running_mean, scale.running_var = features.float().mean(0), features.float().var(0)
    last.bias[COEFFICIENTS:] = -2.0


def main() -> int:
    """Command line; 0 on success."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    file = options.run / "checkpoint.pt"
    state = torch.load(file, map_location="cpu", weights_only=True)
    net = FacePoints().to(memory_format=torch.channels_last).eval()
    net.load_state_dict(state["average"])
    shards = [Shard.read(path) for folder in options.data for path in sorted(folder.glob("shard_????"))]
    features, truth = told(net, Crops(shards, seed=7), options.workers)
    fit(net.expression, features, truth, options.turns)
    for weights in (state["net"], state["average"]):
        weights.update({f"expression.{name}": value for name, value in net.expression.state_dict().items()})
    part = file.with_suffix(".part")
    torch.save(state, part)
    part.replace(file)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
