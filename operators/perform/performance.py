"""What an avatar performs of a take: preview, bake and the corrections made by hand all ask this.

The take is adjusted as is kept with the avatar, and followed by its list of links or, where the avatar was matched by its
shapes, solved in its own space.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import bpy
import numpy as np
from numpy.typing import NDArray

from ...inference import retarget
from ...inference.retarget import REGIONS, Link, Mapping, adjustments
from ...inference.retarget.adjustments import Adjustments, Neutral, Region
from ...inference.take import Take
from ..avatar.links import mapping_of, settings_of
from ..bridge.rigs.controls import known_mapping
from ..bridge.rigs.rig import read_rig

if TYPE_CHECKING:
    from ...inference.retarget.by_shape.solver import RigSolver

Weights = tuple[tuple[str, ...], NDArray[np.float32]]
"""Keys, and what each of them is worth in every frame (T, K)."""
REGION_NAMES = ("brows", "eyes", "gaze", "cheeks", "jaw", "mouth", "tongue")
"""Our properties, in the order of `REGIONS`."""


@dataclass(frozen=True)
class _Fit:
    """What was found out about an avatar, and the list of links that was made of it."""

    text: str
    solver: RigSolver
    links: Mapping


_last_fit: list[_Fit] = []
"""The avatar that was solved last: reading what is kept of it takes longer than drawing a frame."""
_last_calm: tuple[Take, Adjustments, Take] | None = None
"""The costly half of the last performance: while gains are dragged nothing is smoothed again."""


def performed(avatar: bpy.types.Object, take: Take, eyes: bool = True) -> tuple[Take, Mapping]:
    """What an avatar performs of a take, with its adjustments, and how: preview and bake both ask this."""
    chosen, mapping = way_of(avatar, eyes, take)
    return adjustments.scaled(_calm(take, chosen), chosen), mapping


def way_of(avatar: bpy.types.Object, eyes: bool = True, take: Take | None = None) -> tuple[Adjustments, Mapping]:
    """How an avatar performs whatever it is given.

    The mapping is the avatar's own list of links where it has one. Without `eyes` the shapes that look about rest.
    """
    settings = settings_of(avatar)
    chosen = adjustments_of(settings.adjustments)
    if not eyes:
        still = tuple(
            replace(region, gain=0.0) if name == "gaze" else region
            for name, region in zip(REGIONS, chosen.regions, strict=True)
        )
        chosen = replace(chosen, regions=still)
    mapping = mapping_of(settings)
    if mapping is None:
        mapping = known_mapping(read_rig(avatar, take))
    return chosen, mapping


def adjustments_of(kept: bpy.types.PropertyGroup) -> Adjustments:
    """The adjustments as plain numbers."""
    regions = tuple(
        Region(*(round(number, 6) for number in (region.gain, region.limit, region.smoothing)))
        for region in (getattr(kept, name) for name in REGION_NAMES)
    )
    return Adjustments(
        round(kept.strength, 6), regions, round(kept.head, 6), round(kept.head_smoothing, 6), _neutral_of(kept)
    )


def _neutral_of(kept: bpy.types.PropertyGroup) -> Neutral:
    values = dict.fromkeys(adjustments.arkit.NAMES, 0.0)
    values |= {item.name: item.value for item in kept.neutral}
    return Neutral(
        tuple(values[name] for name in adjustments.arkit.NAMES),
        tuple(kept.neutral_gaze),
        tuple(kept.neutral_head) if kept.use_neutral_head else None,
    )


def _calm(take: Take, chosen: Adjustments) -> Take:
    global _last_calm  # noqa: PLW0603 - one performance is at work at a time
    calming = Adjustments(
        regions=tuple(Region(smoothing_s=region.smoothing_s) for region in chosen.regions),
        head_smoothing_s=chosen.head_smoothing_s,
        neutral=chosen.neutral,
    )
    if _last_calm is None or _last_calm[0] is not take or _last_calm[1] != calming:
        _last_calm = (take, calming, adjustments.calm(take, calming))
    return _last_calm[2]


def solved_weights(avatar: bpy.types.Object, performance: Take, mapping: Mapping) -> Weights | None:
    """Keys and weights (T, K) of a performance, solved in the avatar's own space; None for an avatar that follows its
    list of links alone.
    """
    weigh = weigher(avatar, mapping)
    return weigh(performance) if weigh is not None else None


def weigher(avatar: bpy.types.Object, mapping: Mapping) -> Callable[[Take], Weights] | None:
    """What solves performances in the avatar's own space; None for an avatar that follows its list of links alone.

    What the list says otherwise than it did when it was made of the avatar's shapes is added: corrections count, and a
    key whose links were removed or switched off rests.
    """
    settings = settings_of(avatar)
    if not settings.fit or not settings.use_solver:
        return None
    fit = _fit_of(settings)
    removed = set(fit.links.keys) - set(mapping.keys)
    limits = {key: _limits(mapping, key) for key in mapping.keys}
    by_links, as_made = retarget.weigher(mapping), retarget.weigher(fit.links)

    def weigh(performance: Take) -> Weights:
        solved = fit.solver.solve(performance.coefficients)
        columns = {key: solved[:, place] for place, key in enumerate(fit.solver.keys) if key not in removed}
        made = dict(zip(fit.links.keys, as_made(performance.coefficients).T, strict=True))
        for key, weights in zip(limits, by_links(performance.coefficients).T, strict=True):
            columns[key] = np.clip(columns.get(key, 0) + weights - made.get(key, 0), *limits[key])
        return tuple(columns), np.stack(list(columns.values()), axis=1).astype(np.float32)

    return weigh


def made_links(settings: bpy.types.PropertyGroup) -> Mapping | None:
    """The list as it was made of the avatar's shapes; None where the names count."""
    return _fit_of(settings).links if settings.fit and settings.use_solver else None


def _limits(mapping: Mapping, key: str) -> tuple[float, float]:
    """The tightest limits among the links of a key."""
    links = [link for link in mapping.links if link.key == key and link.enabled]
    lower = max(link.lower for link in links)
    return lower, max(lower, min(link.upper for link in links))


def _fit_of(settings: bpy.types.PropertyGroup) -> _Fit:
    from ...inference.retarget.by_shape.solver import RigSolver

    text = settings.fit
    if not _last_fit or _last_fit[0].text != text:
        stored = json.loads(text)
        links = Mapping(tuple(Link(**link) for link in stored["links"]))
        _last_fit[:] = [_Fit(text, RigSolver.from_bytes(base64.b64decode(stored["solver"])), links)]
    return _last_fit[0]
