"""Face models that were converted once: kept in the user's cache folder, rebuilt when their files change or are damaged."""

from __future__ import annotations

import hashlib
import io
import logging
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files import write_whole
from ..networks.registry import user_folder
from .types import FaceModel

log = logging.getLogger(__name__)

LAYOUT = 1
"""Changes whenever the conversion does, so that nobody keeps a model of an older conversion."""


def fingerprint(kind: str, files: Iterable[Path]) -> str:
    """Digest of the names, sizes and times of change of the files that a model is made from."""
    digest = hashlib.sha256(f"{kind} {LAYOUT}".encode())
    for path in sorted(files):
        status = path.stat()
        digest.update(f"\n{path.resolve()} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()[:24]


def converted(name: str, key: str, convert: Callable[[], FaceModel]) -> FaceModel:
    """The model of that key from the cache, or from `convert`, which is then kept."""
    path = user_folder().with_name("face_models") / f"{name}-{key}.npz"
    kept = _read(path)
    if kept is not None:
        return kept
    model = convert()
    archive = io.BytesIO()
    np.savez(archive, **{field.name: np.asarray(getattr(model, field.name)) for field in fields(FaceModel)})
    try:
        write_whole(path, archive.getvalue())
    except InputError as error:
        log.warning("The converted face model is not kept, so the next start is slower: %s", error)
    return model


def _read(path: Path) -> FaceModel | None:
    """A kept model; None when there is none or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {field.name: stored[field.name] for field in fields(FaceModel)}
            return FaceModel(**arrays | {"name": str(arrays["name"]), "eye_radius_cm": float(arrays["eye_radius_cm"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error):
        log.warning("%s is damaged; the face model is converted again.", path)
        return None
