"""Teeth, gums and tongue of the default avatar, procedural; the lower row and the tongue follow the jaw; no bpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .head_skin import Rigid
from .mesh import Piece, Points, grid_faces, merge, turned_outward

# Width and crown height of each tooth from the middle outward, cm.
UPPER_TEETH = ((0.84, 1.02), (0.66, 0.92), (0.76, 1.0), (0.70, 0.84), (0.67, 0.78), (0.98, 0.72), (0.92, 0.68))
LOWER_TEETH = ((0.53, 0.86), (0.58, 0.88), (0.66, 0.96), (0.68, 0.84), (0.69, 0.78), (1.02, 0.70), (0.96, 0.66))
UPPER_FRONT_CM, LOWER_FRONT_CM = 10.42, 10.16
UPPER_HALF_WIDTH_CM, LOWER_HALF_WIDTH_CM = 2.55, 2.35
ARCH_DEPTH_CM = 5.2
ROUND = 12
TONGUE_RINGS, TONGUE_ROUND = 26, 24
# Tongue at rest and stretched out: (y relative to the bite, z) from the root to the tip.
TONGUE_REST = ((-2.4, 4.2), (-0.95, 5.2), (-0.35, 6.6), (-0.35, 8.0), (-0.6, 9.1), (-0.75, 9.6))
TONGUE_OUT = ((-2.6, 4.2), (-1.2, 5.6), (-0.35, 7.6), (-0.05, 9.8), (-0.35, 11.9), (-1.35, 13.3))


def teeth_and_gums(bite_y_cm: float, jaw: dict[str, Rigid]) -> Piece:
    """Both rows; `bite_y_cm` is the height where the closed lips meet."""
    upper = merge("Upper", _row(UPPER_TEETH, UPPER_FRONT_CM, UPPER_HALF_WIDTH_CM, bite_y_cm - 0.10, up=True))
    lower = merge("Lower", _row(LOWER_TEETH, LOWER_FRONT_CM, LOWER_HALF_WIDTH_CM, bite_y_cm - 0.02, up=False))
    lower.shapes_cm.update({name: motion.displacement(lower.points_cm) for name, motion in jaw.items()})
    return merge("Teeth", [upper, lower])


def _arch(length: NDArray[np.float64], front: float, half_width: float) -> tuple[Points, Points]:
    """Points (N, 2) in x, z and outward normals of the dental arch at signed lengths from its middle."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 801)
    # A superellipse is flatter in front than an ellipse, as rows of teeth are.
    x = half_width * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.9
    z = front - ARCH_DEPTH_CM + ARCH_DEPTH_CM * np.cos(angle) ** 0.8
    walked = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    walked -= walked[400]
    at = np.stack([np.interp(length, walked, x), np.interp(length, walked, z)], axis=1)
    step = 0.05
    ahead = np.stack([np.interp(length + step, walked, x), np.interp(length + step, walked, z)], axis=1)
    behind = np.stack([np.interp(length - step, walked, x), np.interp(length - step, walked, z)], axis=1)
    tangent = (ahead - behind) / np.linalg.norm(ahead - behind, axis=1, keepdims=True)
    return at, np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)


def _row(
    teeth: tuple[tuple[float, float], ...], front: float, half_width: float, edge_y: float, up: bool
) -> list[Piece]:
    middles, start = [], 0.0
    for width, height in teeth:
        middles.append((start + width / 2, width, height))
        start += width
    pieces = [
        _tooth(side * middle, width, height, index, front, half_width, edge_y, up)
        for side in (1.0, -1.0)
        for index, (middle, width, height) in enumerate(middles)
    ]
    return [*pieces, _gum(start, teeth, front, half_width, edge_y, up)]


def _tooth(
    middle: float, width: float, height: float, index: int, front: float, half_width: float, edge_y: float, up: bool
) -> Piece:
    """A rounded crown: rings from inside the gum to the biting edge, closed there."""
    (at,), (normal,) = _arch(np.array([middle]), front, half_width)
    tangent = np.array([normal[1], -normal[0]])
    molar = index >= 3
    depth = 0.85 if index >= 5 else 0.62 if molar else 0.5
    # Share of the height from the edge, of the width, of the depth.
    profile = (
        (1.15, 0.74, 0.85),
        (0.80, 0.88, 1.0),
        (0.45, 0.97, 0.9),
        (0.15, 0.96, 0.72 if molar else 0.55),
        (0.02, 0.88, 0.6 if molar else 0.34),
        (0.0, 0.6, 0.4 if molar else 0.16),
    )
    turn = np.arange(ROUND) / ROUND * 2 * np.pi
    box_x = np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.6
    box_n = np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.75
    rings = []
    for share, wide, deep in profile:
        flat = (
            at
            + (box_x * wide * width / 2)[:, None] * tangent
            + (box_n * deep * depth / 2 - depth / 2)[:, None] * normal
        )
        y = np.full(ROUND, edge_y + (1 if up else -1) * share * height)
        rings.append(np.stack([flat[:, 0], y, flat[:, 1]], axis=1))
    points = np.concatenate([*rings, rings[-1].mean(axis=0, keepdims=True)])
    faces = grid_faces(len(profile), ROUND, closed=True)
    last = ROUND * (len(profile) - 1)
    faces += [[last + i, last + (i + 1) % ROUND, len(points) - 1] for i in range(ROUND)]
    return _solid("Tooth", points, faces, "teeth")


def _gum(
    reach: float, teeth: tuple[tuple[float, float], ...], front: float, half_width: float, edge_y: float, up: bool
) -> Piece:
    """A ridge along the arch whose border rises between the teeth."""
    length = np.linspace(-reach - 0.2, reach + 0.2, 141)
    at, normal = _arch(length, front, half_width)
    edges = np.concatenate([[0.0], np.cumsum([width for width, _ in teeth])])
    between = np.abs(np.abs(length)[:, None] - edges).min(axis=1)
    border = np.interp(np.abs(length), edges[:-1] + 0.2, [height for _, height in teeth]) * 0.80 - 0.16 * np.exp(
        -((between / 0.16) ** 2)
    )
    # Closed profile: offset along the normal and height above the border.
    profile = (
        (-0.10, 0.0),
        (0.02, 0.06),
        (0.06, 0.30),
        (0.03, 0.75),
        (-0.25, 1.05),
        (-0.75, 0.9),
        (-0.85, 0.35),
        (-0.62, 0.02),
    )
    rings = []
    for out, rise in profile:
        flat = at + out * normal
        rings.append(np.stack([flat[:, 0], edge_y + (1 if up else -1) * (border + rise), flat[:, 1]], axis=1))
    points = np.stack(rings, axis=1).reshape(-1, 3)
    return _solid("Gum", points, grid_faces(len(length), len(profile), closed=True), "gums")


def tongue(bite_y_cm: float, jaw: dict[str, Rigid]) -> Piece:
    """The tongue with its own `tongueOut`, carried by the jaw."""
    rest = _tongue_points(np.array(TONGUE_REST), bite_y_cm, 1.55)
    out = _tongue_points(np.array(TONGUE_OUT), bite_y_cm, 1.45)
    shapes = {name: motion.displacement(rest) for name, motion in jaw.items()}
    shapes["tongueOut"] = out - rest
    faces = grid_faces(TONGUE_RINGS, TONGUE_ROUND, closed=True)
    first = TONGUE_ROUND * (TONGUE_RINGS - 1)
    faces += [[first + i, first + (i + 1) % TONGUE_ROUND, len(rest) - 1] for i in range(TONGUE_ROUND)]
    piece = _solid("Tongue", rest, faces, "tongue")
    piece.shapes_cm.update(shapes)
    return piece


def _tongue_points(path: NDArray[np.float64], bite_y: float, half_width: float) -> Points:
    """Rings along a smooth path from root to tip, and the tip itself."""
    knots = np.linspace(0, 1, len(path))
    # The rings crowd toward the tip, where the outline turns.
    along = np.sin(np.linspace(0, np.pi / 2, TONGUE_RINGS + 1))
    curve = np.stack([np.polyval(np.polyfit(knots, path[:, axis], 4), along) for axis in range(2)], axis=1)
    tangent = np.gradient(curve, along, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    taper = np.sqrt(np.clip(1 - ((along - 0.55) / 0.45).clip(0) ** 2.4, 0, 1))
    width = half_width * (0.8 + 0.2 * along) * taper
    thick = (0.62 - 0.22 * along) * np.sqrt(np.clip(taper, 0, 1))
    turn = np.arange(TONGUE_ROUND) / TONGUE_ROUND * 2 * np.pi
    groove = -0.16 * np.exp(-((np.cos(turn) / 0.25) ** 2)) * (np.sin(turn) > 0)
    rings = []
    for index in range(TONGUE_RINGS):
        lift = np.sin(turn) * thick[index] + groove * taper[index]
        # Up is the path's normal in the midplane.
        y = bite_y + curve[index, 0] + lift * tangent[index, 1]
        z = curve[index, 1] - lift * tangent[index, 0]
        rings.append(np.stack([np.cos(turn) * width[index], y, z], axis=1))
    return np.concatenate([*rings, [[0.0, bite_y + curve[-1, 0], curve[-1, 1]]]])


def _solid(name: str, points: Points, faces: list[list[int]], material: str) -> Piece:
    """A piece of one material on the head bone whose faces are turned outward by its signed volume."""
    faces = turned_outward(points, faces)
    return Piece(
        name=name,
        points_cm=points,
        faces=faces,
        materials=[material],
        face_material=np.zeros(len(faces), np.int32),
        bone_weights={"head": np.ones(len(points))},
        attributes={"rest_cm": points},
    )
