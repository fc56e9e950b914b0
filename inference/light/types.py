"""The light of a shot as few numbers, and its file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import write_whole

SCHEMA = 1
SIDEWAYS = 0.25
SHAPES = {"ambient": (3,), "gradient": (3, 3), "key": (3,), "key_from": (3,)}
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class ShotLight:
    """Soft light from everywhere, stronger from one side, and one lamp far away.

    Camera-aligned axes (x right in the image, y up, z toward the camera), linear RGB. A matte surface of albedo 1 with unit
    normal n shows `ambient + gradient @ n + key * max(0, key_from . n)`; exposure is such that the brightest normal that
    the camera can see shows 1.
    """

    ambient: Triple
    gradient: tuple[Triple, Triple, Triple]
    """A row of three axes for each of red, green, blue."""
    key: Triple
    key_from: Triple
    """Unit vector toward the lamp."""
    frames: int = 0
    """How many frames it was estimated from."""
    misfit: float = 0.0
    """Usual relative difference between the face and what this light makes of it."""

    def shading(self, normals: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """(..., 3) what white shows at normals (..., 3)."""
        normals = np.asarray(normals, np.float64)
        facing = np.maximum(normals @ np.array(self.key_from), 0.0)
        soft = np.array(self.ambient) + normals @ np.array(self.gradient).T
        return np.asarray(np.maximum(soft, 0.0) + facing[..., None] * np.array(self.key))

    @property
    def main_direction(self) -> NDArray[np.float64]:
        """(3,) unit vector toward where most light comes from: lamp and gradient together."""
        total = np.array(self.gradient).mean(axis=0) + 0.5 * np.mean(self.key) * np.array(self.key_from)
        return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9))

    @property
    def side(self) -> str:
        """Where the lamp stands, seen in the picture, in words."""
        x, y, z = self.key_from
        across = "left" if x < -SIDEWAYS else "right" if x > SIDEWAYS else ""
        high = "above" if y > SIDEWAYS else "below" if y < -SIDEWAYS else ""
        words = " and ".join(
            word for word in (f"from the {across}" if across else "", f"from {high}" if high else "") if word
        )
        return words or ("from the camera" if z > 0 else "from behind")


def save_light(light: ShotLight, path: Path) -> None:
    """Write it as JSON, in one piece."""
    facts = {"schema": SCHEMA, **vars(light), "main_direction": light.main_direction.round(4).tolist()}
    write_whole(Path(path), (json.dumps(facts, indent=2) + "\n").encode())


def load_light(path: Path) -> ShotLight:
    """Read it; raises InputError for anything else."""
    try:
        facts = json.loads(Path(path).read_text(encoding="utf-8"))
        values = {key: np.array(facts[key], np.float64) for key in SHAPES}
        shapes = {key: value.shape for key, value in values.items()}
        frames, misfit = int(facts["frames"]), float(facts["misfit"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no light of a shot; estimate it again from the footage.") from error
    if shapes != SHAPES or not all(np.isfinite(value).all() for value in values.values()):
        raise InputError(f"{path} is damaged; estimate the light again from the footage.")
    return shot_light(values["ambient"], values["gradient"], values["key"], values["key_from"], frames, misfit)


Array = NDArray[np.float64]


def shot_light(ambient: Array, gradient: Array, key: Array, key_from: Array, frames: int, misfit: float) -> ShotLight:
    """A light from arrays."""
    red, green, blue = (_triple(row) for row in gradient)
    return ShotLight(_triple(ambient), (red, green, blue), _triple(key), _triple(key_from), frames, misfit)


def _triple(values: Array) -> Triple:
    first, second, third = (float(value) for value in values)
    return first, second, third
