"""Photometric refinement of the warp: where face and plate show the same features, pixels place it better than landmarks.

The picture that a camera would see is predicted from the face - moved by an affine, lit by a smooth light field, given
contrast, laid over the plate and made softer - and all of these are solved for together by Gauss-Newton until the
prediction is the plate. So different light, contrast or focus is no reason to move, and what lies around the face blurs
into both alike. Landmarks are good to a pixel or two; this goes to a tenth, and steps back when the two faces do not look
alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..colour.transfer import decode_float, encode, to_encoded
from ..pictures import blur, cv2, distance, shrink
from ..regions import OVAL, face_width_px, fill
from ..renders import Render
from ..types import Floats, Pixels, Region
from .warp import IDENTITY, chain, inverse

Doubles = NDArray[np.float64]

LIKENESS: Final = (0.85, 0.95)
"""Correlation of two pictures' features: below the first they are different faces, above the second the same one."""
MAX_MOVE: Final = 0.1
"""Face widths; more is not a refinement, and double of it is not believed at all."""
_HOPELESS: Final = 0.8
"""Likeness in the coarse pictures from which the fine ones are not looked at."""
_MAX_BLUR: Final = 0.1
"""Face widths; standard deviation by which the plate may be softer than the render."""
_FIRST_BLUR: Final = 0.02
_WIDTH: Final = 96.0
"""Face width in pixels of the fine pictures; the coarse ones are half as large."""
_ROUNDS: Final = (7, 4)
"""At most, coarse and fine."""
_STILL: Final = 4e-4
"""Face widths; a smaller step is the last."""
_FACE_BLUR_PX: Final = 0.6
_PLATE_BLUR_PX: Final = 1.0
"""Standard deviations in the fine pictures: what is finer is noise. The plate's is larger, so that it may also be a little
sharper than the face."""
_RIM: Final = (0.05, 0.12)
"""Face widths inside the edge of what is compared: nothing is trusted up to the first, all from the second on."""
_MARGIN: Final = 0.35
"""Face widths around the outline, so that what lies beside the face can blur into it."""
_FLOOR: Final = 0.003
"""Encoded; residuals below this are rounding."""
_GAMMA: Final = 2.2
"""Encoded values change by about 1 / 2.2 of the change in the logarithm of light."""
_WHITE: Final = 0.99
"""Encoded; what is white in one picture says nothing about the other."""
_LEAST: Final = 100
"""Pixels; with fewer nothing is compared."""
_GAINS: Final = 6
_LIGHTS: Final = _GAINS + 1
_MOVES: Final = 6


@dataclass(frozen=True)
class Fit:
    """How a face was found to lie in the plate."""

    move: Floats
    """(2, 3) plate pixels to plate pixels, to be done before the similarity that was given."""
    likeness: float
    """-1..1 correlation of what both show."""
    blur_px: float
    """Standard deviation, in plate pixels, by which the plate is softer than the face."""

    def trust(self, points_px: Floats) -> float:
        """0..1 how far it is to be followed for a face at these points; fades, because a switch would make it jump."""
        moved = float(np.abs(points_px @ self.move[:, :2].T + self.move[:, 2] - points_px).max())
        near = np.clip(2 - moved / (MAX_MOVE * face_width_px(points_px)), 0, 1)
        return sameness(self.likeness) * float(near)


@dataclass(frozen=True)
class _State:
    move: Doubles
    """(2, 3) of places in face widths."""
    variance: float
    """Of the blur, in squared face widths; a little below 0 where the plate is the sharper one."""
    light: Doubles
    """(3, 7) log gain of each channel over the face, and what is added to its encoded values: another contrast."""


@dataclass(frozen=True)
class _Pictures:
    """Plate and render at a small size, encoded floats, and how their pixels lie in the full-size ones."""

    plate: Floats
    """(H, W, 3)."""
    render: Floats
    """(h, w, 4) with premultiplied alpha."""
    plate_px: Doubles
    """(2, 3) full-size plate pixels to those of `plate`, whose centres are whole numbers to cv2."""
    render_px: Doubles
    softening: float
    """Variance in pixels by which `plate` was blurred more than `render`."""

    def half(self) -> _Pictures:
        """The same at half the size."""
        halving = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25]])
        return _Pictures(
            _half(self.plate), _half(self.render), chain(halving, self.plate_px), chain(halving, self.render_px),
            self.softening / 4,
        )  # fmt: skip


def sameness(likeness: float) -> float:
    """0 for two different faces, 1 for two pictures of the same one, by their likeness."""
    return float(np.clip((likeness - LIKENESS[0]) / (LIKENESS[1] - LIKENESS[0]), 0, 1))


def refine(plate: Pixels, render: Render, similarity: Floats, points_px: Floats) -> Fit:
    """Find how a render lies in the plate.

    ``similarity`` (2, 3) takes plate pixels to render pixels, about; ``points_px`` (478, 2) say where in the plate the face is
    looked for.
    """
    height, width = plate.shape[:2]
    face_width = face_width_px(points_px)
    region = Region.around(points_px[list(OVAL)], _MARGIN * face_width, (width, height))
    scale = min(1.0, _WIDTH / face_width)
    if min(region.width, region.height) * scale < 16:
        return Fit(IDENTITY, 0.0, 0.0)
    fine = _pictures(plate, render, region, scale)
    state: _State | None = None
    likeness = 0.0
    for pictures, rounds in ((fine.half(), _ROUNDS[0]), (fine, _ROUNDS[1])):
        pair = _Pair(pictures, similarity, points_px)
        state = state or pair.start()
        for _ in range(rounds):
            state, step = pair.improved(state)
            if step < _STILL:
                break
        likeness = pair.likeness(state)
        if likeness < _HOPELESS:
            break
    assert state is not None
    return Fit(pair.in_plate(state.move), likeness, float(np.sqrt(max(state.variance, 0))) * face_width)


class _Pair:
    """Plate and face, with coordinates in face widths from the middle of the face."""

    def __init__(self, pictures: _Pictures, similarity: Floats, points_px: Floats) -> None:
        outline = points_px[list(OVAL)]
        self._width = face_width_px(points_px)
        self._centre_px = (outline.min(0) + outline.max(0)).astype(float) / 2
        self._plate, self._softening = pictures.plate, pictures.softening
        alpha = pictures.render[..., 3:]
        self._render = np.concatenate(
            [decode_float(pictures.render[..., :3] / np.maximum(alpha, 1 / 255)) * alpha, alpha], axis=2
        )
        self._size = (self._plate.shape[1], self._plate.shape[0])
        # Places to plate pixels and on to the pixels of both pictures.
        full = np.column_stack([self._width * np.eye(2), self._centre_px])
        self._plate_of = chain(pictures.plate_px, full)
        self._render_of = chain(pictures.render_px, chain(similarity.astype(float), full))
        self._unit = float(self._plate_of[0, 0])
        shown = outline @ pictures.plate_px[:, :2].T + pictures.plate_px[:, 2] + 0.5
        # Both were low-passed: of the fine pictures every other pixel says as much as all.
        every = 2 if self._unit > 0.75 * _WIDTH else 1
        self._looked_at = np.zeros(self._plate.shape[:2], bool)
        self._looked_at[::every, ::every] = True
        self._outline = fill(self._plate[..., 0], shown.astype(np.float32)) / np.float32(255)
        self._u, self._v = (
            (np.arange(count, dtype=np.float32) - offset) / self._unit
            for count, offset in zip(self._size, self._plate_of[:, 2].astype(np.float32), strict=True)
        )
        u, v = np.meshgrid(2 * self._u, 2 * self._v)
        self._terms = np.stack([np.ones_like(u), u, v, u * u - v * v, 2 * u * v, u * u + v * v], -1)

    def start(self) -> _State:
        """Where it lies by what was given, with the mean light of the plate."""
        face, cover = self._face(np.eye(2, 3))
        light = np.zeros((3, _LIGHTS))
        used = self._trust(cover) > 0
        if used.any():
            means = [np.maximum(light.mean(0), 1e-4) for light in (decode_float(self._plate[used]), face[used])]
            light[:, 0] = np.log(means[0] / means[1])
        return _State(np.eye(2, 3), _FIRST_BLUR**2, light)

    def improved(self, state: _State) -> tuple[_State, float]:
        """One round, and how far it went in face widths."""
        seen, trust = self._predicted(state)
        rows, columns = np.nonzero((trust > 0) & self._looked_at)
        if len(rows) < _LEAST:
            return state, 0.0
        there, here = self._plate[rows, columns].T, seen[rows, columns].T
        residual = there - here
        length = np.sqrt((residual * residual).sum(0))
        limit = 2 * max(float(np.median(length)), _FLOOR)
        weight = trust[rows, columns] * (limit**2 / (limit**2 + length**2)) ** 2
        weight *= np.maximum(there, here).max(0) < _WHITE
        system = np.empty((3, len(rows), _LIGHTS + _MOVES + 2), np.float32)
        system[..., :_GAINS] = (here / _GAMMA)[..., None] * self._terms[rows, columns]
        system[..., _GAINS] = 1
        system[..., _LIGHTS:-1] = self._changes(seen, rows, columns)
        system[..., -1] = residual
        step, lights = _solve(system, weight)
        lowest = -self._softening / self._unit**2
        variance = float(np.clip(state.variance + step[_MOVES], lowest, _MAX_BLUR**2))
        move = chain(state.move, np.eye(2, 3) + step[[1, 2, 0, 4, 5, 3]].reshape(2, 3))
        return _State(move, variance, state.light + np.clip(lights, -1, 1)), float(np.abs(step[:_MOVES]).max())

    def likeness(self, state: _State) -> float:
        """Correlation of plate and prediction after each one's smooth light was taken out."""
        seen, trust = self._predicted(state)
        used = (trust > 0) & self._looked_at
        if used.sum() < _LEAST:
            return 0.0
        terms, share = self._terms[used].astype(float), trust[used][:, None].astype(float)
        project = np.linalg.inv((terms * share).T @ terms + 1e-9 * np.eye(_GAINS)) @ (terms * share).T
        a, b = (image[used] - terms @ (project @ image[used]) for image in (self._plate, seen))
        return float((share * a * b).sum() / np.sqrt(max((share * a * a).sum() * (share * b * b).sum(), 1e-12)))

    def in_plate(self, move: Doubles) -> Floats:
        """A move of places as one of plate pixels."""
        linear = move[:, :2]
        shift = self._centre_px + self._width * move[:, 2] - linear @ self._centre_px
        return np.column_stack([linear, shift]).astype(np.float32)

    def _face(self, move: Doubles) -> tuple[Floats, Floats]:
        """Linear face (H, W, 3) as the plate's pixels see it, and how much of each it covers (H, W)."""
        affine = chain(chain(self._render_of, move), inverse(self._plate_of))
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        face = cv2.warpAffine(self._render, affine, self._size, flags=flags, borderMode=cv2.BORDER_CONSTANT)
        alpha = face[..., 3:]
        return face[..., :3] / np.maximum(alpha, 1 / 255), self._outline * np.clip(alpha[..., 0], 0, 1)

    def _trust(self, cover: Floats) -> Floats:
        """(H, W) 0..1 by the depth inside the edge."""
        return np.clip((distance(cover > 0.5) / self._unit - _RIM[0]) / (_RIM[1] - _RIM[0]), 0, 1)

    def _predicted(self, state: _State) -> tuple[Floats, Floats]:
        """What the plate should look like, encoded (H, W, 3), and how far that is to be trusted (H, W)."""
        face, cover = self._face(state.move)
        light = state.light.astype(np.float32)
        lit = encode(face * np.exp(self._terms @ light[:, :_GAINS].T)) + light[:, _GAINS]
        laid = self._plate + cover[..., None] * (lit - self._plate)
        sigma = float(np.sqrt(max(state.variance * self._unit**2 + self._softening, 0.01)))
        return blur(laid, sigma), self._trust(cover)

    def _changes(self, seen: Floats, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Floats:
        """(3, N, 7) change of each channel and pixel with the six numbers of the affine (in face widths) and with blur.

        Blur by a variance v is diffusion: its derivative is half the Laplacian.
        """
        x, y = (cv2.Sobel(seen, cv2.CV_32F, *axis, scale=self._unit / 8)[rows, columns].T for axis in ((1, 0), (0, 1)))
        softer = cv2.Laplacian(seen, cv2.CV_32F, ksize=1)[rows, columns].T * (0.5 * self._unit**2)
        u, v = self._u[columns], self._v[rows]
        return np.stack([x, x * u, x * v, y, y * u, y * v, softer], -1)


def _solve(system: Floats, weight: Floats) -> tuple[Doubles, Doubles]:
    """Step (7,) and light (3, 6) that together explain the last column of a system (3, N, 6 + 7 + 1), least squares.

    Each channel's light is eliminated (Schur complement).
    """
    gram = (system.transpose(0, 2, 1) @ (system * weight[:, None])).astype(float)
    inner = gram[:, :_LIGHTS, :_LIGHTS]
    ridge = 1e-4 * np.trace(inner, axis1=1, axis2=2)[:, None, None] / _LIGHTS + 1e-9
    inner = inner + ridge * np.eye(_LIGHTS)
    explained = np.linalg.solve(inner, gram[:, :_LIGHTS, _LIGHTS:])
    free: Doubles = (gram[:, _LIGHTS:, _LIGHTS:] - gram[:, _LIGHTS:, :_LIGHTS] @ explained).sum(0)
    normal = free[:-1, :-1]
    step = np.linalg.solve(normal + np.diag(1e-6 * np.diag(normal) + 1e-12), free[:-1, -1])
    return step, explained[..., -1] - explained[..., :-1] @ step


def _pictures(plate: Pixels, render: Render, region: Region, scale: float) -> _Pictures:
    """Both at a small size, the plate's region alone."""
    plate_size, render_size = _even(region, scale), _even(render.region, scale)
    rgba = render.small(render_size)
    rgba[..., :3] *= rgba[..., 3:]
    return _Pictures(
        blur(to_encoded(shrink(plate[region.slices], plate_size)), _PLATE_BLUR_PX), blur(rgba, _FACE_BLUR_PX),
        _shown_at(region, plate_size), _shown_at(render.region, render_size), _PLATE_BLUR_PX**2 - _FACE_BLUR_PX**2,
    )  # fmt: skip


def _even(region: Region, scale: float) -> tuple[int, int]:
    """(W, H) of a region at a smaller size, even so that it can be halved."""
    return 2 * max(2, round(region.width * scale / 2)), 2 * max(2, round(region.height * scale / 2))


def _shown_at(region: Region, size: tuple[int, int]) -> Doubles:
    """(2, 3) full-size pixels to those of a region shown at a size, whose centres are whole numbers."""
    per_px = np.array(size) / (region.width, region.height)
    return np.column_stack([np.diag(per_px), -per_px * (region.x, region.y) - 0.5])


def _half(image: Floats) -> Floats:
    return shrink(image, (image.shape[1] // 2, image.shape[0] // 2))
