"""What an avatar can do, in numbers: where its surface is at rest and how each of its channels moves it.

Blender's bridge reads this from the evaluated meshes (drivers, correctives and modifiers included); nothing here knows names.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...files import write_whole


@dataclass(frozen=True)
class RigShapes:
    """The rest surface of an avatar and the motion of each channel (a shape key, or a control, bone or property).

    Axes are those of the avatar's face: x to its left, y up, z out of the face; any unit of length. Vertices of several
    meshes (face, teeth, lashes) stand one after the other. Raises `InputError` where the arrays do not fit together.
    """

    keys: tuple[str, ...]
    """(C) one channel each, as `Link.key` writes it."""
    rest: NDArray[np.float64]
    """(V, 3)."""
    deltas: NDArray[np.float32]
    """(C, V, 3) evaluated surface with the channel at `unit`, minus `rest`."""
    unit: NDArray[np.float64]
    """(C,) weight at which `deltas` was read: 1 for shape keys, some radians or lengths for bones; never 0."""
    lower: NDArray[np.float64]
    """(C,) least weight; 0 for a shape key that goes one way."""
    upper: NDArray[np.float64]
    """(C,)."""
    triangles: NDArray[np.int32]
    """(F, 3) counter-clockwise seen from outside."""
    pairs: tuple[tuple[int, int], ...] = ()
    """(P) channels whose joint effect is not the sum of both: combination shapes, correctives."""
    pair_deltas: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))
    """(P, V, 3) evaluated(a and b at `unit`) - a - b + rest."""

    def __post_init__(self) -> None:
        channels, vertices = len(self.keys), len(self.rest)
        wanted: dict[str, tuple[NDArray[np.generic], tuple[int, ...]]] = {
            "rest": (self.rest, (vertices, 3)),
            "deltas": (self.deltas, (channels, vertices, 3)),
            "unit": (self.unit, (channels,)),
            "lower": (self.lower, (channels,)),
            "upper": (self.upper, (channels,)),
            "pair_deltas": (self.pair_deltas, (len(self.pairs), vertices if self.pairs else 0, 3)),
        }
        for name, (array, shape) in wanted.items():
            if array.shape != shape or not np.isfinite(array).all():
                raise InputError(
                    f"The avatar's shapes do not fit together ({name} should be {shape}); read them again."
                )
        whole = self.triangles.ndim == 2 and self.triangles.shape[1:] == (3,) and len(self.triangles) > 0
        if not whole or self.triangles.min() < 0 or self.triangles.max() >= vertices:
            raise InputError("The avatar has no surface to read; choose an object with a face mesh.")
        if (self.unit == 0).any() or (self.lower > self.upper).any():
            raise InputError("A channel of the avatar has no range; give it limits or leave it out.")


def save(shapes: RigShapes, path: Path) -> None:
    """Write shapes as a NumPy archive, in one piece, to hand them to another program."""
    archive = io.BytesIO()
    np.savez(archive, **{item.name: np.asarray(getattr(shapes, item.name)) for item in fields(shapes)})
    write_whole(path, archive.getvalue())


def load(path: Path) -> RigShapes:
    """Read what `save` wrote; raises InputError for anything else."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {item.name: stored[item.name] for item in fields(RigShapes)}
    except FileNotFoundError as error:
        raise InputError(f"There are no shapes at {path}; read them from the avatar first.") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} holds no shapes of an avatar or is damaged; read them again.") from error
    arrays["keys"] = tuple(str(key) for key in arrays["keys"])
    arrays["pairs"] = tuple((int(a), int(b)) for a, b in arrays["pairs"].reshape(-1, 2))
    return RigShapes(**arrays)
