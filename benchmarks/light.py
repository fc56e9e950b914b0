"""The light that `understudy light` finds, on rendered performances whose lamp is known.

    python3 run.py bench light SEED_CLIP.mp4 ... [--out FILE.jsonl]

The clips are those of benchmarks/render_performance.py, named `seed_N.mp4` (the seed says where the lamp stood). One JSON
line per clip, then one with the mean: `key_deg` is the angle between the lamp and the one that was found, `camera_deg`
that between the lamp and the camera, which is what a lamp at the camera would be off by; `share` is the lamp's part of
the light, beside the true one.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from machine import announce
from numpy.typing import NDArray
from truth_actor import Light, truth_performance
from understudy.inference.capture.shot import CaptureOptions
from understudy.inference.face_model import load
from understudy.inference.jobs.tracking import track_video
from understudy.inference.light.estimate import estimate_light


def true_light(clip: Path) -> Light:
    """The light of `seed_N.mp4`."""
    seed = int(clip.stem.removeprefix("seed_"))
    truth = np.load(clip.with_suffix(".truth.npz"))
    names, frames = [str(name) for name in truth["names"]], len(truth["coefficients"])
    return truth_performance(names, frames, seed, "events" if seed % 2 else "speech")[1].light


def figures(clip: Path) -> dict[str, float]:
    """Track the clip and compare its light with the true one."""
    truth = true_light(clip)
    take = track_video(clip, CaptureOptions(), 0, "default")
    found = estimate_light(take, clip, load("default"))
    lamp = np.array(truth.key_from)
    # A sun of strength pi shows white at 1; the surroundings glow between their dark and bright halves.
    key, soft = truth.key_strength / np.pi, np.mean([truth.fill_bright, truth.fill_dark])
    return {
        "key_deg": angle_deg(lamp, np.array(found.key_from)),
        "camera_deg": angle_deg(lamp, np.array([0.0, 0.0, 1.0])),
        "share": round(float(np.mean(found.key) / (np.mean(found.key) + np.mean(found.ambient))), 2),
        "true_share": round(float(key / (key + soft)), 2),
    }


def angle_deg(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Angle between unit vectors."""
    return round(float(np.degrees(np.arccos(np.clip(first @ second, -1.0, 1.0)))), 1)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+", metavar="SEED_CLIP.mp4")
    parser.add_argument("--out", type=Path, help="also append the lines to this file")
    options = parser.parse_args()
    announce("light", options.out)
    found = {clip.name: figures(clip) for clip in options.clips}
    rows = [{"benchmark": "light", "clip": clip, **row} for clip, row in found.items()]
    names = next(iter(found.values()))
    mean = {name: round(float(np.mean([row[name] for row in found.values()])), 2) for name in names}
    for row in [*rows, {"benchmark": "light", "clip": f"mean of {len(rows)}", **mean}]:
        line = json.dumps(row)
        print(line, flush=True)
        if options.out is not None:
            with options.out.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")


if __name__ == "__main__":
    main()
