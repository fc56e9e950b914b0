"""An avatar understood without names: our landmarks on its surface, and what its channels can show of an actor's face.

Correspondence as in deformation transfer (Sumner and Popovic 2004), with local frames of landmarks instead of triangles;
the range of motion is aligned as Ribera et al. 2017 do: what an actor's face does fully, the avatar's does fully.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ... import arkit
from ...errors import InputError
from ...face_model.rims import EYES, INNER_LIPS, LOWER_LIP, SKIN, UPPER_LIP
from ...face_model.surface import Array
from ...face_model.types import FaceModel
from ...progress import Progress, silent
from ..mapping import UPPER, Link, Mapping
from ..regions import REGION_OF, REGIONS
from .behind import POINTS, behind
from .landmarks import Marks, find_marks
from .motion import alike_at, motion_marks
from .place import Placed, place
from .shapes import RigShapes
from .skin import Skin, find_skin
from .sparse import explained, few_channels, these_channels

DOUBTFUL = 0.3
"""Channels that look less like our expressions than this where a network saw the face call for a second opinion."""
CLEARLY = 0.05
"""By so much the second one must be better."""
LEAST_ALIKE = 0.12
RIM_IMPORTANCE = 4.0
OPENING = 12.0
"""How many landmarks the way between a pair of lips weighs: people read lips."""
BEHIND_IMPORTANCE = 25.0
"""An iris is one point, the lids are many."""
ALIVE = 0.004
"""A channel moves some landmark at least this much, in centimetres of our face."""
FREE = 4.0
"""How far beyond its limits a channel may be thought to reach while the range of motion is measured."""
GAINS: Final = (0.35, 2.5)
SHOWN: Final = (0.5, 0.85)
"""A motion of which the avatar makes less than the first part says nothing about its range; from the second on, all."""
WORTH: Final = (0.06, 0.025)
"""What a further channel must make of a motion: of shapes, one of which an artist meant, and of bones, which share it."""
LEAST_SHOWN = 0.25
"""A motion of which less can be made is left away in a list of links."""
LEAST_GAIN = 0.03


@dataclass(frozen=True)
class RigFit:
    """What the solver and the sidebar's list need of an avatar. Weights are counted in each channel's `unit` here."""

    shapes: RigShapes
    placed: Placed
    alive: NDArray[np.int64]
    """(A) the channels that move the face."""
    basis: Array
    """(A + P', 468 + 3, 3) motions of landmarks, irises and tongue: alive channels, then alive pairs; our centimetres."""
    pairs: NDArray[np.int64]
    """(P', 2) places in `alive`."""
    lower: Array
    """(A,) in units."""
    upper: Array
    wanted: Array
    """(52, 468 + 3, 3) what each coefficient asks of the avatar, as far as its physiology takes it."""
    links: Array
    """(52, A) units of each channel for a full coefficient: few channels, linear."""
    shown: Array
    """(52,) part of each coefficient's motion that the avatar can make."""
    gains: Array
    """(52,) how far the avatar goes where the actor goes fully."""
    model: FaceModel


def fit(shapes: RigShapes, model: FaceModel, progress: Progress = silent) -> RigFit:
    """Find the avatar's face and what each channel does to it. Raises InputError where no face is found."""
    progress("find the face", 0, 3)
    skin = find_skin(shapes)
    marks = find_marks(shapes, skin, model)
    progress("find the face", 1, 3)
    placed = _placed(shapes, skin, model, marks)
    progress("measure its range", 2, 3)
    result = measured(shapes, placed, model, *behind(shapes, skin, placed, model))
    progress("measure its range", 3, 3)
    return result


def _placed(shapes: RigShapes, skin: Skin, model: FaceModel, marks: Marks | None) -> Placed:
    """The landmarks where a network saw them; where it did not, or the channels contradict it, where these move alike."""
    by_sight = None if marks is None else place(shapes, skin, model, marks.points)
    seen = 0.0 if by_sight is None else alike_at(shapes, by_sight.corners, by_sight.weights, model)
    if by_sight is not None and seen > DOUBTFUL:
        return by_sight
    points, moved = motion_marks(shapes, skin, model)
    if by_sight is not None and moved < seen + CLEARLY:
        return by_sight
    if moved < LEAST_ALIKE:
        raise InputError("No face was found on the avatar; choose the object that has its face shapes.")
    return place(shapes, skin, model, points)


def measured(shapes: RigShapes, placed: Placed, model: FaceModel, inside: Array, asked: Array) -> RigFit:
    """What the channels can show, once the landmarks are placed; `inside` and `asked` are those of `behind`."""
    motions = np.concatenate([placed.at(shapes.deltas) / placed.scale, inside], axis=1)
    alive = np.flatnonzero(np.linalg.norm(motions, axis=2).max(1) > ALIVE)
    if not len(alive):
        raise InputError("None of the avatar's shapes moves its face; choose the object that has its face shapes.")
    place_of = {int(channel): index for index, channel in enumerate(alive)}
    kept = [i for i, (a, b) in enumerate(shapes.pairs) if a in place_of and b in place_of]
    pairs = np.array([[place_of[c] for c in shapes.pairs[i]] for i in kept], np.int64).reshape(-1, 2)
    joint = np.zeros((len(kept), SKIN + POINTS, 3))
    if kept:
        joint[:, :SKIN] = placed.at(shapes.pair_deltas[kept]) / placed.scale
    bounds = np.stack([shapes.lower, shapes.upper])[:, alive] / shapes.unit[alive]
    lower, upper = bounds.min(0), bounds.max(0)
    basis = motions[alive]
    skin_motion = np.einsum("nij,knj->kni", placed.frames, model.landmark_expressions_cm[:, :SKIN]) / placed.scale
    actor = np.concatenate([skin_motion, asked], axis=1)
    gains, links, shown, made = _range(basis, actor, lower, upper, shapes.unit[alive] == 1.0)
    sure = made * np.clip((shown - SHOWN[0]) / (SHOWN[1] - SHOWN[0]), 0.0, 1.0)
    wanted = gains[:, None, None] * actor
    wanted += sure[:, None, None] * (np.tensordot(links, basis, 1) - wanted)
    return RigFit(
        shapes, placed, alive, np.concatenate([basis, joint]), pairs, lower, upper, wanted, links, shown, gains, model
    )


def importance() -> Array:
    """(468 + 3,) how much each landmark, iris and tongue counts: what touches matters most."""
    result = np.ones(SKIN + POINTS)
    result[SKIN:] = BEHIND_IMPORTANCE
    result[sorted(UPPER_LIP | LOWER_LIP | {i for rim in (*EYES, INNER_LIPS) for i in rim.upper + rim.lower})] = (
        RIM_IMPORTANCE
    )
    return result


def weighed(motions: Array) -> Array:
    """(N, M) motions (N, 468 + 3, 3) as rows, each point by its importance, and with them how far they open the lips."""
    scaled = np.sqrt(importance())[:, None] * motions
    return np.concatenate([scaled.reshape(len(scaled), -1), np.sqrt(OPENING) * lip_gaps(motions)], axis=1)


def lip_gaps(motions: Array) -> Array:
    """(..., N) how far motions (..., P, 3) open the lips, pair by pair."""
    upper, lower = list(INNER_LIPS.upper[1:-1]), list(INNER_LIPS.lower[1:-1])
    return np.asarray((motions[..., upper, :] - motions[..., lower, :])[..., 1])


def _range(
    basis: Array, actor: Array, lower: Array, upper: Array, artist: NDArray[np.bool_]
) -> tuple[Array, Array, Array, Array]:
    """Gain (52,), links (52, A) and shown part (52,) of each coefficient, and how much of that (52,) an artist shaped.

    A channel that an artist made (read at 1) is the avatar's extreme where it is 1; a bone's limits say no such thing.
    """
    root = np.sqrt(importance())[:, None]
    flat, wanted = (root * basis).reshape(len(basis), -1), (root * actor).reshape(len(actor), -1)
    mirror = np.array([arkit.INDEX[_mirrored(name)] for name in arkit.NAMES])
    both = wanted + np.where((mirror != np.arange(len(mirror)))[:, None], wanted[mirror], 0.0)
    reach = FREE * np.maximum(np.abs(lower), np.abs(upper))
    links = few_channels(flat, wanted, -reach, reach, WORTH[0] if artist.mean() > 0.5 else WORTH[1])
    used = (links != 0) | (links[mirror] != 0)
    found = these_channels(flat, both, np.where(used & (lower < 0), -reach, 0.0), np.where(used, reach, 0.0))
    part = np.clip(found * (both @ flat.T), 0.0, None)
    sure = explained(flat, both, found)
    by_artist = part[:, artist].sum(1)
    peak = (part * np.abs(found))[:, artist].sum(1) / np.maximum(by_artist, 1e-12)
    made = by_artist / np.maximum(part.sum(1), 1e-12)
    own = np.where(made > 0.5, 1 / np.maximum(peak, 1e-3), 1.0)
    gains = _shared(np.clip(own, *GAINS), np.clip((sure - SHOWN[0]) / (SHOWN[1] - SHOWN[0]), 0.0, 1.0), both)
    shown = explained(flat, wanted, links)
    links = np.clip(gains[:, None] * links, np.minimum(lower, -np.abs(upper)), upper)
    return gains, np.where(np.abs(links) < LEAST_GAIN, 0.0, links), shown, made


def _shared(own: Array, sure: Array, motions: Array) -> Array:
    """(52,) each shape's own gain where it is sure, that of its region of the face where it is not."""
    energy = (motions**2).sum(1)
    result = own.copy()
    for region in REGIONS:
        members = np.array([REGION_OF[name] == region for name in arkit.NAMES])
        weight = (sure * energy)[members]
        mean = np.exp((weight * np.log(own[members])).sum() / weight.sum()) if weight.sum() > 0 else 1.0
        result[members] = np.exp(sure[members] * np.log(own[members]) + (1 - sure[members]) * np.log(mean))
    return result


def _mirrored(name: str) -> str:
    """The same shape of the other side."""
    for one, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(one):
            return name.removesuffix(one) + other
    return name


def as_mapping(fitted: RigFit) -> Mapping:
    """The fit as a list of links, for the sidebar: linear, so without contact of lips and joint effects of channels."""
    shapes = fitted.shapes
    links = []
    for place_, channel in enumerate(fitted.alive):
        unit = float(shapes.unit[channel])
        for index, name in enumerate(arkit.NAMES):
            gain = float(fitted.links[index, place_]) * unit
            if gain and fitted.shown[index] >= LEAST_SHOWN:
                low, high = (float(np.clip(x, -UPPER, UPPER)) for x in (shapes.lower[channel], shapes.upper[channel]))
                links.append(Link(name, shapes.keys[channel], round(gain, 4), 0.0, low, high))
    driven = {link.key for link in links}
    idle = tuple(key for key in shapes.keys if key not in driven)
    return Mapping(tuple(links), unmatched_keys=idle, kind="shapes of this avatar")
