"""Which part of the face a coefficient moves."""

from __future__ import annotations

from typing import Final

from .. import arkit

REGIONS: Final[tuple[str, ...]] = ("brows", "eyes", "gaze", "nose and cheeks", "jaw", "mouth", "tongue")

_BEGINNINGS: Final[tuple[tuple[str, str], ...]] = (
    ("brow", "brows"),
    ("eyeLook", "gaze"),
    ("eye", "eyes"),
    ("cheek", "nose and cheeks"),
    ("nose", "nose and cheeks"),
    ("jaw", "jaw"),
    ("mouth", "mouth"),
    ("tongue", "tongue"),
)

REGION_OF: Final[dict[str, str]] = {
    name: next(region for beginning, region in _BEGINNINGS if name.startswith(beginning)) for name in arkit.NAMES
}
