"""Face models by name: the embedded default, ICT-FaceKit, FLAME and BFM behind one interface."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import arkit
from ..errors import MissingComponentError, UsageError
from .default import DEFAULT_FILE, load_default
from .types import FaceModel

log = logging.getLogger(__name__)

__all__ = ["DEFAULT_FILE", "SPECIFICATIONS", "check", "load"]

SPECIFICATIONS = "default, ict:DIR, flame:FILE or bfm:FILE"


class _Maker(NamedTuple):
    """Where a maker's model comes from."""

    what: str
    get: str


_MAKERS = {
    "ict": _Maker(
        "ICT-FaceKit's FaceXModel folder",
        "it is free under the MIT licence from its authors' repository ICT-VGL/ICT-FaceKit",
    ),
    "flame": _Maker(
        "a FLAME model file (.pkl or .npz)",
        "get it from flame.is.tue.mpg.de after accepting its licence (FLAME 2023 Open is CC-BY-4.0)",
    ),
    "bfm": _Maker(
        "a Basel Face Model file (.h5)",
        "get BFM 2017 or 2019 from faces.dmi.unibas.ch after accepting its licence (research only)",
    ),
}


def load(spec: str = "default") -> FaceModel:
    """The face model of a specification: `default`, `ict:DIR`, `flame:FILE` or `bfm:FILE`.

    A maker's model is converted once and then kept in the user's cache folder. The arrays are read-only: callers share
    them. Raises UsageError for an unknown specification, MissingComponentError where the file or folder is not there
    and InputError where it is not what it should be.
    """
    if spec == "default":
        return load_default()
    kind, path = check(spec)
    from .cache import fingerprint

    files, _ = _reader(kind)
    return _converted(kind, path, fingerprint(kind, files(path)))


def check(spec: str) -> tuple[str, Path]:
    """Maker and place of a specification, nothing read yet.

    Raises UsageError for an unknown specification and MissingComponentError where the file or folder is not there.
    """
    kind, _, place = spec.partition(":")
    if spec == "default":
        return spec, DEFAULT_FILE
    if kind not in _MAKERS or not place:
        raise UsageError(f"Unknown face model '{spec}'; give {SPECIFICATIONS}.")
    path = Path(place).expanduser()
    if not (path.is_dir() if kind == "ict" else path.is_file()):
        raise MissingComponentError(f"There is no {path}; give {_MAKERS[kind].what}: {_MAKERS[kind].get}.")
    return kind, path


def _reader(kind: str) -> tuple[Callable[[Path], list[Path]], Callable[[Path], FaceModel]]:
    """The files of a model and what converts them; heavy modules are imported when a model of that kind is asked for."""
    if kind == "ict":
        from .ict import build_ict
        from .ict import model_files as ict_files

        return ict_files, build_ict
    if kind == "flame":
        from .flame import build_flame
        from .flame import model_files as flame_files

        return flame_files, build_flame
    from .bfm import build_bfm
    from .bfm import model_files as bfm_files

    return bfm_files, build_bfm


@lru_cache(maxsize=4)
def _converted(kind: str, path: Path, key: str) -> FaceModel:
    """From the cache folder, or converted now."""
    from .cache import converted

    model = converted(kind, key, lambda: _reader(kind)[1](path))
    still = [name for name, shape in zip(arkit.NAMES, model.expressions_cm, strict=True) if not shape.any()]
    missing = [name for name in still if name != "tongueOut"]
    if missing:
        log.warning("%s cannot make %s; they stay zero.", path.name, ", ".join(missing))
    for value in vars(model).values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    return model
