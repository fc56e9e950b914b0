"""Renders training pictures of faces with exact labels from seeds.

usage: python -m understudy.training.render_faces FaceXModel -o FOLDER --seeds A-B [--per-shard 500]

FOLDER/shard_NNNN holds pictures of N * per-shard and on, each array as a plain .npy (units in `training/README.md`). A
shard that is there is not rendered again, so several processes may share the seeds, and a stopped one goes on. The
last shard ends at seed B. Needs moderngl and EGL: Mesa's software driver will do (LP_NUM_THREADS=1 for one core), on a
graphics card the same program is faster.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from .renderer.head import read_head
from .renderer.studio import Studio
from .shards import write_shard


def main(words: list[str] | None = None) -> int:
    """Render the shards that are missing."""
    parser = argparse.ArgumentParser(prog="run.py train render", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("ict", metavar="FaceXModel", type=Path, help="ICT-FaceKit's folder")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--seeds", type=seed_range, required=True, metavar="A-B", help="both included")
    parser.add_argument("--per-shard", type=int, default=500, help="pictures per shard")
    options = parser.parse_args(words)
    studio = Studio(read_head(options.ict))
    options.out.mkdir(parents=True, exist_ok=True)
    for shard, seeds in shards_of(options.seeds, options.per_shard):
        folder = options.out / f"shard_{shard:04d}"
        if not folder.exists():
            drawn = (studio.shoot(seed) for seed in tqdm(seeds, desc=folder.name, mininterval=5.0))
            write_shard(folder, drawn, len(seeds))
    return 0


def seed_range(text: str) -> range:
    """`3-9` -> 3 to 9."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def shards_of(seeds: range, per_shard: int) -> list[tuple[int, range]]:
    """Number and seeds of each shard that these seeds touch; seed s lies in shard s // per_shard only."""
    numbers = range(seeds.start // per_shard, (seeds.stop - 1) // per_shard + 1)
    whole = [(number, range(number * per_shard, (number + 1) * per_shard)) for number in numbers]
    return [(number, range(max(one.start, seeds.start), min(one.stop, seeds.stop))) for number, one in whole]


if __name__ == "__main__":
    sys.exit(main())
