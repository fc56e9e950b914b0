"""Where an avatar stands without a performance: what its keys are laid upon."""

from __future__ import annotations

import bpy
from mathutils import Matrix

from ..keys.fcurves import own_paths

STAND_PROPERTY = "understudy_stand"


def stand(root: bpy.types.Object) -> Matrix:
    """4x4 world matrix of where the avatar stands without a performance."""
    return parent_space(root) @ stand_basis(root)


def stand_basis(root: bpy.types.Object) -> Matrix:
    """4x4 location, rotation and scale of an avatar without a performance, remembered from before our keys moved it."""
    if not _moved_by_us(root):
        root[STAND_PROPERTY] = [value for row in root.matrix_basis for value in row]
    values = list(root[STAND_PROPERTY])
    return Matrix([values[row * 4 : row * 4 + 4] for row in range(4)])


def _moved_by_us(root: bpy.types.Object) -> bool:
    return STAND_PROPERTY in root and bool(own_paths(root) & {"location", "rotation_quaternion"})


def parent_space(root: bpy.types.Object) -> Matrix:
    """4x4 matrix from the space of an object's own location to the world."""
    return root.matrix_world @ root.matrix_basis.inverted()
