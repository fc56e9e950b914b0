"""The actor's skin from the footage of a take: the door of this room."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..face_model.types import FaceModel
from ..files import write_whole
from ..light.estimate import estimate_light
from ..light.types import ShotLight
from ..media.images import write_png
from ..media.reader import read_frames
from ..media.types import Image
from ..progress import Progress, silent
from ..take import Take
from .cleaning import keep_skin, match_exposure, on_skin, seeds
from .colours import Colour, pixels_at, places_px, rounded, usual
from .fusion import detailed, evened, filled, fused
from .layout import CENTRE, FACE_RADII, HEAD_REACH, Array, Indices
from .texels import Texels, face_texels
from .views import ActorFace, encoded, linear, plain_skin

SIDE_PX = 1024
ROW = 512
FRAMES = 40
"""So many frames, the best of every direction of view, are looked at together: memory does not grow with the clip."""
CELL_DEG = 8.0
CALM = 0.6
"""A frame whose shapes add up to so much more than in the calmest one counts half."""
MOUTH_OPEN, BLINK = ("jawOpen",), ("eyeBlinkLeft", "eyeBlinkRight")
LEAST_SHADING = 0.15
KNOWN = 0.35
"""Sum of weights from which a texel is known."""
LEAST_COVER = 0.02
LIGHT_DONE, LOOKS_DONE = 20, 50
"""Per cent of the time after the light is known, and after all frames were looked at."""
Single = NDArray[np.float32]


@dataclass(frozen=True)
class SkinTexture:
    """The skin of one actor's head as a picture in the layout of `layout.face_surface`."""

    rgb: Image
    """(S, S, 3) sRGB."""
    coverage: float
    """Share of the face that the footage shows."""
    frames: int
    skin: Colour
    """Average colour, linear."""
    hair: Colour | None
    iris: Colour | None
    white: Colour | None
    """Of the eyes. All linear; None where the footage does not show any."""


def texture_from_footage(
    take: Take,
    footage: Path,
    model: FaceModel,
    progress: Progress = silent,
    side: int = SIDE_PX,
    light: ShotLight | None = None,
) -> SkinTexture:
    """Project the best frames onto the face, take out the light, fuse and fill.

    Raises InputError where the footage is not the take's or shows no face.
    """
    face = ActorFace(take, model)
    rows = best_frames(face)
    light = light or estimate_light(take, footage, model, _share(progress, 0, LIGHT_DONE))
    texels = face_texels(side)
    looks = np.zeros((len(rows), len(texels.rows), 3), np.float16)
    weights = np.zeros(looks.shape[:2], np.float16)
    sharpness = np.zeros(len(rows))
    colours: dict[str, list[Single]] = {"hair": [], "iris": [], "white": []}
    place = {int(take.frame_index[row]): number for number, row in enumerate(rows)}
    done, shown = 0, _share(progress, LIGHT_DONE, LOOKS_DONE)
    for frame in read_frames(footage, min(place), max(place) + 1):
        number = place.get(frame.index)
        if number is None:
            continue
        if frame.rgb.shape[1::-1] != take.frame_size:
            raise InputError(f"{footage} has another picture size than the take; choose the video that was tracked.")
        look, weight, sharpness[number] = _look(frame.rgb, face, int(rows[number]), texels, light)
        looks[number], weights[number] = look, weight
        for part, points_px in places_px(take, int(rows[number])).items():
            colours[part].append(pixels_at(frame.rgb, points_px))
        done += 1
        shown("texture", done, len(rows))
    if not done:
        raise InputError(f"{footage} is shorter than the take; choose the video that was tracked.")
    weights *= (_calm(face, rows) * sharpness / max(float(sharpness.max()), 1e-9))[:, None].astype(np.float16)
    return _finished(
        texels,
        face,
        looks,
        weights,
        done,
        {part: usual(seen) for part, seen in colours.items()},
        _share(progress, LOOKS_DONE, 100),
    )


def _share(progress: Progress, first: int, last: int) -> Progress:
    """A part of the work, from `first` to `last` per cent, as progress of all of it."""

    def part(stage: str, done: int, total: int) -> None:
        progress("texture", first + (last - first) * done // max(total, 1), 100)

    return part


def best_frames(face: ActorFace) -> Indices:
    """Rows of the take: from each direction of view in turn the surest and calmest, at most `FRAMES`."""
    rows = face.good_frames()
    take = face.take
    toward = -np.einsum("tij,ti->tj", take.rotation[rows], take.translation_cm[rows])
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    cell = np.round(
        np.degrees(np.stack([np.arctan2(toward[:, 0], toward[:, 2]), np.arcsin(toward[:, 1])], 1)) / CELL_DEG
    )
    score = take.confidence[rows] * _calm(face, rows)
    order = np.argsort(-score)
    rank = np.empty(len(rows), int)
    seen: dict[tuple[float, float], int] = {}
    for index in order:
        key = (float(cell[index, 0]), float(cell[index, 1]))
        rank[index] = seen[key] = seen.get(key, -1) + 1
    chosen = np.lexsort((-score, rank))[:FRAMES]
    return np.asarray(np.sort(rows[chosen]))


def _calm(face: ActorFace, rows: Indices) -> Array:
    """(R,) 1 for the calmest of these frames, less with strong expressions, open mouths and closed eyes."""
    values = face.take.coefficients[rows].astype(np.float64)
    names = list(face.take.names)
    effort = 0.3 * values.sum(axis=1)
    effort += 2.0 * values[:, [names.index(name) for name in MOUTH_OPEN]].sum(axis=1)
    effort += 0.5 * values[:, [names.index(name) for name in BLINK]].sum(axis=1)
    return np.asarray(1 / (1 + (effort - effort.min()) / CALM))


def _look(rgb: Image, face: ActorFace, row: int, texels: Texels, light: ShotLight) -> tuple[Single, Single, float]:
    """Colours (N, 3) without their light and weights (N,) of the texels in one frame, and how sharp the frame is."""
    view = face.view(row)
    seen = _sampled(rgb, texels.carried(view.points_px))
    shading = np.maximum(light.shading(view.normals), LEAST_SHADING)
    colour = linear(seen.astype(np.float32) / 255) / texels.carried(shading)
    weight = texels.carried(view.weight**2)
    low, high = (
        np.clip(np.floor(view.points_px.min(0)), 0, None).astype(int),
        np.ceil(view.points_px.max(0)).astype(int),
    )
    grey = cv2.cvtColor(np.ascontiguousarray(rgb[low[1] : high[1], low[0] : high[0]]), cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, (192, 192), interpolation=cv2.INTER_AREA)
    return colour, weight, float(np.sqrt(cv2.Laplacian(grey, cv2.CV_32F).var()))


def _sampled(rgb: Image, points_px: Single) -> Image:
    """(N, 3) colours at points (N, 2); in rows, since OpenCV takes no longer ones than 32767."""
    places = np.resize(points_px - 0.5, (-(-len(points_px) // ROW), ROW, 2))
    x, y = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    seen = cv2.remap(rgb, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen.reshape(-1, 3)[: len(points_px)])


def _finished(
    texels: Texels,
    face: ActorFace,
    looks: NDArray[np.float16],
    weights: NDArray[np.float16],
    frames: int,
    colours: dict[str, Colour | None],
    progress: Progress,
) -> SkinTexture:
    match_exposure(looks, weights)
    keep_skin(looks, weights, texels, face.points_cm)
    smooth, sharp, total = fused(looks, weights, progress)
    plain = texels.carried(plain_skin(face.points_cm).astype(np.float32)) > 0.5
    counted = plain & (total > np.median(total[plain]) * 0.5)
    skin = np.median(smooth[counted], axis=0)
    trusted = np.clip(total / max(KNOWN * float(np.percentile(total, 90)), 1e-6), 0.0, 1.0)
    trusted *= on_skin(texels, face.points_cm)
    known = texels.picture(trusted)
    picture = detailed(texels.picture(smooth), texels.picture(sharp), texels.picture(total))
    picture = evened(picture, known)
    # Where one side was not seen the other one's mirror image serves.
    mirrored, mirror_known = picture[:, ::-1], known[:, ::-1]
    share = np.where(known > 0, known, 0.0)[..., None]
    picture = picture * share + mirrored * (1 - share) * mirror_known[..., None]
    cover = share[..., 0] + (1 - share[..., 0]) * mirror_known
    picture = picture / np.maximum(cover, 1e-6)[..., None]
    found = picture[texels.rows, texels.columns]
    around = filled(picture, cover * texels.picture(seeds(texels, found, skin)) * (cover > LEAST_COVER))
    cover = np.clip((cover - LEAST_COVER) / (1 - LEAST_COVER), 0.0, 1.0)[..., None]
    picture = _outward(picture * cover + around * (1 - cover), skin)
    rgb = np.asarray(encoded(picture) * 255 + 0.5, np.uint8)
    return SkinTexture(rgb, float((trusted > 0.5).mean()), frames, rounded(skin), **colours)


def _outward(picture: Single, skin: Single) -> Single:
    """The picture with everything beyond the face running out into the average skin."""
    side = len(picture)
    rows, columns = np.mgrid[:side, :side]
    place = np.stack([(columns + 0.5) / side - CENTRE[0], (side - rows - 0.5) / side - CENTRE[1]], -1) / FACE_RADII
    reach = np.linalg.norm(place, axis=-1)
    share = np.clip((reach - 1.0) / (HEAD_REACH - 1.0) * 1.5, 0.0, 1.0)[..., None]
    soft = cv2.GaussianBlur(picture, (0, 0), 0.02 * side)
    beyond = np.clip((reach - 0.97) / 0.06, 0.0, 1.0)[..., None]
    picture = picture * (1 - beyond) + soft * beyond
    return np.asarray(picture * (1 - share) + skin * share, np.float32)


def save_texture(texture: SkinTexture, path: Path) -> None:
    """The picture, and beside it as JSON what else is known of the actor's colours."""
    write_png(path, texture.rgb)
    facts = {key: value for key, value in vars(texture).items() if key != "rgb"}
    write_whole(path.with_suffix(".json"), (json.dumps(facts, indent=2) + "\n").encode())
