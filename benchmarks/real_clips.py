"""Takes of real clips against what a person sees in them, beside MediaPipe's own scores.

    python benchmarks/real_clips.py [NAME ...] [--quality standard|high] [--face-model default] [--task face_landmarker.task]

What a person sees (blinks, lips together or apart, gaze, smiles, brows, stillness) is in real_clips.json; NAME is a
clip in it, all without one. One JSON line per clip and system. `*_missed`, `*_wrong` and `*_invented` name the frames
to look at. Shares count what the person was sure of. Without a task MediaPipe is left out. Needs the package mediapipe.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from understudy.inference import arkit, face_model
from understudy.inference.capture.shot import CaptureOptions
from understudy.inference.face_model.types import FaceModel
from understudy.inference.jobs.tracking import track_video
from understudy.inference.take import Take

SHARED = Path(os.environ.get("UNDERSTUDY_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SEEN = Path(__file__).with_suffix(".json")

INNER_LIPS = ((13, 14), (82, 87), (312, 317), (81, 178), (311, 402), (80, 88), (310, 318))
"""Landmarks of the inner lips that lie one above the other."""
MOUTH_CORNERS = (61, 291)
LIPS_APART = 0.03
"""Of the mouth's width: a gap that a viewer sees."""
LIPS_STEP = 0.2
"""Of the mouth's width: lips of one height so far apart in depth are seen to be open too."""
REOPENED = 0.35
"""After a blink the lids must come back under this."""
SLACK = 1
"""Frames by which a person may have misjudged the ends of a blink."""
MILD_GAZE = 0.15
"""Of the eyeLook shapes: a look to the side that a viewer sees."""
MILD_SMILE = 0.25
MILD_BROW = 0.15

Scores = NDArray[np.float32]
Notes = Mapping[str, Any]
"""One clip of real_clips.json; its layout is described there."""


@dataclass(frozen=True)
class System:
    """One tracker's scores of a clip."""

    name: str
    coefficients: Scores
    """(T, 52) in ARKit order."""
    head: NDArray[np.float32]
    """(T, 3, 3)."""
    blink_at: float
    """The blink score that counts as a closed eye."""

    def __getitem__(self, shape: str) -> NDArray[np.float64]:
        return self.coefficients[:, arkit.INDEX[shape]].astype(np.float64)


def understudy(take: Take, name: str = "understudy") -> System:
    """Our take."""
    return System(name, take.coefficients, take.rotation, 0.7)


def mediapipe(clip: Path, task: Path, like: Take) -> System:
    """The Face Landmarker's scores; it never scores a closed eye 1, so half is taken for closed."""
    import peers  # a script beside this one

    take, _ = peers.mediapipe(clip, task, like)
    return System("mediapipe face landmarker", take.coefficients, take.rotation, 0.5)


def frames_of(ranges: Iterable[Sequence[int]], count: int) -> NDArray[np.bool_]:
    """(count,) True inside the ranges, both ends included."""
    inside = np.zeros(count, bool)
    for first, last in ranges:
        inside[max(first, 0) : last + 1] = True
    return inside


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last frame of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return [(int(first), int(stop) - 1) for first, stop in edges.reshape(-1, 2)]


def eyes_of(blink: Notes) -> tuple[str, ...]:
    """The shapes that a blink moves."""
    return {"left": ("eyeBlinkLeft",), "right": ("eyeBlinkRight",)}.get(
        blink["eyes"], ("eyeBlinkLeft", "eyeBlinkRight")
    )


def blinks(system: System, seen: Notes) -> dict[str, object]:
    """Blinks found, missed, not opened again, and invented ones (frames that no lowering of the lids explains)."""
    count = len(system.coefficients)
    clear = [blink for blink in seen["blinks"] if blink["sure"] and blink["kind"] != "half"]
    missed, stuck = [], []
    excused = {side: frames_of(seen["lids_low"], count) for side in ("eyeBlinkLeft", "eyeBlinkRight")}
    for blink in seen["blinks"]:
        for eye in eyes_of(blink):
            excused[eye] |= frames_of([(blink["first"] - SLACK - 1, blink["open"] + SLACK)], count)
    if "flutter" in seen:
        excused = {eye: mask | frames_of([seen["flutter"]["frames"]], count) for eye, mask in excused.items()}
    low = frames_of(seen["lids_low"], count)
    for blink in clear:
        (first, last), opened = blink["closed"], blink["open"]
        peak = min(float(system[eye][max(first - SLACK, 0) : last + SLACK + 1].max()) for eye in eyes_of(blink))
        if peak < system.blink_at:
            missed.append([first, last, round(peak, 2)])
        after = slice(opened, min(opened + 3, count))
        if opened < count and not low[after].any():
            rest = max(float(system[eye][after].min()) for eye in eyes_of(blink))
            if rest > REOPENED:
                stuck.append([opened, round(rest, 2)])
    invented = [
        [eye[8:].lower(), first, last]
        for eye, mask in excused.items()
        for first, last in runs((system[eye] > system.blink_at) & ~mask)
    ]
    found = len(clear) - len(missed)
    return {
        "blinks": len(clear),
        "blink_recall": ratio(found, len(clear)),
        "blink_precision": ratio(found, found + len(invented)),
        "blinks_missed": missed,
        "blinks_not_opened": stuck,
        "blinks_invented": invented,
    }


def flutter(system: System, seen: Notes) -> dict[str, object]:
    """How much farther the lids are closed in the closed frames of a flutter than in its half open ones."""
    if "flutter" not in seen:
        return {}
    lids = (system["eyeBlinkLeft"] + system["eyeBlinkRight"]) / 2
    closed, half_open = (lids[seen["flutter"][name]] for name in ("closed", "half_open"))
    return {
        "flutter_closed": round(float(closed.mean()), 3),
        "flutter_half_open": round(float(half_open.mean()), 3),
    }


def lip_gap(coefficients: Scores, model: FaceModel) -> NDArray[np.float64]:
    """(T,) widest gap between the inner lips of the model's mean face, as a share of the mouth's width.

    In height; in depth what is beyond a step that lips still cover.
    """
    points = model.landmark_mean_cm + np.tensordot(coefficients.astype(np.float64), model.landmark_expressions_cm, 1)
    upper, lower = (points[:, [pair[side] for pair in INNER_LIPS]] for side in (0, 1))
    left, right = (points[:, corner] for corner in MOUTH_CORNERS)
    apart = (upper - lower) / np.linalg.norm(left - right, axis=1)[:, None, None]
    return np.asarray(np.maximum(apart[..., 1], np.abs(apart[..., 2]) - LIPS_STEP + LIPS_APART).max(axis=1))


def lips(system: System, seen: Notes, model: FaceModel) -> dict[str, object]:
    """Share of the frames with lips together, and apart, in which the model's are too; the wrong stretches."""
    count = len(system.coefficients)
    gap = lip_gap(system.coefficients, model)
    figures: dict[str, object] = {}
    for state, right in (("closed", gap <= LIPS_APART), ("open", gap > LIPS_APART)):
        judged = frames_of(seen[f"lips_{state}"], count)
        figures[f"lips_{state}"] = ratio(int((right & judged).sum()), int(judged.sum()))
        pick = gap.__getitem__
        figures[f"lips_{state}_wrong"] = [
            [first, last, round(float((np.max if state == "closed" else np.min)(pick(slice(first, last + 1)))), 3)]
            for first, last in runs(judged & ~right)
        ]
    return figures


def gaze(system: System, seen: Notes) -> dict[str, object]:
    """Looks away that are found, against the gaze while the eyes are in the middle."""
    side = (
        system["eyeLookOutLeft"] - system["eyeLookInLeft"] + system["eyeLookInRight"] - system["eyeLookOutRight"]
    ) / 2
    height = sum(
        (system[f"eyeLookUp{eye}"] - system[f"eyeLookDown{eye}"] for eye in ("Left", "Right")), np.zeros(len(side))
    )
    ahead = frames_of(seen["gaze_ahead"], len(side))
    towards = {"left": side, "right": -side, "up": height / 2, "down": -height / 2}
    missed, sizes = [], []
    for look in seen["gaze"]:
        first, last = look["frames"]
        values = towards[look["to"]]
        size = float(np.median(values[first : last + 1])) - (float(np.median(values[ahead])) if ahead.any() else 0.0)
        sizes.append(size)
        if size < MILD_GAZE:
            missed.append([look["to"], first, last, round(size, 2)])
    return {
        "gaze_recall": ratio(len(sizes) - len(missed), len(sizes)),
        "gaze_size": round(float(np.mean(sizes)), 3) if sizes else None,
        "gaze_missed": missed,
    }


def smiles(system: System, seen: Notes) -> dict[str, object]:
    """Smiles whose side's shape is up in most frames, and for smiles of one side clearly above the other side."""
    missed = []
    for smile in seen["smiles"]:
        first, last = smile["frames"]
        left, right = (float(np.median(system[f"mouthSmile{eye}"][first : last + 1])) for eye in ("Left", "Right"))
        found = {
            "both": min(left, right) > MILD_SMILE,
            "left": left > max(MILD_SMILE, right + 0.1),
            "right": right > max(MILD_SMILE, left + 0.1),
        }
        if not found[smile["side"]]:
            missed.append([smile["side"], first, last, round(left, 2), round(right, 2)])
    total = len(seen["smiles"])
    return {"smile_recall": ratio(total - len(missed), total), "smiles_missed": missed}


def brows(system: System, seen: Notes) -> dict[str, object]:
    """Brows clearly raised or lowered that the shapes show in most frames."""
    lowered = (system["browDownLeft"] + system["browDownRight"]) / 2
    raised = np.maximum(system["browInnerUp"], (system["browOuterUpLeft"] + system["browOuterUpRight"]) / 2)
    missed, total = [], 0
    for way, values in (("up", raised), ("down", lowered)):
        for first, last in seen[f"brows_{way}"]:
            size, total = float(np.median(values[first : last + 1])), total + 1
            if size < MILD_BROW:
                missed.append([way, first, last, round(size, 2)])
    return {"brow_recall": ratio(total - len(missed), total), "brows_missed": missed}


def stillness(system: System, seen: Notes) -> dict[str, object]:
    """Motion in the stretches in which the face does not visibly move: the worst shape, all shapes, the head."""
    worst, spread, turn = [], [], []
    for first, last in seen["still"]:
        values = system.coefficients[first : last + 1].astype(np.float64)
        worst.append(float(values.std(axis=0).max()))
        spread.append(float(values.std(axis=0).mean()))
        head = system.head[first : last + 1].astype(np.float64)
        cosine = (np.einsum("tij,ij->t", head, head[len(head) // 2]) - 1) / 2
        turn.append(float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean()))
    if not worst:
        return {}
    return {
        "still_worst_shape": round(max(worst), 4),
        "still_shapes": round(float(np.mean(spread)), 4),
        "still_head_deg": round(float(np.mean(turn)), 3),
    }


def ratio(part: int, whole: int) -> float | None:
    """None where there is nothing to find."""
    return round(part / whole, 4) if whole else None


def compare(system: System, seen: Notes, model: FaceModel) -> dict[str, object]:
    """All figures of one system on one clip."""
    return {
        **blinks(system, seen),
        **flutter(system, seen),
        **lips(system, seen, model),
        **gaze(system, seen),
        **smiles(system, seen),
        **brows(system, seen),
        **stillness(system, seen),
    }


def observations() -> dict[str, Notes]:
    """What a person sees, by clip."""
    return dict(json.loads(SEEN.read_text("utf-8"))["clips"])


def main() -> None:
    """Compare every system on every clip."""
    from machine import announce

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    notes = observations()
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*notes, []], help=", ".join(notes))
    parser.add_argument("--clips", type=Path, default=SHARED / "data" / "clips", help="folder of NAME.mp4")
    parser.add_argument("--quality", choices=("fast", "standard", "high"), default="standard")
    parser.add_argument("--face-model", default="default")
    parser.add_argument("--task", type=Path, default=SHARED / "models" / "face_landmarker.task")
    options = parser.parse_args()
    # Lips are judged on the default model, whatever model solved: it stands for any avatar with the ARKit shapes.
    model = face_model.load("default")
    capture = CaptureOptions(device="cpu", quality=options.quality)
    announce("real_clips")
    for name in options.names or notes:
        clip = options.clips / f"{name}.mp4"
        take = track_video(clip, capture, 0, options.face_model)
        on_theirs = track_video(clip, replace(capture, points="mediapipe"), 0, options.face_model)
        systems = [understudy(take), understudy(on_theirs, "understudy on mediapipe's points")]
        if options.task.is_file():
            systems.append(mediapipe(clip, options.task, take))
        for system in systems:
            line = {"benchmark": "real_clips", "clip": name, "system": system.name, "quality": options.quality}
            print(json.dumps({**line, **compare(system, notes[name], model)}), flush=True)


if __name__ == "__main__":
    main()
