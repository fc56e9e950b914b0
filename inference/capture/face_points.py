"""Understudy's own network: 546 points of the face model's surface in a face crop, each with what it is worth.

Points 0-467 are those of the face mesh, 468-477 the irises, 478-545 the 68 points of the iBUG convention.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import arkit
from ..media.types import Picture
from ..networks.registry import network
from ..networks.sessions import check_contract, open_session
from .landmarks import MIRROR, ONE_VIEW, Views, straight_region
from .region import Region
from .rules import MARGIN_FOLLOWING, MARGIN_OWN
from .types import LANDMARK_COUNT, Landmarks

NAME = "face_points"
"""In the registry."""
POINT_COUNT = 546
KNOWN_68 = slice(LANDMARK_COUNT, POINT_COUNT)
"""Where the 68 points are."""
_MESH = 468

Floats = NDArray[np.float32]


def _mirrored_68() -> NDArray[np.int64]:
    """(68,) the point on the other side of the face: jaw, brows, nose, eyes, outer and inner lips."""
    table = np.arange(68)
    table[:17], table[17:27], table[31:36] = np.arange(17)[::-1], np.arange(17, 27)[::-1], np.arange(31, 36)[::-1]
    table[36:48] = (45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40)
    table[48:60] = (54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55)
    table[60:68] = (64, 63, 62, 61, 60, 67, 66, 65)
    return table


def _mirrored_names() -> NDArray[np.int64]:
    """(52,) the coefficient of the other side."""
    swapped = {"Left": "Right", "Right": "Left"}
    other = [
        next((name.removesuffix(side) + swapped[side] for side in swapped if name.endswith(side)), name)
        for name in arkit.NAMES
    ]
    return np.array([arkit.NAMES.index(name) for name in other])


MIRROR_POINTS = np.concatenate([MIRROR, LANDMARK_COUNT + _mirrored_68()])
"""(546,) the point on the other side of the face."""
MIRROR_COEFFICIENTS = _mirrored_names()
"""(52,) the coefficient of the other side."""


@dataclass(frozen=True)
class FacePoints:
    """What the network tells about one face."""

    points_px: Floats
    """(546, 2) image pixels, corner convention."""
    depth_px: Floats
    """(546,) in image pixels, 0 at the head's origin; smaller is nearer to the camera."""
    sigma_px: Floats
    """(546,) standard deviation of each axis."""
    visible: Floats
    """(546,) probability that nothing hides the point."""
    coefficients: Floats
    """(52,) 0..1 in the order of `arkit.NAMES`."""
    coefficient_sigma: Floats
    """(52,) standard deviations."""

    def landmarks(self, presence: float) -> Landmarks:
        """The 478 points, as the tracker hands them on."""
        return Landmarks(
            points_px=self.points_px[:LANDMARK_COUNT],
            depth_px=self.depth_px[:LANDMARK_COUNT],
            presence=presence,
            sigma_px=self.sigma_px[:LANDMARK_COUNT],
            visible=self.visible[:LANDMARK_COUNT],
            coefficients=self.coefficients,
            coefficient_sigma=self.coefficient_sigma,
        )


def region_of_face(points_px: Floats) -> Region:
    """Where the network looks: a square of 1.2 times the straightened box of the mesh; (N >= 468, 2) points.

    The box stands along the line from point 33 to point 263 (the outer corners of the eyes), its middle is the square's
    middle, and its longer side counts.
    """
    return straight_region(points_px[:_MESH], MARGIN_OWN)


def region_of_followed(next_region: Region) -> Region:
    """The same square out of the region in which a face is followed (`Reading.next_region`).

    That one is calmed, so that points tremble a tenth less than in the square around one frame's points.
    """
    return next_region.scaled(MARGIN_OWN / MARGIN_FOLLOWING)


class FacePointNet:
    """256 px in, 546 points and 52 coefficients out, each with its standard deviation."""

    side = 256

    def __init__(self, device: str = "auto", path: Path | None = None) -> None:
        """Open the registered file, or another of the same form; raises like `open_session`."""
        self._session = open_session(path or NAME, device)
        if path is not None:
            check_contract(self._session, network(NAME), path)

    def read(self, rgb: Picture, region: Region, views: Views = ONE_VIEW) -> FacePoints:
        """The face that a region (`region_of_face`) shows, averaged over several views of it.

        Two views instead of one take 7 % off the error on renders and a fifth off the tremble on film.
        """
        # Softened crops tremble 3 % less and are as right. MediaPipe's network would lose short blinks by them.
        crops = [
            region.scaled(scale).sample(rgb, self.side, soft=True)[:, :: -1 if mirrored else 1]
            for scale, mirrored in views
        ]
        tensor = np.multiply(np.stack(crops), np.float32(1 / 255), dtype=np.float32)
        names = ["points", "sigma", "visible", "coefficients", "coefficient_sigma"]
        points, sigma, visible, coefficients, coefficient_sigma = self._session.run(names, {"image": tensor})
        for i, (scale, mirrored) in enumerate(views) if views != ONE_VIEW else ():
            if mirrored:
                points[i], sigma[i], visible[i] = (values[i, MIRROR_POINTS] for values in (points, sigma, visible))
                points[i, :, 0] = 1 - points[i, :, 0]
                coefficients[i] = coefficients[i, MIRROR_COEFFICIENTS]
                coefficient_sigma[i] = coefficient_sigma[i, MIRROR_COEFFICIENTS]
            points[i, :, :2] = (points[i, :, :2] - 0.5) * scale + 0.5
            points[i, :, 2] *= scale
            sigma[i] *= scale
        # Views err together, so that their mean is worth little more than one of them.
        mean = points.mean(axis=0)
        size_px = np.float32(region.size_px[0])
        return FacePoints(
            points_px=region.to_image(mean[:, :2]),
            depth_px=mean[:, 2] * size_px,
            sigma_px=sigma.mean(axis=0) * size_px,
            visible=visible.mean(axis=0),
            coefficients=coefficients.mean(axis=0),
            coefficient_sigma=coefficient_sigma.mean(axis=0),
        )
