"""The actor's skin from the footage of a take: the door of this room."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from .fusion import detailed, evened, filled, fused, weighted_median
from .layout import CENTRE, FACE_RADII, HEAD_REACH, Array, Indices
from .texels import Texels, face_texels
from .views import ActorFace, encoded, featureless, linear, opening_edges, plain_skin

SIDE_PX = 1024
ROW = 512
FRAMES = 40
"""So many frames, the best of every direction of view, are looked at together: memory does not grow with the clip."""
CELL_DEG = 8.0
CALM = 0.6
"""A frame whose shapes add up to so much more than in the calmest one counts half."""
MOUTH_OPEN, BLINK = ("jawOpen",), ("eyeBlinkLeft", "eyeBlinkRight")
LEAST_SHADING = 0.15
EDGE = (0.86, 0.97)
"""Shares of the way to the oval between which footage gives way to filled skin: beyond are hair and background."""
OUTER = (0.45, 0.6)
"""From here outward what does not look like this actor's skin is hair or background, but for brows, eyes and lips."""
SKIN_LIKE = (0.5, 0.2, 0.25)
"""Natural logarithms by which skin varies: brightness, red over green, blue over green."""
FEATURE_MARGIN = 0.8
BEARD = 2.0
"""Below the nose skin may be so much darker still."""
INSIDE_CM = 0.16
"""Edges of lids and lips show eyeballs and teeth in some frames: they are filled from the skin beside them."""
KNOWN = 0.35
"""Sum of weights from which a texel is known."""
IRIS_SHARE, WHITE_SHARE = 0.65, 0.35
LEAST_COLOURS = 6
SKULL_CM = tuple((x, y, z) for x in (-3.0, 0.0, 3.0) for y, z in ((11.4, 7.0), (12.2, 5.0)))
"""Where hair is on most heads, in head axes, for the colour of the hair."""


Colour = tuple[float, float, float]
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
    light = light or estimate_light(take, footage, model)
    texels = face_texels(side)
    looks = np.zeros((len(rows), len(texels.rows), 3), np.float16)
    weights = np.zeros(looks.shape[:2], np.float16)
    sharpness = np.zeros(len(rows))
    colours: dict[str, list[Single]] = {"hair": [], "iris": [], "white": []}
    place = {int(take.frame_index[row]): number for number, row in enumerate(rows)}
    done = 0
    for frame in read_frames(footage, min(place), max(place) + 1):
        number = place.get(frame.index)
        if number is None:
            continue
        if frame.rgb.shape[1::-1] != take.frame_size:
            raise InputError(f"{footage} has another picture size than the take; choose the video that was tracked.")
        look, weight, sharpness[number] = _look(frame.rgb, face, int(rows[number]), texels, light)
        looks[number], weights[number] = look, weight
        for part, points_px in _places_px(take, int(rows[number])).items():
            colours[part].append(_pixels(frame.rgb, points_px))
        done += 1
        progress("texture", done, len(rows))
    if not done:
        raise InputError(f"{footage} is shorter than the take; choose the video that was tracked.")
    weights *= (_calm(face, rows) * sharpness / max(float(sharpness.max()), 1e-9))[:, None].astype(np.float16)
    return _finished(texels, face, looks, weights, done, {part: _usual(seen) for part, seen in colours.items()})


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
) -> SkinTexture:
    _match_exposure(looks, weights)
    _keep_skin(looks, weights, texels, face.points_cm)
    smooth, sharp, total = fused(looks, weights)
    plain = texels.carried(plain_skin(face.points_cm).astype(np.float32)) > 0.5
    counted = plain & (total > np.median(total[plain]) * 0.5)
    skin = np.median(smooth[counted], axis=0)
    trusted = np.clip(total / max(KNOWN * float(np.percentile(total, 90)), 1e-6), 0.0, 1.0)
    trusted *= _on_skin(texels, face.points_cm)
    known = texels.picture(trusted)
    picture = detailed(texels.picture(smooth), texels.picture(sharp), texels.picture(total))
    picture = evened(picture, known)
    # Where one side was not seen the other one's mirror image serves.
    mirrored, mirror_known = picture[:, ::-1], known[:, ::-1]
    share = np.where(known > 0, known, 0.0)[..., None]
    picture = picture * share + mirrored * (1 - share) * mirror_known[..., None]
    cover = share[..., 0] + (1 - share[..., 0]) * mirror_known
    picture = picture / np.maximum(cover, 1e-6)[..., None]
    picture = _outward(filled(picture, np.where(cover > 0.02, cover, 0.0).astype(np.float32)), skin)
    rgb = np.asarray(encoded(picture) * 255 + 0.5, np.uint8)
    return SkinTexture(rgb, float((trusted > 0.5).mean()), frames, _rounded(skin), **colours)


def _match_exposure(looks: NDArray[np.float16], weights: NDArray[np.float16]) -> None:
    """Give all looks the brightness and white of their common average, in place."""
    every = slice(None, None, 23)
    some, weight = looks[:, every].astype(np.float32), weights[:, every].astype(np.float32)
    total = np.maximum(weight.sum(axis=0), 1e-6)[:, None]
    average = (some * weight[..., None]).sum(axis=0) / total
    for number in range(len(looks)):
        if weight[number].sum() > 0:
            own = (some[number] * weight[number][:, None]).sum(axis=0)
            common = (average * weight[number][:, None]).sum(axis=0)
            looks[number] *= np.clip(common / np.maximum(own, 1e-6), 0.5, 2.0).astype(np.float16)


def _places(texels: Texels) -> Array:
    """(N, 2) of the texels, from the middle of the layout in radii of the oval: right and up."""
    uv = np.stack([texels.columns + 0.5, texels.side - texels.rows - 0.5], 1) / texels.side
    return np.asarray((uv - CENTRE) / FACE_RADII)


def _keep_skin(looks: NDArray[np.float16], weights: NDArray[np.float16], texels: Texels, points_cm: Array) -> None:
    """Take the weight from hair and background in the outer parts of the face, in place."""
    place = _places(texels)
    outer = np.clip((np.linalg.norm(place, axis=1) - OUTER[0]) / (OUTER[1] - OUTER[0]), 0.0, 1.0)
    outer *= texels.carried(featureless(points_cm, FEATURE_MARGIN).astype(np.float32))
    middle = np.flatnonzero(texels.carried(plain_skin(points_cm).astype(np.float32)) * (1 - outer) > 0.5)[::7]
    skin = weighted_median(looks[:, middle].astype(np.float32), weights[:, middle].astype(np.float32))
    usual = _tone(np.median(skin[skin.sum(axis=1) > 0], axis=0))
    spread = np.tile(np.array(SKIN_LIKE), (len(place), 1))
    spread[place[:, 1] < 0, 0] *= BEARD
    for number, look in enumerate(looks):
        unlike = (((_tone(look.astype(np.float32)) - usual) / spread) ** 2).sum(axis=1)
        weights[number] *= (1 - outer + outer * np.exp(-np.maximum(unlike - 1.0, 0.0))).astype(np.float16)


def _tone(colour: Single) -> Single:
    """(..., 3) logarithms of brightness, red over green and blue over green."""
    red, green, blue = np.moveaxis(np.log(np.maximum(colour, 1e-3)), -1, 0)
    return np.stack([(red + green + blue) / 3, red - green, blue - green], -1)


def _on_skin(texels: Texels, points_cm: Array) -> Single:
    """(N,) 0 at the oval and on the edges of lids and lips, 1 between."""
    inside = np.clip((EDGE[1] - np.linalg.norm(_places(texels), axis=1)) / (EDGE[1] - EDGE[0]), 0.0, 1.0)
    edges = points_cm[opening_edges()]
    distance = np.sqrt(((points_cm[:, None] - edges[None]) ** 2).sum(axis=2)).min(axis=1)
    return np.asarray(inside * np.clip(2 * texels.carried(distance) / INSIDE_CM - 1, 0.0, 1.0), np.float32)


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


def _places_px(take: Take, row: int) -> dict[str, Array]:
    """(K, 2) pixels where hair, irises and the white of the eyes should be.

    Irises beside the pupil, where lids and lights seldom are; the white between them and the corners of the eyes.
    """
    marks = take.landmarks_px[row].astype(np.float64)
    centre, edge = marks[[468, 468, 473, 473]], marks[[469, 471, 474, 476]]
    corners = marks[[[33, 133], [362, 263]]].repeat(2, axis=0)
    nearest = np.linalg.norm(corners - edge[:, None], axis=2).argmin(axis=1)
    return {
        "hair": _skull_px(take, row),
        "iris": centre + IRIS_SHARE * (edge - centre),
        "white": edge + WHITE_SHARE * (corners[range(4), nearest] - edge),
    }


def _skull_px(take: Take, row: int) -> Array:
    """(K, 2) pixels of points on the skull."""
    placed = np.array(SKULL_CM) @ take.rotation[row].T.astype(np.float64) + take.translation_cm[row]
    u = take.camera_matrix[0, 2] - take.camera_matrix[0, 0] * placed[:, 0] / placed[:, 2]
    v = take.camera_matrix[1, 2] + take.camera_matrix[1, 1] * placed[:, 1] / placed[:, 2]
    return np.stack([u, v], 1)


def _pixels(rgb: Image, points_px: Array) -> Single:
    """(K, 3) linear colours at points (K, 2); NaN outside the picture."""
    found = np.full((len(points_px), 3), np.nan, np.float32)
    height, width = rgb.shape[:2]
    known = np.nan_to_num(points_px, nan=-1.0)
    inside = ((known > 0) & (known < [width, height])).all(axis=1)
    u, v = known[inside].astype(int).T
    found[inside] = linear(rgb[v, u].astype(np.float32) / 255)
    return found


def _usual(looks: list[Single]) -> Colour | None:
    """Median of the known colours; None where there are too few."""
    colours = np.concatenate(looks)
    colours = colours[np.isfinite(colours).all(axis=1)]
    return _rounded(np.median(colours, axis=0)) if len(colours) >= LEAST_COLOURS else None


def _rounded(colour: NDArray[np.floating[Any]]) -> Colour:
    red, green, blue = (round(float(part), 4) for part in colour)
    return red, green, blue


def save_texture(texture: SkinTexture, path: Path) -> None:
    """The picture, and beside it as JSON what else is known of the actor's colours."""
    write_png(path, texture.rgb)
    facts = {key: value for key, value in vars(texture).items() if key != "rgb"}
    write_whole(path.with_suffix(".json"), (json.dumps(facts, indent=2) + "\n").encode())
