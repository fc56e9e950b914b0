"""Meshes of glasses and of things before the face, from tubes and balls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..faces.things import Glasses, Hat, Occluder

Floats = NDArray[np.floating[Any]]
Rng = np.random.Generator


@dataclass(frozen=True)
class Prop:
    """A mesh (N corners) in head axes."""

    vertices_cm: Floats
    normals: Floats
    triangles: NDArray[np.int32]
    colours: Floats
    """(N, 3) linear."""


def joined(parts: list[Prop]) -> Prop:
    """All in one mesh."""
    starts = np.cumsum([0, *(len(part.vertices_cm) for part in parts)])
    return Prop(
        np.concatenate([part.vertices_cm for part in parts]),
        np.concatenate([part.normals for part in parts]),
        np.concatenate([part.triangles + start for part, start in zip(parts, starts[:-1], strict=True)]).astype(
            np.int32
        ),
        np.concatenate([part.colours for part in parts]),
    )


def tube(path: Floats, radii: Floats, colour: Floats, sides: int = 8, closed: bool = False) -> Prop:
    """A round tube along (P, 3) with radii (P,); round caps come from radii that run to 0."""
    along = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    helper = np.where(np.abs(along[:, 1:2]) < 0.8, [0.0, 1.0, 0.0], [1.0, 0.0, 0.0])
    if np.ptp(np.abs(along[:, 1])) > 0.3:
        helper = np.broadcast_to([0.0, 0.0, 1.0], along.shape)
    first = np.cross(along, helper)
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-9)
    second = np.cross(along, first)
    angle = np.arange(sides) * 2 * np.pi / sides
    ring = np.cos(angle)[:, None] * first[:, None] + np.sin(angle)[:, None] * second[:, None]
    vertices = path[:, None] + radii[:, None, None] * ring
    count, rows = len(path), len(path) if closed else len(path) - 1
    here = np.arange(rows)[:, None] * sides + np.arange(sides)
    right = np.arange(rows)[:, None] * sides + (np.arange(sides) + 1) % sides
    below, across = (here + sides) % (count * sides), (right + sides) % (count * sides)
    quads = np.stack([here, right, below, below, right, across], -1).reshape(-1, 3)
    return Prop(
        vertices.reshape(-1, 3), ring.reshape(-1, 3), quads.astype(np.int32), np.tile(colour, (count * sides, 1))
    )


def capsule(start: Floats, end: Floats, radius: float, colour: Floats) -> Prop:
    """A round-ended rod."""
    bow = np.linspace(0, np.pi / 2, 5)
    axis = (end - start) / max(float(np.linalg.norm(end - start)), 1e-6)
    places = np.concatenate([start - axis * radius * np.cos(bow)[:, None], end + axis * radius * np.sin(bow)[:, None]])
    return tube(places, radius * np.concatenate([np.sin(bow), np.cos(bow)]), colour, 12)


def glasses(what: Glasses, eyes_cm: Floats, bridge_cm: Floats, ears_cm: Floats) -> tuple[Prop, Prop]:
    """Frame and lenses for eyes (2, 3), the bridge of the nose (3,) and the tops of the ears (2, 3), left and right."""
    front = max(float(eyes_cm[:, 2].max()) + 2.4, float(bridge_cm[2]) - 0.2)
    parts, lenses = [], []
    half, high = what.half_size_cm
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    power = 2 / what.roundness
    outline = np.stack([np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power * half,
                        np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power * high], 1)  # fmt: skip
    gap = max(float(np.abs(eyes_cm[:, 0]).mean()), half + 0.45)
    for side, ear in zip((1.0, -1.0), ears_cm, strict=True):
        middle = np.array([side * gap, eyes_cm[:, 1].mean() - what.low_cm, front])
        rim = np.column_stack([middle[0] + outline[:, 0], middle[1] + outline[:, 1], np.zeros(len(angle))])
        rim[:, 2] = front - 0.035 * np.abs(rim[:, 0]) ** 1.7  # the front is bent around the face
        parts.append(tube(rim, np.full(len(rim), what.thick_cm / 2), what.frame, 6, closed=True))
        hinge = rim[np.argmax(side * rim[:, 0])] + [side * 0.05, 0.5 * high, 0.0]
        bend = ear + np.array([side * 0.3, 0.2, 0.6])
        temple = np.stack([hinge, 0.5 * (hinge + bend) + [side * 0.4, 0, 0], bend, ear + [0.0, -1.5, -1.5]])
        parts.append(tube(temple, np.full(4, what.thick_cm / 2), what.frame, 6))
        fan = np.array([(0, 1 + i, 1 + (i + 1) % len(rim)) for i in range(len(rim))])
        glass = np.concatenate([[[middle[0], middle[1], rim[:, 2].mean() + 0.1]], rim])
        lenses.append(
            Prop(
                glass,
                np.tile([0.15 * side, 0.1, 0.98], (len(glass), 1)),
                fan.astype(np.int32),
                np.tile(what.tint, (len(glass), 1)),
            )
        )
    inner = gap - half
    arch = np.array(
        [
            [-inner, 0.35 * high, 0],
            [-0.5 * inner, 0.5 * high, 0.15],
            [0.5 * inner, 0.5 * high, 0.15],
            [inner, 0.35 * high, 0],
        ]
    )
    arch += [0.0, float(eyes_cm[:, 1].mean()) - what.low_cm, front]
    parts.append(tube(arch, np.full(4, what.thick_cm / 2), what.frame, 6))
    return joined(parts), joined(lenses)


def hat(what: Hat, vertices_cm: Floats, eyes_cm: Floats, ears_cm: Floats) -> Prop:
    """A hat for a head of these vertices (V, 3), or headphones over its ears (2, 3)."""
    top, middle_y = float(vertices_cm[:, 1].max()), float(eyes_cm[:, 1].mean()) + what.rim_cm
    skull = vertices_cm[vertices_cm[:, 1] > middle_y - 1.0]
    low, high = skull.min(0), skull.max(0)
    radii = np.array([(high[0] - low[0]) / 2, top - middle_y, (high[2] - low[2]) / 2]) + what.loose_cm
    centre = np.array([0.0, middle_y, (low[2] + high[2]) / 2])
    if what.kind == "headphones":
        angle = np.linspace(-0.1, np.pi + 0.1, 24)
        wide = float(np.abs(ears_cm[:, 0]).mean()) + 1.2
        arc = np.stack(
            [wide * np.cos(angle), (top + 0.8 - 2.0) * np.sin(angle) + 2.0, np.full(24, float(ears_cm[0, 2]))], 1
        )
        cups = [capsule(ear + [0.2 * side, -1.0, 0.0], ear + [1.6 * side, -1.0, 0.0], 3.0, what.second)
                for side, ear in zip((1.0, -1.0), ears_cm, strict=True)]  # fmt: skip
        return joined([tube(arc, np.full(24, 0.7), what.colour, 8), *cups])
    rows = 9
    rise = np.linspace(-0.25, np.pi / 2, rows)
    path = np.stack([np.zeros(rows), np.maximum(np.sin(rise), -0.2), np.zeros(rows)], 1)
    dome = tube(path, np.maximum(np.cos(rise), 1e-3), what.colour, 28)
    vertices = dome.vertices_cm * radii + centre
    vertices[:, 1] += (
        what.tilt * (vertices[:, 2] - centre[2] - radii[2]) * np.clip((top + 1 - vertices[:, 1]) / radii[1], 0, 1)
    )
    normals = dome.normals + np.array([0.0, 1.0, 0.0]) * np.clip((vertices[:, 1:2] - middle_y) / radii[1], 0, 1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    shell = Prop(vertices, normals, dome.triangles, dome.colours)
    if what.kind == "beanie":
        return shell
    across = np.linspace(-1.1, 1.1, 13)
    inner = np.stack([radii[0] * np.sin(across), np.full(13, middle_y - 0.1), centre[2] + radii[2] * np.cos(across)], 1)
    outer = inner + np.stack([0.15 * radii[0] * np.sin(across), -1.0 - 0.8 * across**2, 6.0 * np.cos(across * 1.2)], 1)
    strip = np.concatenate([inner, outer])
    faces = np.array([[(i, i + 13, i + 1), (i + 1, i + 13, i + 14)] for i in range(12)]).reshape(-1, 3)
    brim = Prop(strip, np.tile([0.0, 0.96, 0.28], (26, 1)), faces.astype(np.int32), np.tile(what.second, (26, 1)))
    return joined([shell, brim])


def occluder(what: Occluder, head_from_camera: Floats, middle_cm: Floats, face_cm: float) -> Prop:
    """Something that stands 3 cm and more before the middle of the face, square to the camera's axes."""
    rng = np.random.default_rng(what.seed)
    prop = _MAKERS[what.kind](rng, what.colour)
    cos, sin = np.cos(what.turn_rad), np.sin(what.turn_rad)
    spin = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    turn = head_from_camera @ spin
    shift = middle_cm + head_from_camera @ (np.array([*what.place, 0.0]) * face_cm)
    forward = head_from_camera @ np.array([0.0, 0.0, 1.0])
    depth = (prop.vertices_cm * what.size) @ turn.T + shift
    return Prop(depth + forward * rng.uniform(3.0, 7.0), prop.normals @ turn.T, prop.triangles, prop.colours)


def _hand(rng: Rng, colour: Floats) -> Prop:
    """A palm and five fingers, spread or closed; the arm comes from -y."""
    parts = [
        capsule(np.array([x, -3.0, 0.0]), np.array([x * 1.1, 2.0, 0.0]), 1.5, colour) for x in (-2.6, -0.9, 0.9, 2.6)
    ]
    spread, bend = rng.uniform(0.0, 0.28), rng.uniform(-0.2, 0.7)
    for number, x in enumerate((-3.2, -1.1, 1.1, 3.1)):
        length = (6.2, 7.6, 7.2, 5.4)[number] * rng.uniform(0.9, 1.05)
        lean = spread * (number - 1.5) + rng.normal(0, 0.04)
        base = np.array([x, 3.0, 0.0])
        knuckle = base + 0.5 * length * np.array([np.sin(lean), np.cos(lean), 0.3 * bend])
        tip = knuckle + 0.5 * length * np.array([np.sin(lean), np.cos(lean) * np.cos(bend), -np.sin(bend)])
        parts += [capsule(base, knuckle, 0.85, colour), capsule(knuckle, tip, 0.75, colour)]
    thumb = np.array([-6.5, 1.0 + rng.uniform(-1, 2), 0.5])
    parts += [capsule(np.array([-3.0, -2.0, 0.0]), thumb, 1.0, colour)]
    parts.append(capsule(np.array([0.0, -3.0, 0.0]), np.array([rng.uniform(-4, 4), -26.0, 0.0]), 2.8, colour))
    return joined(parts)


def _microphone(rng: Rng, colour: Floats) -> Prop:
    ball = capsule(
        np.array([0.0, -0.3, 0.0]), np.array([0.0, 0.3, 0.0]), rng.uniform(1.8, 3.2), np.full(3, rng.uniform(0.01, 0.2))
    )
    return joined([ball, capsule(np.array([0.0, -2.0, 0.0]), np.array([0.0, -24.0, 0.0]), 1.2, colour)])


def _cup(rng: Rng, colour: Floats) -> Prop:
    height, radius = rng.uniform(4, 6), rng.uniform(3, 4.5)
    rows = np.array([[0, -height, 0], [0, -height + 0.01, 0], [0, height, 0], [0, height + 0.01, 0.0]])
    return tube(rows, np.array([0.0, radius * 0.85, radius, 0.0]), colour, 20)


def _board(rng: Rng, colour: Floats) -> Prop:
    wide, high = rng.uniform(3, 9), rng.uniform(5, 12)
    corners = np.array([[-wide, -high, 0], [wide, -high, 0], [wide, high, 0], [-wide, high, 0.0]])
    return Prop(
        corners, np.tile([0.0, 0.0, 1.0], (4, 1)), np.array([[0, 1, 2], [0, 2, 3]], np.int32), np.tile(colour, (4, 1))
    )


def _ball(rng: Rng, colour: Floats) -> Prop:
    return capsule(np.zeros(3), rng.normal(size=3) * rng.uniform(0.1, 3.0), rng.uniform(2.0, 5.0), colour)


_MAKERS = {"hand": _hand, "microphone": _microphone, "cup": _cup, "board": _board, "ball": _ball}
