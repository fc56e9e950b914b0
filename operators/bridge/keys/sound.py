"""The footage's sound in the sequencer, in step with the performance."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import bpy

from ....inference.errors import InputError, UsageError
from ....inference.take import Take
from .. import compat
from . import timing

PROPERTY: Final = "understudy_sound"
"""On a strip: it is ours and will be replaced."""
SILENT: Final = "INVALID"


def place_sound(scene: bpy.types.Scene, footage: Path, take: Take, sound_start_s: float = 0.0) -> bpy.types.Strip:
    """Put the sound of the footage onto a channel of its own, in place of an earlier one of ours.

    `sound_start_s` is when the sound begins, on the clock of the take's times. Before Blender 4.5 a strip begins on a
    whole frame, so there the sound is off by up to half a frame where it does not begin on one. Raises `InputError` for
    footage without sound.
    """
    editor = scene.sequence_editor or scene.sequence_editor_create()
    strips = compat.sequencer_strips(editor)
    rate = timing.scene_rate(scene)
    start = timing.FIRST_FRAME + (sound_start_s - float(take.time_s[0])) * rate
    free = {strip.channel for strip in strips if PROPERTY not in strip}
    channel = next(number for number in range(1, len(free) + 2) if number not in free)
    try:
        made = strips.new_sound(f"{footage.stem} Sound", str(footage), channel, round(start))
    except RuntimeError as error:
        raise UsageError("This Blender was built without sound; leave Sound switched off.") from error
    if made.sound is None or made.sound.channels == SILENT:
        unused = made.sound
        strips.remove(made)
        if unused is not None and not unused.users:
            bpy.data.sounds.remove(unused)
        raise InputError(f"{footage.name} has no sound; leave Sound switched off.")
    if hasattr(made, "sound_offset"):
        made.sound_offset = (start - round(start)) / rate
    remove_sound(scene)
    made[PROPERTY] = 1
    made.name = f"{footage.stem} Sound"
    return made


def remove_sound(scene: bpy.types.Scene) -> None:
    """Take our strip back."""
    editor = scene.sequence_editor
    strips = compat.sequencer_strips(editor) if editor is not None else None
    for strip in [strip for strip in strips if PROPERTY in strip] if strips is not None else ():
        sound = strip.sound
        strips.remove(strip)
        if sound is not None and not sound.users:
            bpy.data.sounds.remove(sound)
