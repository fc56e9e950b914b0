"""Corrections made by hand on the way to a take that agrees with them: found, turned into coefficients, solved, kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np

from ...inference import arkit
from ...inference import take as takes
from ...inference.errors import InputError
from ...inference.retarget import Mapping
from ...inference.take import Take
from ..bridge import paths
from ..bridge.keys import hand_edits
from ..bridge.keys.bake import moved_blocks
from ..bridge.rigs import channels
from ..bridge.rigs.rig import Rig, read_rig
from ..chosen import chosen_avatar, chosen_take
from ..footage.clip import take_model
from .performance import performed, solved_weights

if TYPE_CHECKING:
    from ...inference.retarget.corrected import Correction, Target

STEP = 0.05
LEAST_GAIN = 0.1
"""Adjustments that leave less of a coefficient do not lead back to it."""
KEPT_FILES = 20

Row = tuple[int, str, float]
"""Position in the take, name of a coefficient, value."""


def corrections_of(avatar: bpy.types.Object, take: Take, name: str) -> list[Correction]:
    """Everything that was changed by hand on what a bake of this take wrote."""
    return [one for block in moved_blocks(read_rig(avatar, take)) for one in hand_edits.corrections_of(block, name)]


def must_be_solved(context: bpy.types.Context) -> bool:
    """Whether baking now means to solve the shot again, which takes a while."""
    avatar = chosen_avatar(context)
    try:
        take, name = chosen_take(context.scene)
        rows = rows_of(avatar, take, corrections_of(avatar, take, name), eyes=context.scene.understudy.use_eyes)
    except InputError:
        return False  # the bake itself will say what is wrong
    return bool(rows) and not solved_path(take, rows).is_file()


def rows_of(avatar: bpy.types.Object, take: Take, corrections: Sequence[Correction], *, eyes: bool) -> list[Row]:
    """What the take's coefficients have to be for the avatar to show the corrections, as far as that can be said."""
    if not corrections:
        return []
    from ...inference.retarget.corrected import coefficients_for

    performance, mapping = performed(avatar, take, eyes)
    targets = _targets(read_rig(avatar, take), mapping, take, corrections)
    targets = _from_solved(avatar, performance, mapping, targets)
    wanted = coefficients_for(mapping, performance.coefficients.astype(np.float64), targets)
    if not wanted:
        return []
    low = replace(take, coefficients=np.clip(take.coefficients - STEP, 0.0, 1.0))
    high = replace(take, coefficients=np.clip(take.coefficients + STEP, 0.0, 1.0))
    span = high.coefficients - low.coefficients
    gain = (performed(avatar, high, eyes)[0].coefficients - performed(avatar, low, eyes)[0].coefficients) / span
    rows = []
    for position, column, value in wanted:
        if gain[position, column] > LEAST_GAIN:
            change = (value - performance.coefficients[position, column]) / gain[position, column]
            raw = float(np.clip(take.coefficients[position, column] + change, 0.0, 1.0))
            rows.append((position, arkit.NAMES[column], raw))
    return rows


def solved(
    settings: bpy.types.PropertyGroup, avatar: bpy.types.Object, take: Take, corrections: Sequence[Correction], *, eyes: bool
) -> Take:  # fmt: skip
    """The take that agrees with the corrections; solved here and now where that was not done before."""
    rows = rows_of(avatar, take, corrections, eyes=eyes)
    if not rows:
        return take
    path = solved_path(take, rows)
    if not path.is_file():
        from ...inference import face_model
        from ...inference.solve.corrections import Fixed, resolve

        positions, names, values = zip(*rows, strict=True)
        columns = np.array([arkit.INDEX[name] for name in names])
        fixed = Fixed(np.array(positions, np.int64), columns, np.array(values, np.float64))
        takes.save(resolve(take, face_model.load(take_model(settings, take)), fixed), path)
        forget_old(path.parent)
    return takes.load(path)


def solved_path(take: Take, rows: Sequence[Row]) -> Path:
    """Where the take that agrees with these rows is kept."""
    told = json.dumps([take.source_sha256, rows]).encode() + take.coefficients.tobytes()
    return paths.user_folder("corrections") / f"{hashlib.sha256(told).hexdigest()[:24]}.npz"


def forget_old(folder: Path) -> None:
    """Keep the newest of the solved takes only."""
    files = sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[KEPT_FILES:]:
        path.unlink(missing_ok=True)


def write_rows(take: Take, rows: Sequence[Row], path: Path) -> None:
    """The rows as ``understudy correct`` reads them."""
    keys = [
        {"frame": int(take.frame_index[position]), "coefficient": name, "value": value}
        for position, name, value in rows
    ]
    path.write_text(json.dumps({"keys": keys}, indent=1), encoding="utf-8")


def show(keys: bpy.types.PropertyGroup, corrections: Sequence[Correction], scene: bpy.types.Scene) -> None:
    """Fill the list of the sidebar."""
    from ..bridge.keys import timing

    keys.corrections.clear()
    for one in sorted(corrections, key=lambda one: (one.time_s, one.data_path)):
        row = keys.corrections.add()
        row.name = _label(one)
        row.frame = timing.FIRST_FRAME + one.time_s * timing.scene_rate(scene)
        row.value = one.value
    keys.active_correction = min(keys.active_correction, max(len(keys.corrections) - 1, 0))


def _label(one: Correction) -> str:
    """The channel's name as an animator knows it."""
    quoted = one.data_path.split('"')
    name = bpy.utils.unescape_identifier(quoted[1]) if len(quoted) > 2 else one.data_path
    kind = one.data_path.rpartition(".")[2]
    return name if kind == "value" else f"{name} {kind}[{one.index}]"


def _from_solved(
    avatar: bpy.types.Object, performance: Take, mapping: Mapping, targets: list[Target]
) -> list[Target]:  # fmt: skip
    """The targets as the links see them, on an avatar whose weights are solved: as far from what the links make of a frame
    as a person went from what the solve makes of it.
    """
    weights = solved_weights(avatar, performance, mapping) if targets else None
    if weights is None:
        return targets
    from ...inference.retarget.corrected import unlimited

    columns = {key: weights[1][:, place] for place, key in enumerate(weights[0])}
    return [
        replace(one, value=one.value - float(columns[one.key][one.position]) + by_links[one.key])
        for one in targets
        for by_links in [unlimited(mapping, performance.coefficients[one.position])]
    ]


def _targets(rig: Rig, mapping: Mapping, take: Take, corrections: Sequence[Correction]) -> list[Target]:
    """The corrections of channels that coefficients drive, in the frames of the take they are nearest to."""
    from ...inference.retarget.corrected import Target

    key_of = {
        (channel.id_block.name, channel.data_path, channel.index): key
        for key in mapping.keys
        for channel in channels.find(rig, key)
    }
    times_s = take.time_s - take.time_s[0]
    reach_s = 0.51 * float(np.median(np.diff(times_s))) if len(times_s) > 1 else 1.0
    found = []
    for one in corrections:
        position = int(np.abs(times_s - one.time_s).argmin())
        near = abs(float(times_s[position]) - one.time_s) <= reach_s
        if one.place in key_of and near and take.confidence[position] > 0:
            found.append(Target(position, key_of[one.place], one.value))
    return found
