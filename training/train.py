"""Trains the landmark network on shards of pictures.

usage: python -m understudy.training.train RUN_FOLDER --data FOLDER[:SHARE] ... --valid FOLDER --minutes M [--mesh FILE]

It fits the time there is: the learning rate falls with the share of the minutes that has passed, on two processor cores
as on a large GPU. RUN_FOLDER keeps checkpoints, from which the same command goes on, and `log.jsonl`. Folders of data
hold shards (README.md); a SHARE is how often a folder is drawn from, by default by its pictures.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from .dataset import Crops, Shard
from .losses import Truth, loss
from .network import FacePoints
from .start import start_from_mesh

NEW_RATE, KNOWN_RATE = 2e-3, 6e-4
"""AdamW's at the height of the schedule, of new layers and of those that knew faces already."""
WARM_UP = 0.02
AVERAGE = 0.998
SAVE_EVERY_S, REPORT_EVERY = 120.0, 50
HEAP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000", "MALLOC_TOP_PAD_": "1000000000"}
"""Makes glibc keep what it freed: handing it back costs half the time of a step on the processor."""


@dataclass(frozen=True)
class Source:
    """Shards of one kind."""

    folder: Path
    share: float | None

    @staticmethod
    def parse(text: str) -> Source:
        """`FOLDER` or `FOLDER:SHARE`."""
        folder, _, share = text.partition(":")
        return Source(Path(folder), float(share) if share else None)

    def shards(self) -> list[Shard]:
        """Those that are whole by now."""
        return [Shard.read(path) for path in sorted(self.folder.glob("shard_*")) if path.suffix == ""]


class Draws(Sampler[int]):
    """Endless numbers of pictures, from each source by its share; no picture is harmed the same way twice."""

    def __init__(self, sizes: list[int], shares: list[float], seed: int) -> None:
        self._sizes, self._shares, self._seed = sizes, torch.tensor(shares), seed

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed)
        starts = torch.tensor([0, *self._sizes]).cumsum(0)
        turn = 0
        while True:
            which = torch.multinomial(self._shares, 4096, replacement=True, generator=generator)
            within = (torch.rand(4096, generator=generator) * torch.tensor(self._sizes)[which]).long()
            turn += 1
            yield from (int(starts[-1]) * turn + starts[which] + within).tolist()


class Run:
    """A training under way."""

    def __init__(self, folder: Path, device: str, mesh: Path) -> None:
        self.folder, self.device = folder, device
        self.net = FacePoints()
        start_from_mesh(self.net.backbone, mesh)
        self.net = self.net.to(device=device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net).eval()
        known = list(self.net.backbone.parameters())
        ids = {id(parameter) for parameter in known}
        new = [parameter for parameter in self.net.parameters() if id(parameter) not in ids]
        self.optimizer = torch.optim.AdamW(
            [{"params": new, "peak": NEW_RATE}, {"params": known, "peak": KNOWN_RATE}], weight_decay=0.01
        )
        self.elapsed_s, self.steps = 0.0, 0

    @property
    def file(self) -> Path:
        """The newest checkpoint."""
        return self.folder / "checkpoint.pt"

    def save(self) -> None:
        """Put a checkpoint in place when it is whole."""
        state: dict[str, Any] = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "elapsed_s": self.elapsed_s,
            "steps": self.steps,
        }
        part = self.file.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.file)

    def go_on(self) -> None:
        """Stand where the last checkpoint stood."""
        state = torch.load(self.file, map_location=self.device, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.elapsed_s, self.steps = state["elapsed_s"], state["steps"]

    def step(self, batch: list[Tensor], progress: float) -> dict[str, float]:
        """Learn from one batch; `progress` 0..1 of the time."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate(progress)
        image, truth = unpacked(batch, self.device)
        with torch.autocast(self.device, torch.bfloat16):
            found = self.net.estimate(image)
        parts = loss(found, truth)
        torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]  # torch's own gap
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 20.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.steps += 1
        kept = min(AVERAGE, self.steps / (self.steps + 20))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.net.parameters(), strict=True):
                mean.lerp_(value, 1 - kept)
            for mean, value in zip(self.average.buffers(), self.net.buffers(), strict=True):
                mean.copy_(value)
        return {name: float(part.detach()) for name, part in parts.items()}


def rate(progress: float) -> float:
    """Share of the peak learning rate: a short rise, then half a cosine."""
    if progress < WARM_UP:
        return max(progress / WARM_UP, 0.02)
    return 0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * min(progress, 1.0))))) + 0.002


def unpacked(batch: list[Tensor], device: str) -> tuple[Tensor, Truth]:
    """Pictures and truth on the device."""
    image, *truth = (part.to(device, non_blocking=True) for part in batch)
    return image.contiguous(memory_format=torch.channels_last), Truth(*truth)


@torch.no_grad()
def validate(net: FacePoints, loader: DataLoader[Any], device: str) -> dict[str, float]:
    """Errors in per cent of the distance between the outer corners of the eyes, seen points only."""
    sums: dict[str, list[Tensor]] = {"points": [], "known": [], "within": [], "coefficients": [], "missed": []}
    for batch in loader:
        image, truth = unpacked(batch, device)
        points, sigma, _, coefficients, _ = net(image.permute(0, 2, 3, 1))
        off = (points - truth.points)[..., :2].norm(dim=-1)
        eyes = (truth.points[:, 33, :2] - truth.points[:, 263, :2]).norm(dim=-1, keepdim=True)
        seen = truth.visible > 0
        sums["points"].append((off / eyes)[seen])
        sums["known"].append((off / eyes)[:, 478:][seen[:, 478:]])
        sums["within"].append((off < 1.515 * sigma)[seen].float())
        played = truth.coefficients > 0.1
        error = (coefficients - truth.coefficients).abs()
        sums["coefficients"].append(error[torch.isfinite(error) & played])
        sums["missed"].append(error[torch.isfinite(error) & ~played])
    return {
        "points_percent": 100 * float(torch.cat(sums["points"]).mean()),
        "known_percent": 100 * float(torch.cat(sums["known"]).mean()),
        "within_one_sigma": float(torch.cat(sums["within"]).mean()),  # 68 % of a round Gaussian is within 1.515
        "played_error": float(torch.cat(sums["coefficients"]).mean()),
        "idle_error": float(torch.cat(sums["missed"]).mean()),
    }


def train(run: Run, sources: list[Source], valid: Source, minutes: float, batch: int, workers: int) -> None:
    """Learn until the minutes are over."""
    groups = [source.shards() for source in sources]
    sizes = [sum(len(shard.images) for shard in group) for group in groups]
    shares = [source.share or float(size) for source, size in zip(sources, sizes, strict=True)]
    crops = Crops([shard for group in groups for shard in group], seed=run.steps)
    options = {"num_workers": workers, "persistent_workers": workers > 0}
    loader = DataLoader(crops, batch, sampler=Draws(sizes, shares, run.steps), **options)  # type: ignore[arg-type]
    held = DataLoader(Crops(valid.shards(), seed=None), batch)
    print(f"{sum(sizes)} pictures: {dict(zip([str(s.folder) for s in sources], sizes, strict=True))}", flush=True)
    if not run.steps:
        usual = torch.stack([crops[number][1] for number in range(0, len(crops), max(len(crops) // 256, 1))])
        run.net.expect(usual.nanmean(0).to(run.device))
        run.average.load_state_dict(run.net.state_dict())
    begin, before = time.monotonic(), run.elapsed_s
    saved, means = before, dict[str, float]()
    for data in loader:
        parts = run.step(data, run.elapsed_s / (60 * minutes))
        means = {name: means.get(name, part) + 0.02 * (part - means.get(name, part)) for name, part in parts.items()}
        run.elapsed_s = before + time.monotonic() - begin
        over = run.elapsed_s >= 60 * minutes
        if run.steps % REPORT_EVERY == 0:
            note(run, means)
        if over or run.elapsed_s - saved > SAVE_EVERY_S:
            saved = run.elapsed_s
            note(run, validate(run.average, held, run.device))
            run.save()
        if over:
            return


def note(run: Run, figures: dict[str, float]) -> None:
    """One line for people and for later."""
    line = {"step": run.steps, "minutes": round(run.elapsed_s / 60, 2)}
    line |= {name: round(value, 4) for name, value in figures.items()}
    print(json.dumps(line), flush=True)
    with (run.folder / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")


def main() -> int:
    """Command line; 0 on success."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Source.parse, nargs="+", required=True)
    parser.add_argument("--valid", type=Source.parse, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--mesh", type=Path, default=Path(__file__).parents[1] / "models/weights/face_landmarks.onnx")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    options.run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    run = Run(options.run, options.device, options.mesh)
    if run.file.is_file():
        run.go_on()
    train(run, options.data, options.valid, options.minutes, options.batch, options.workers)
    return 0


if __name__ == "__main__":
    if not all(os.environ.get(name) for name in HEAP):
        os.execve(sys.executable, [sys.executable, "-m", "understudy.training.train", *sys.argv[1:]], os.environ | HEAP)
    sys.exit(main())
