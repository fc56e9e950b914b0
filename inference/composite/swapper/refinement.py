"""Photometric refinement of the warp: where face and plate show the same features, pixels place it better than landmarks.

The picture that a camera would see is predicted from the face - moved by an affine, lit by a smooth light field, laid over
the plate and made softer - and all of these are solved for together by Gauss-Newton until the prediction is the plate.
So different light or focus is no reason to move, and what lies around the face blurs into both alike. Landmarks are good
to a pixel or two; this goes to a tenth, and steps back when the two faces do not look alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..colour.transfer import decode_float, encode
from ..pictures import blur, cv2, distance, sample, shrink
from ..regions import OVAL, face_width_px, fill
from ..renders import Render
from ..types import Floats, Pixels, Region
from .warp import IDENTITY, Warp, chain

LIKENESS: Final = (0.85, 0.95)
"""Correlation of two pictures' features: below the first they are different faces, above the second the same one."""
MAX_MOVE: Final = 0.06
"""Face widths; more is not a refinement, and double of it is not believed at all."""
_MAX_BLUR: Final = 0.1
"""Face widths; standard deviation by which the plate may be softer than the render."""
_FIRST_BLUR: Final = 0.02
_LEVELS: Final = ((48.0, 5), (96.0, 4))
"""Face width in pixels and rounds; details are seen last."""
_NOISE_BLUR_PX: Final = 0.8
"""At the size that is compared; finer detail is noise."""
_RIM: Final = (0.05, 0.12)
"""Face widths inside the edge of what is compared: nothing is trusted up to the first, all from the second on."""
_MARGIN: Final = 0.25
"""Face widths around the outline, so that what lies beside the face can blur into it."""
_OPAQUE: Final = 0.98
_FLOOR: Final = 0.003
"""Encoded; residuals below this are rounding."""
_GAMMA: Final = 2.2
"""Encoded values change by about 1 / 2.2 of the change in the logarithm of light."""
_MOVES, _LIGHTS = 6, 6


@dataclass(frozen=True)
class Fit:
    """How a face was found to lie in the plate."""

    move: Floats
    """(2, 3) plate pixels to plate pixels, to be done before the warp."""
    likeness: float
    """-1..1 correlation of what both show."""
    blur_px: float
    """Standard deviation, in plate pixels, by which the plate is softer than the face."""

    def trust(self, width_px: float, points_px: Floats) -> float:
        """0..1 how far it is to be followed for a face of this width; fades, because a switch would make the face jump."""
        moved = float(np.abs(points_px @ self.move[:, :2].T + self.move[:, 2] - points_px).max())
        return sameness(self.likeness) * float(np.clip(2 - moved / (MAX_MOVE * width_px), 0, 1))


@dataclass(frozen=True)
class _State:
    move: NDArray[np.float64]
    """(2, 3) of places in face widths."""
    variance: float
    """Of the blur, in squared face widths."""
    light: Floats
    """(6, 3) log gain."""


def sameness(likeness: float) -> float:
    """0 for two different faces, 1 for two pictures of the same one, by their likeness."""
    return float(np.clip((likeness - LIKENESS[0]) / (LIKENESS[1] - LIKENESS[0]), 0, 1))


def refine(plate: Pixels, render: Render, warp: Warp, points_px: Floats) -> Fit:
    """Find how the warped render lies in the plate; ``points_px`` (478, 2) say where in the plate it is looked for."""
    state: _State | None = None
    likeness = 0.0
    width = face_width_px(points_px)
    for level_width, rounds in _LEVELS:
        pair = _Pair(plate, render, warp, points_px, min(1.0, level_width / width))
        if pair.is_empty:
            return Fit(IDENTITY, 0.0, 0.0)
        state = state or pair.start()
        for _ in range(rounds):
            state = pair.improved(state)
        likeness = pair.likeness(state)
    assert state is not None
    return Fit(pair.in_plate(state.move), likeness, float(np.sqrt(state.variance)) * width)


class _Pair:
    """Plate and warped face at a small size, with coordinates in face widths from the middle of the face."""

    def __init__(self, plate: Pixels, render: Render, warp: Warp, points_px: Floats, scale: float) -> None:
        height, width = plate.shape[:2]
        face_width = face_width_px(points_px)
        outline = points_px[list(OVAL)]
        region = Region.around(outline, _MARGIN * face_width, (width, height))
        size = (round(region.width * scale), round(region.height * scale))
        self.is_empty = min(size) < 8
        if self.is_empty:
            return
        self._size, self._width = size, face_width
        self._per_px = np.array([size[0] / region.width, size[1] / region.height])
        self._centre_px = (outline.min(0) + outline.max(0)) / 2
        self._origin_px = region.origin_px
        self._unit = float(self._per_px.mean() * face_width)
        self._plate = blur(_floats(plate[region.slices], size), _NOISE_BLUR_PX)
        self._face, self._alpha = _small_face(render, warp, region, size, scale)
        self._outline = fill(self._alpha, (outline - region.origin_px) * self._per_px) > 127
        self._places = _places(region, size, self._centre_px, face_width)
        u, v = 2 * self._places.transpose(2, 0, 1)
        self._terms = np.stack([np.ones_like(u), u, v, u * u - v * v, 2 * u * v, u * u + v * v])
        self.is_empty = not self._compared(np.eye(2, 3)).any()

    def start(self) -> _State:
        """Where it lies by its landmarks, with the mean light of the plate."""
        used = self._compared(np.eye(2, 3)) > 0
        means = [np.maximum(decode_float(image[used]).mean(0), 1e-4) for image in (self._plate, self._face)]
        light = np.zeros((_LIGHTS, 3), np.float32)
        light[0] = np.log(means[0] / means[1])
        return _State(np.eye(2, 3), _FIRST_BLUR**2, light)

    def improved(self, state: _State) -> _State:
        """One round."""
        weight = self._compared(state.move)
        seen, lit = self._predicted(state)
        used = weight > 0
        # What is white in one picture says nothing about the other's light.
        used &= (seen.max(-1) < 0.99) & (self._plate.max(-1) < 0.99)
        if used.sum() < 100:
            return state
        residual = (self._plate - seen)[used]
        length = np.linalg.norm(residual, axis=1)
        limit = 2 * max(float(np.median(length)), _FLOOR)
        trust = weight[used] * (limit**2 / (limit**2 + length**2)) ** 2
        places = self._places[used]
        step, lights = _solve(
            residual, self._changes(seen, used, places), lit[used] / _GAMMA, self._terms[:, used].T, trust
        )
        variance = float(np.clip(state.variance + step[_MOVES], 0, _MAX_BLUR**2))
        move = chain(state.move, np.eye(2, 3) + step[[1, 2, 0, 4, 5, 3]].reshape(2, 3))
        return _State(move, variance, state.light + lights)

    def likeness(self, state: _State) -> float:
        """Correlation of plate and prediction after each one's smooth light was taken out."""
        weight = self._compared(state.move)
        used = weight > 0
        if used.sum() < 100:
            return 0.0
        terms, share = self._terms[:, used].T.astype(float), weight[used][:, None].astype(float)
        seen, _ = self._predicted(state)
        project = np.linalg.inv((terms * share).T @ terms + 1e-9 * np.eye(_LIGHTS)) @ (terms * share).T
        a, b = (image[used] - terms @ (project @ image[used]) for image in (self._plate, seen))
        return float((share * a * b).sum() / np.sqrt(max((share * a * a).sum() * (share * b * b).sum(), 1e-12)))

    def in_plate(self, move: NDArray[np.float64]) -> Floats:
        """A move of places as one of plate pixels."""
        linear = move[:, :2]
        return np.column_stack([linear, self._centre_px + self._width * move[:, 2] - linear @ self._centre_px]).astype(
            np.float32
        )

    def _shown(self, move: NDArray[np.float64]) -> NDArray[np.float64]:
        """A move of places as one of this size's pixels, whose centres are whole numbers to cv2."""
        scale = np.diag([*(self._per_px * self._width), 1.0])
        scale[:2, 2] = (self._centre_px - self._origin_px) * self._per_px - 0.5
        shown: NDArray[np.float64] = (scale @ np.vstack([move, [0, 0, 1]]) @ np.linalg.inv(scale))[:2]
        return shown

    def _moved(self, image: Floats, move: NDArray[np.float64], kernel: int) -> Floats:
        moved: Floats = cv2.warpAffine(
            image, self._shown(move), self._size, flags=kernel | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
        )
        return moved

    def _compared(self, move: NDArray[np.float64]) -> Floats:
        """(H, W) 0..1 where the face covers the plate, away from its edge."""
        inside = self._outline & (self._moved(self._alpha, move, cv2.INTER_LINEAR) > _OPAQUE)
        depth = distance(inside) / self._unit
        return np.clip((depth - _RIM[0]) / (_RIM[1] - _RIM[0]), 0, 1)

    def _predicted(self, state: _State) -> tuple[Floats, Floats]:
        """What the plate should look like, and the lit face alone as soft as that; encoded (H, W, 3)."""
        face = self._moved(self._face, state.move, cv2.INTER_CUBIC)
        inside = self._outline & (self._moved(self._alpha, state.move, cv2.INTER_LINEAR) > _OPAQUE)
        gain = np.exp(np.tensordot(self._terms, state.light, (0, 0)))
        lit = encode(decode_float(face) * gain)
        sigma = float(np.hypot(_NOISE_BLUR_PX, np.sqrt(state.variance) * self._unit))
        laid = np.where(inside[..., None], lit, self._plate)
        return blur(laid, sigma), blur(lit, sigma)

    def _changes(self, seen: Floats, used: NDArray[np.bool_], places: Floats) -> NDArray[np.float64]:
        """(N, 3, 7) change of each pixel and channel with the six numbers of the affine (in face widths) and with blur.

        Blur by a variance v is diffusion: its derivative is half the Laplacian.
        """
        x, y = (cv2.Sobel(seen, cv2.CV_32F, *axis, scale=self._unit / 8)[used] for axis in ((1, 0), (0, 1)))
        softer = cv2.Laplacian(seen, cv2.CV_32F, ksize=1)[used] * (0.5 * self._unit**2)
        u, v = places[:, :1], places[:, 1:]
        changes: Floats = np.stack([x, x * u, x * v, y, y * u, y * v, softer], -1)
        return changes.astype(float)


def _places(region: Region, size: tuple[int, int], centre_px: Floats, face_width_px: float) -> Floats:
    """(H, W, 2) face widths from the middle of the face, of a region shown at ``size`` = W, H."""
    x = region.x + (np.arange(size[0], dtype=np.float32) + 0.5) * (region.width / size[0])
    y = region.y + (np.arange(size[1], dtype=np.float32) + 0.5) * (region.height / size[1])
    places: Floats = (np.stack(np.meshgrid(x, y), -1) - centre_px) / face_width_px
    return places.astype(np.float32)


def _solve(
    residual: Floats, changes: NDArray[np.float64], lit: Floats, terms: Floats, trust: Floats
) -> tuple[NDArray[np.float64], Floats]:
    """Step (7,) and light (6, 3) that together explain the residual (N, 3); each channel's light is eliminated."""
    count = changes.shape[2]
    normal = np.zeros((count, count + 1))
    kept = []
    for channel in range(3):
        light = terms * lit[:, channel, None].astype(float)
        columns = np.column_stack([changes[:, channel], residual[:, channel]])
        weighted = light * trust[:, None]
        gram = weighted.T @ light
        gram += np.diag(1e-4 * np.trace(gram) / _LIGHTS * np.ones(_LIGHTS))
        explained = np.linalg.solve(gram, weighted.T @ columns)
        free = columns - light @ explained
        normal += (free[:, :count] * trust[:, None]).T @ free
        kept.append(explained)
    damping = np.diag(1e-6 * np.diag(normal[:, :count]) + 1e-12)
    step = np.linalg.solve(normal[:, :count] + damping, normal[:, count])
    lights: NDArray[np.float64] = np.stack([explained[:, count] - explained[:, :count] @ step for explained in kept], 1)
    return step, np.clip(lights, -1, 1).astype(np.float32)


def _small_face(
    render: Render, warp: Warp, region: Region, size: tuple[int, int], scale: float
) -> tuple[Floats, Floats]:
    """Encoded face (H, W, 3) and alpha (H, W) of a plate region at a small size; straight, continued at its edge."""
    own = (max(2, round(render.region.width * scale)), max(2, round(render.region.height * scale)))
    rgba = _floats(render.rgba, own)
    rgba[..., :3] *= rgba[..., 3:]
    x, y = warp.map(region, size)
    x, y = (
        (axis - origin) * (small / full)
        for axis, origin, small, full in (
            (x, render.region.x, own[0], render.region.width),
            (y, render.region.y, own[1], render.region.height),
        )
    )
    placed = sample(rgba, x, y)
    return placed[..., :3] / np.maximum(placed[..., 3:], 1 / 255), placed[..., 3]


def _floats(pixels: Pixels, size: tuple[int, int]) -> Floats:
    """Encoded floats, 0..1, of a smaller picture."""
    return (shrink(pixels, size) / np.float32(np.iinfo(pixels.dtype).max)).astype(np.float32)
