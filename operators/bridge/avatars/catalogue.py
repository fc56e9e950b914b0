"""Which avatars can be added, by the name the command line and the panel give them."""

from __future__ import annotations

from pathlib import Path

import bpy

from ....inference.errors import InputError, UsageError

DEFAULT = "default"
ICT = "ict:"


def add_avatar(scene: bpy.types.Scene, spec: str = DEFAULT) -> bpy.types.Object:
    """Add the avatar that `spec` names (``default`` or ``ict:DIR``) to a scene; returns its armature."""
    if spec == DEFAULT:
        from .default import add_default_avatar

        return add_default_avatar(scene)
    if not spec.startswith(ICT):
        raise UsageError(
            f"There is no avatar '{spec}'; choose default or ict:DIR with the folder of an ICT-FaceKit model."
        )
    folder = Path(spec.removeprefix(ICT))
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}; name the folder of an ICT-FaceKit model.")
    from .ict import add_ict_avatar

    return add_ict_avatar(folder, scene=scene)
