"""Where a shape key puts the points of its mesh, and how far it moves them."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray


def key_points(block: bpy.types.ShapeKey) -> NDArray[np.float32]:
    """(N, 3) points in the mesh's axes."""
    points = np.empty(len(block.points) * 3, np.float32)
    block.points.foreach_get("co", points)
    return points.reshape(-1, 3)


def key_moves(block: bpy.types.ShapeKey) -> NDArray[np.float32]:
    """(N, 3) how far a key at 1 moves each point from the shape it is relative to."""
    return key_points(block) - key_points(block.relative_key)
