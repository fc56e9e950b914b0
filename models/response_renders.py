"""Step 1 of the landmark response: pictures of many ICT-FaceKit actors with random expressions, poses, lenses and lights.

usage: python -m understudy.models.response_renders FACEXMODEL_FOLDER OUT_FOLDER FIRST_ACTOR STOP_ACTOR

Actors are independent of each other, so several processes may share the work. Each actor's pictures and truth are
`ACTOR_NN.png` and `ACTOR.npz`; actors whose truth is there are not rendered again.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..inference.arkit import INDEX, NAMES
from ..inference.face_model.ict_folder import IctModel, read_ict
from .ict_eyes import EYEBALLS, eyeball, gaze_rotation
from .ict_look import Look
from .ict_render import HeadScene

SIZE_PX = 272
PX_PER_CM = 9.6
"""A face then fills about 200 pixels, what the landmark network reads."""
STILLS = 10
SAMPLES = 6
IDENTITY_SPREAD = 0.75
FULL_LOOK_RAD = {"In": 0.55, "Out": 0.55, "Up": 0.45, "Down": 0.55}
BOTH_SIDES = 0.7
"""Share of the two-sided movements."""

_UNITS = (
    *("jawOpen", "jawOpen", "jawOpen", "jawForward", "jawLeft", "jawRight", "mouthClose", "mouthFunnel", "mouthPucker"),
    *("mouthLeft", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *("browInnerUp", "cheekPuff"),
    *("eyeBlink*", "eyeSquint*", "eyeWide*", "mouthSmile*", "mouthSmile*", "mouthFrown*", "mouthDimple*"),
    *("mouthStretch*", "mouthPress*", "mouthLowerDown*", "mouthUpperUp*", "browDown*", "browOuterUp*"),
    *("cheekSquint*", "noseSneer*"),
)
_NEVER_TOGETHER = (
    {"jawLeft", "jawRight"}, {"mouthLeft", "mouthRight"}, {"mouthSmile*", "mouthFrown*"}, {"eyeBlink*", "eyeWide*"},
    {"eyeBlink*", "eyeSquint*"}, {"mouthFunnel", "mouthPress*"}, {"browDown*", "browOuterUp*"},
)  # fmt: skip


def main(folder: Path, out: Path, actors: range) -> None:
    """Render the actors that are missing."""
    out.mkdir(parents=True, exist_ok=True)
    ict = read_ict(folder, with_identity=True)
    for actor in actors:
        if not (out / f"{actor:03d}.npz").is_file():
            render_actor(ict, actor, out)


def render_actor(ict: IctModel, actor: int, out: Path) -> None:
    """Pictures of one actor: coefficients (N,52), gaze (N,2), identity (100,), rotation, position_cm, focal_px."""
    rng = np.random.default_rng([9, actor])
    identity = rng.normal(0.0, IDENTITY_SPREAD, 100)
    neutral = ict.neutral_cm + np.einsum("i,ivk->vk", identity, ict.identity_cm)
    distance = float(np.exp(rng.uniform(np.log(42), np.log(130))))
    focal = PX_PER_CM * float(rng.uniform(0.9, 1.1)) * distance
    look = random_look(rng)
    scene = HeadScene(ict, neutral, look, SIZE_PX, focal, SAMPLES)
    bpy.context.scene.render.threads = 1
    scene.add_wall(look, distance)
    coefficients, gazes, rotations, positions = [], [], [], []
    for still, expression in enumerate(random_expressions(rng)):
        gaze = np.clip(rng.normal(0, 0.18, 2), -0.4, 0.4)
        values = with_looks(expression, gaze)
        turn = Rotation.from_euler("YXZ", [rng.uniform(-0.6, 0.6), rng.normal(0, 0.12), rng.normal(0, 0.1)])
        position = np.array([*rng.normal(0, 0.8, 2), -distance])
        position[1] -= 2.0
        vertices = posed(ict, neutral, values, gaze)
        scene.render(vertices, turn.as_matrix(), position, out / f"{actor:03d}_{still:02d}.png")
        coefficients.append(values)
        gazes.append(gaze)
        rotations.append(turn.as_matrix())
        positions.append(position)
    np.savez(
        out / f"{actor:03d}.npz",
        coefficients=np.array(coefficients), gaze=np.array(gazes), identity=identity,
        rotation=np.array(rotations), position_cm=np.array(positions), focal_px=focal,
    )  # fmt: skip


def random_look(rng: np.random.Generator) -> Look:
    """Skin from pale to dark, hair and brows from blond to black, lights of any side and strength."""
    pale, dark = np.array([0.64, 0.42, 0.33]), np.array([0.13, 0.06, 0.035])
    skin = np.exp(np.log(pale) + rng.uniform() * (np.log(dark) - np.log(pale))) * np.exp(rng.normal(0, 0.05, 3))
    hair = np.array([0.20, 0.12, 0.06]) * rng.uniform() ** 2 + 0.008
    lips = skin * rng.uniform([0.7, 0.3, 0.3], [1.0, 0.6, 0.65])
    return Look(
        skin=_rgb(skin), lips=_rgb(lips), hair=_rgb(hair), iris=_rgb(rng.uniform(0.02, 0.17, 3)),
        key_side=float(rng.choice([-1.0, 1.0])), key_watt=float(rng.uniform(20000, 60000)),
        fill_watt=float(rng.uniform(10000, 40000)), noise_seed=float(rng.uniform(0, 100)),
    )  # fmt: skip


def _rgb(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return (float(values[0]), float(values[1]), float(values[2]))


def random_expressions(rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """(52,) coefficients of each still: the first neutral, then two to five movements that go together."""
    deck: list[str] = []
    result = [np.zeros(len(NAMES))]
    while len(result) < STILLS:
        values, chosen = np.zeros(len(NAMES)), set[str]()
        for _ in range(int(rng.integers(2, 6))):
            if not deck:
                deck = [str(unit) for unit in rng.permutation(_UNITS)]
            unit = deck.pop()
            if not any(unit in pair and pair & (chosen - {unit}) for pair in _NEVER_TOGETHER):
                chosen.add(unit)
                act(values, unit, rng)
        closed = INDEX["mouthClose"]
        if values[closed]:
            values[INDEX["jawOpen"]] = max(values[INDEX["jawOpen"]], values[closed])
        result.append(values)
    return result


def act(values: NDArray[np.float64], unit: str, rng: np.random.Generator) -> None:
    """Set one movement; a `*` stands for the sides."""
    size = float(rng.uniform(0.3, 1.0))
    if not unit.endswith("*"):
        values[INDEX[unit]] = size * (0.7 if unit in ("jawOpen", "mouthClose") else 1.0)
        return
    sides = np.array([size, size * rng.uniform(0.8, 1.0)])[rng.permutation(2)]
    if rng.uniform() > BOTH_SIDES:
        sides[rng.integers(2)] = 0.0
    for side, value in zip(("Left", "Right"), sides, strict=True):
        values[INDEX[unit[:-1] + side]] = value


def with_looks(values: NDArray[np.float64], gaze: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lids follow the gaze (yaw to the actor's left, pitch up) through the eyeLook shapes."""
    values = values.copy()
    yaw, pitch = gaze
    for side, inward in (("Left", -yaw), ("Right", yaw)):
        for way, angle in (("In", inward), ("Out", -inward), ("Up", pitch), ("Down", -pitch)):
            values[INDEX[f"eyeLook{way}{side}"]] = max(angle, 0.0) / FULL_LOOK_RAD[way]
    return values


def posed(
    ict: IctModel, neutral: NDArray[np.float64], values: NDArray[np.float64], gaze: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(26719, 3) the head with these ARKit coefficients, both eyes turned."""
    vertices = neutral.copy()
    for index in np.flatnonzero(values):
        shape = ict.arkit_shape(NAMES[index])
        if shape is not None:
            vertices += values[index] * shape
    for side, material in enumerate(EYEBALLS):
        part, (centre, _) = ict.part(material), eyeball(ict, neutral, side)
        vertices[part] = (vertices[part] - centre) @ gaze_rotation(*gaze).T + centre
    return vertices


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), range(int(sys.argv[3]), int(sys.argv[4])))
    sys.stdout.flush()
    os._exit(0)  # bpy can hang in the interpreter's teardown
