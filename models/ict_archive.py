"""Unpacks the ICT-FaceKit light archive (MIT licence), the material from which the default face model is computed."""

from __future__ import annotations

import tarfile
from pathlib import Path

from ..inference.errors import InputError


def unpack_ict(archive: Path, target: Path) -> Path:
    """Unpack an archive of ICT-FaceKit and return its `FaceXModel` folder; raises InputError for any other file."""
    try:
        with tarfile.open(archive) as bundle:
            bundle.extractall(target, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise InputError(f"{archive} cannot be unpacked ({error}); give the ICT-FaceKit archive.") from error
    found = sorted(target.rglob("FaceXModel"))
    if not found:
        raise InputError(f"{archive} holds no FaceXModel folder; give the ICT-FaceKit archive.")
    return found[0]
