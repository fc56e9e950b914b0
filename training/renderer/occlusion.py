"""How much of the surroundings' light reaches each vertex past the head itself, direction by direction.

Precomputed radiance transfer (Sloan and others 2002) in nine spherical harmonics on the generic head, once with closed
lips and once with an open mouth. Pictures only use the ratio of light with and without shadow, so that the light
itself follows the true shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...inference import arkit
from .head import Head
from .shaders import DEPTH

Floats = NDArray[np.float32]

DIRECTIONS: Final = 96
_SIDE: Final = 256
_REACH_CM: Final = 20.0
_OFF_CM: Final = 0.25
FULLY_OPEN_CM: Final = 1.5
"""Opening of the lips at which the second head holds."""


@dataclass(frozen=True)
class Occlusion:
    """Transfer (V, 9) of the head with closed lips and with an open mouth, and of one that throws no shadow."""

    closed: Floats
    opened: Floats
    free: Floats

    def ratio(self, toward: NDArray[np.float64], weight: NDArray[np.float64], opening_cm: float) -> Floats:
        """(V,) share that is left of light from directions (L, 3) in head axes with these weights."""
        light = weight @ harmonics(toward)
        share = min(max(opening_cm / FULLY_OPEN_CM, 0.0), 1.0)
        reached = (1 - share) * (self.closed @ light) + share * (self.opened @ light)
        return np.asarray(np.clip(reached / np.maximum(self.free @ light, 0.02), 0.05, 1.1), np.float32)


def harmonics(directions: NDArray[Any]) -> NDArray[np.float64]:
    """(N, 9) real spherical harmonics of orders 0 to 2 at unit vectors (N, 3)."""
    x, y, z = np.asarray(directions, np.float64).T
    columns = [0.2821 * np.ones_like(x), 0.4886 * y, 0.4886 * z, 0.4886 * x, 1.0925 * x * y, 1.0925 * y * z,
               0.3154 * (3 * z * z - 1), 1.0925 * x * z, 0.5463 * (x * x - y * y)]  # fmt: skip
    return np.stack(columns, 1)


def occlusion_of(context: Any, head: Head) -> Occlusion:
    """Seen from many directions, what is hidden."""
    still = np.zeros((2, 2))
    opened = np.zeros(len(arkit.NAMES), np.float32)
    opened[arkit.INDEX["jawOpen"]] = 0.6
    toward = even_directions(DIRECTIONS)
    poses = [head.neutral_cm, head.posed(head.neutral_cm, opened, still)]
    transfers = [_transfer(context, head, pose, toward) for pose in poses]
    return Occlusion(transfers[0][0], transfers[1][0], transfers[0][1])


def even_directions(count: int) -> NDArray[np.float64]:
    """(count, 3) spread evenly over the sphere on a golden spiral."""
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    height = 1 - 2 * (np.arange(count) + 0.5) / count
    flat = np.sqrt(1 - height**2)
    return np.stack([flat * np.cos(turn), height, flat * np.sin(turn)], 1)


def _transfer(context: Any, head: Head, vertices: Floats, toward: NDArray[np.float64]) -> tuple[Floats, Floats]:
    """(V, 9) with and without shadows."""
    program = context.program(*DEPTH)
    faces = np.concatenate([head.corner_vertex[head.triangles[name]] for name in ("M_Face", "M_BackHead")])
    buffer = context.buffer(vertices.astype(np.float32).tobytes())
    array = context.vertex_array(
        program, [(buffer, "3f", "position")], context.buffer(faces.astype(np.int32).tobytes())
    )
    texture = context.depth_texture((_SIDE, _SIDE))
    target = context.framebuffer(depth_attachment=texture)
    normals = head.normals(vertices)
    shadowed, free = np.zeros((len(vertices), 9)), np.zeros((len(vertices), 9))
    context.enable(context.DEPTH_TEST)
    for way, basis in zip(toward, harmonics(toward), strict=True):
        side = np.cross([0.0, 1.0, 0.0] if abs(way[1]) < 0.9 else [1.0, 0.0, 0.0], way)
        side /= np.linalg.norm(side)
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([side, np.cross(way, side), -way]) / _REACH_CM
        target.use()
        target.clear(depth=1.0)
        program["lamp_from_head"].write(matrix.T.astype("f4").tobytes())
        array.render()
        depth = np.frombuffer(texture.read(), np.float32).reshape(_SIDE, _SIDE)
        at = (vertices + _OFF_CM * normals) @ matrix[:3, :3].T
        column, row = np.clip(((at[:, :2] + 1) / 2 * _SIDE).astype(int), 0, _SIDE - 1).T
        seen = (at[:, 2] + 1) / 2 <= depth[row, column] + 0.002
        received = np.maximum(normals @ way, 0.0)
        free += received[:, None] * basis
        shadowed += (seen * received)[:, None] * basis
    return shadowed.astype(np.float32), free.astype(np.float32)


__all__ = ["Occlusion", "occlusion_of"]
