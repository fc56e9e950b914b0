"""Points in real videos, MediaPipe's and ours: found faces, tremble, agreement where expressions move nothing.

    python3 run.py bench real_points [NAME ...] [--clips FOLDER] [--out FILE.jsonl]

The clips are those of real_clips.json, all without a NAME; its stretches in which the face does not visibly move are the
still ones. Nobody knows the true points of a real face, so these figures only say that nothing broke. One JSON line per
clip and system (`mediapipe_points` and `default`), lengths in per cent of the distance of the outer eye corners in space:
`found` the share of frames with a face, `own` that of frames that our network read; `still` and `quiet` the second
differences of points over the still frames, and over the quarter in which MediaPipe's points move least (the same frames
for both); `residual` how far the solved face is from the points it was solved for; `from_mediapipe` how far the points at
the corners of the eyes and along the nose are from MediaPipe's, `steady` ones after each point's usual offset is taken off.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from machine import announce
from real_clips import SHARED, frames_of, observations
from real_points_figures import agreement, eyes_px, quiet, residual, tremble, worst_frames
from understudy.inference import face_model
from understudy.inference.capture.shot import CaptureOptions, track_shot
from understudy.inference.capture.types import FaceTrack, ShotTracks
from understudy.inference.solve import solve_shot

SYSTEMS = {
    "mediapipe_points": CaptureOptions(device="cpu", points="mediapipe"),
    "default": CaptureOptions(device="cpu"),
}
LOOK_AT = 3


def compare(clip: Path, still: list[list[int]]) -> dict[str, dict[str, Any]]:
    """Figures of both systems on one clip."""
    shots = {system: track_shot(clip, options) for system, options in SYSTEMS.items()}
    reference = shots["mediapipe_points"].tracks[0]
    eyes, calm = eyes_px(reference), quiet(reference)
    stills = frames_of(still, len(eyes))
    stills[[0, -1]] = False
    figures = {}
    for system, shot in shots.items():
        track = shot.tracks[0]
        figures[system] = {
            "frames": len(eyes),
            "found": float((track.confidence > 0).mean()),
            "own": _own_share(track),
            "still": tremble(track.landmarks_px, eyes, stills),
            "quiet": tremble(track.landmarks_px, eyes, calm),
            "residual": _residual(shot, eyes),
        }
        if system != "mediapipe_points":
            both = track.landmarks_px, reference.landmarks_px, eyes
            figures[system] |= {"from_mediapipe": agreement(*both), "farthest_frames": worst_frames(*both, LOOK_AT)}
    return figures


def _own_share(track: FaceTrack) -> float:
    """Share of the frames with coefficients of our network; frames that fell back have none."""
    return 0.0 if track.coefficients is None else float(np.isfinite(track.coefficients).all(1).mean())


def _residual(shot: ShotTracks, eyes: Any) -> float:
    model = face_model.load("default")
    return residual(solve_shot(shot, shot.tracks[0], model), model, eyes)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, float):
        return None if np.isnan(value) else round(value, 4)
    return value


def main() -> None:
    """Compare both on every clip."""
    notes = observations()
    parser = argparse.ArgumentParser(prog="real_points", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*notes, []], help=", ".join(notes))
    parser.add_argument("--clips", type=Path, default=SHARED / "data" / "clips", help="folder of NAME.mp4")
    parser.add_argument("--out", type=Path, metavar="FILE.jsonl", help="also append the lines to this file")
    options = parser.parse_args()
    announce("real_points", options.out)
    for name in options.names or notes:
        for system, figures in compare(options.clips / f"{name}.mp4", notes[name]["still"]).items():
            line = json.dumps({"benchmark": "real_points", "clip": name, "system": system, **_rounded(figures)})
            print(line, flush=True)
            if options.out is not None:
                with options.out.open("a", encoding="utf-8") as lines:
                    lines.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
