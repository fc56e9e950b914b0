"""Where an action of ours plays: as the active action, or as a strip on a track of its own in the NLA editor."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from .. import compat

TRACK = "Understudy {take}"
RAW_TRACK = "Understudy {take} Raw"
RAW_PROPERTY = "understudy_raw"
"""On an action: it is the untouched bake of the take of this name."""


def actions_of(id_block: bpy.types.ID) -> Iterator[bpy.types.Action]:
    """The actions that move something: the active one, then those of its NLA strips. Untouched bakes kept aside are
    none of them.
    """
    animation = id_block.animation_data
    if animation is None:
        return
    if animation.action is not None:
        yield animation.action
    for track in animation.nla_tracks:
        for strip in track.strips:
            if strip.action is not None and RAW_PROPERTY not in strip.action:
                yield strip.action


def place(id_block: bpy.types.ID, action: bpy.types.Action, take_name: str, *, strip: bool | None) -> None:
    """Let `action` play, as a strip or as the active action; None leaves it where it is, which a new one is not yet.

    A strip that a person made of it stays where it is.
    """
    animation = id_block.animation_data or id_block.animation_data_create()
    found = _strip_of(id_block, action)
    ours = found is not None and found[0].name.startswith(TRACK.format(take=take_name))
    if found is not None and (strip is not False or not ours):
        _fit(found[1])
    elif strip:
        if animation.action == action:
            animation.action = None
        track = animation.nla_tracks.new()
        track.name = TRACK.format(take=take_name)
        _fit(_new_strip(id_block, track, action))
    else:
        if found is not None:
            action.use_fake_user = True  # not lost between its strip's end and its new place
            animation.nla_tracks.remove(found[0])
        current = animation.action
        if current is not None and current != action:
            current.use_fake_user = True
        compat.assign_action(id_block, action)
        action.use_fake_user = False


def keep_raw(id_block: bpy.types.ID, action: bpy.types.Action, take_name: str) -> None:
    """Put an untouched bake onto a muted track, in place of the one that was there."""
    animation = id_block.animation_data or id_block.animation_data_create()
    name = RAW_TRACK.format(take=take_name)
    for track in list(animation.nla_tracks):
        if track.name == name:
            earlier = [strip.action for strip in track.strips if strip.action is not None and strip.action != action]
            animation.nla_tracks.remove(track)
            for old in earlier:
                if old.get(RAW_PROPERTY) == take_name and not old.users:
                    bpy.data.actions.remove(old)
    action[RAW_PROPERTY] = take_name
    track = animation.nla_tracks.new()
    track.name = name
    _fit(_new_strip(id_block, track, action))
    track.mute = True


def _new_strip(id_block: bpy.types.ID, track: bpy.types.NlaTrack, action: bpy.types.Action) -> bpy.types.NlaStrip:
    strip = track.strips.new(action.name, int(action.frame_range[0]), action)
    compat.assign_strip_slot(id_block, strip)
    strip.frame_start = action.frame_range[0]
    return strip


def _strip_of(id_block: bpy.types.ID, action: bpy.types.Action) -> tuple[bpy.types.NlaTrack, bpy.types.NlaStrip] | None:
    animation = id_block.animation_data
    for track in animation.nla_tracks if animation is not None else ():
        for strip in track.strips:
            if strip.action == action:
                return track, strip
    return None


def _fit(strip: bpy.types.NlaStrip) -> None:
    """Let a strip play all of its action, each frame where it is, moved and stretched as a person may have done."""
    first, last = strip.action.frame_range
    shift, scale = strip.frame_start - strip.scale * strip.action_frame_start, strip.scale
    strip.action_frame_start, strip.action_frame_end = first, last
    strip.scale = scale
    start, end = shift + scale * first, shift + scale * last
    strip.frame_end_raw = max(end, strip.frame_start_raw + 1.0, start + 1.0)
    strip.frame_start_raw = start
    strip.frame_end_raw = end
