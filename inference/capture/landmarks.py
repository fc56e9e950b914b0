"""478 points of one face in a region of a picture, and the region that follows from a detection or from points.

Formulas and index lists: MediaPipe's face_landmark graphs (Apache-2.0).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..media.types import Image
from ..networks.sessions import open_session
from .region import Region
from .types import LANDMARK_COUNT, FaceBox, Landmarks

_MARGIN = 1.5
"""A region is this much larger than the box of a face."""
_EYE_OUTER_CORNERS = (33, 263)
"""At the left and at the right of the image when the face is upright."""

# Where the points of the attention heads go in the mesh (x and y; depth stays that of the mesh).
_LIPS = (
    *(61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415),
    *(76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408),
    *(62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407),
)
_FIRST_EYE_CONTOUR = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)
_FIRST_EYE = (
    *_FIRST_EYE_CONTOUR,
    *(130, 25, 110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190),
    *(226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189),
    *(35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193),
)
_SECOND_EYE_CONTOUR = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398)
_SECOND_EYE = (
    *_SECOND_EYE_CONTOUR,
    *(359, 255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414),
    *(446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413),
    *(
        265,
        353,
        276,
        283,
        282,
        295,
        372,
        340,
        346,
        347,
        348,
        349,
        350,
        357,
        465,
        383,
        300,
        293,
        334,
        296,
        336,
        285,
        417,
    ),
)
_MERGED = np.array([*_LIPS, *_FIRST_EYE, *_SECOND_EYE, *range(468, LANDMARK_COUNT)])
_CONTOURS = np.array([_FIRST_EYE_CONTOUR, _SECOND_EYE_CONTOUR])


class LandmarkNet:
    """MediaPipe's face mesh with attention: 192 px in, 478 points out."""

    side = 192

    def __init__(self, device: str = "auto") -> None:
        self._session = open_session("face_landmarks_attention", device)

    def read(self, rgb: Image, region: Region) -> Landmarks:
        """The points of the face that a region shows; `presence` tells whether there is one."""
        crop = region.crop(rgb, self.side, cv2.BORDER_REPLICATE)
        tensor = np.multiply(crop[None], np.float32(1 / 255), dtype=np.float32)
        mesh, *refined, logit = self._session.run(None, {"image": tensor})
        points = np.empty((LANDMARK_COUNT, 3), np.float32)
        points[:468] = mesh[0]
        points[_MERGED, :2] = np.concatenate([head[0] for head in refined])
        points[468:473, 2], points[473:478, 2] = points[_CONTOURS, 2].mean(axis=1)
        points /= self.side
        return Landmarks(
            points_px=region.to_image(points[:, :2]),
            depth_px=points[:, 2] * np.float32(region.size_px[0]),
            presence=float(1 / (1 + np.exp(-np.clip(logit[0], -80.0, 80.0)))),
        )


def region_of_detection(box: FaceBox) -> Region:
    """Square around a detected face, turned so that the eyes are level."""
    x0, y0, x1, y1 = (float(value) for value in box.box_px)
    eyes = box.keypoints_px[1] - box.keypoints_px[0]
    return _square_region((x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0), eyes)


def region_of_points(points_px: NDArray[np.float32]) -> Region:
    """Square around the (478, 2) points of a face, turned so that the outer corners of the eyes are level."""
    (x0, y0), (x1, y1) = points_px.min(axis=0).tolist(), points_px.max(axis=0).tolist()
    first, second = _EYE_OUTER_CORNERS
    return _square_region((x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0), points_px[second] - points_px[first])


def _square_region(x: float, y: float, side: float, level: NDArray[np.float32]) -> Region:
    return Region((x, y), (side * _MARGIN, side * _MARGIN), float(np.arctan2(level[1], level[0])))
