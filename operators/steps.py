"""How far a shot is: the state of each of the six steps and what it lacks, from what is kept with the scene."""

from __future__ import annotations

from typing import NamedTuple

import bpy

from ..translations import translated
from .bridge.keys.bake import STEP
from .bridge.keys.fcurves import was_written
from .bridge.rigs.rig import root_of
from .bridge.stage.shot import shot_avatar
from .facts import is_same_picture, is_turned

STEPS = ("footage", "track", "avatar", "perform", "scene", "composite")
DONE, NEXT, WAITING, PROBLEM = "DONE", "NEXT", "WAITING", "PROBLEM"


class State(NamedTuple):
    """Where a step stands."""

    kind: str
    sentence: str
    """What is missing or wrong, in the user's language; empty when there is nothing to say."""


def state_of(scene: bpy.types.Scene, step: str) -> State:
    """The state of one step; cheap enough for drawing."""
    found = _own_state(scene, step)
    if found.kind != WAITING:
        return found
    earlier = STEPS[: STEPS.index(step)]
    is_next = all(_own_state(scene, name).kind == DONE for name in earlier)
    return State(NEXT if is_next else WAITING, found.sentence)


def take_problem(scene: bpy.types.Scene) -> str:
    """Why the take cannot be that of the footage; empty when it may be."""
    facts = scene.understudy.facts
    if not (facts.footage_found and facts.take_found):
        return ""
    if facts.take_footage and facts.take_footage != scene.understudy.footage:
        return translated("The take is of other footage; press Track, or choose the footage of the take")
    tracked, shown = (facts.take_width, facts.take_height), (facts.width, facts.height)
    if is_turned(tracked, shown):
        return translated("This Blender shows the footage turned; use 4.5 or newer, or turn the video first")
    if not is_same_picture(tracked, shown) or facts.take_first + facts.take_frames > facts.frames + 1:
        return translated("The take does not fit this footage; press Track, or choose the footage of the take")
    return ""


def is_baked(scene: bpy.types.Scene) -> bool:
    """Whether the scene's avatar performs: an action that moves one of its parts carries a bake."""
    root = root_of(scene.understudy.avatar)
    parts = [root, *root.children_recursive, *(row.object for row in root.understudy.also if row.object is not None)]
    keys = [getattr(ob.data, "shape_keys", None) for ob in parts]
    return any(was_written(id_block, STEP) for id_block in (*parts, *keys) if id_block is not None)


def _own_state(scene: bpy.types.Scene, step: str) -> State:
    """Done, a problem, or waiting, whatever the other steps say."""
    return {
        "footage": _footage,
        "track": _track,
        "avatar": _avatar,
        "perform": _perform,
        "scene": _scene,
        "composite": _composite,
    }[step](scene)


def _footage(scene: bpy.types.Scene) -> State:
    settings = scene.understudy
    if not settings.footage:
        return State(WAITING, translated("Choose the video of the actor"))
    if not settings.facts.footage_found:
        return State(PROBLEM, translated("There is no readable video at this place; choose it again"))
    return State(DONE, "")


def _track(scene: bpy.types.Scene) -> State:
    settings = scene.understudy
    if not settings.take:
        missing = "" if settings.footage else translated("Choose the footage in step 1 first")
        return State(WAITING, missing)
    if not settings.facts.take_found:
        return State(PROBLEM, translated("There is no readable take at this place; press Track, or choose it again"))
    problem = take_problem(scene)
    return State(PROBLEM if problem else DONE, problem)


def _avatar(scene: bpy.types.Scene) -> State:
    avatar = scene.understudy.avatar
    if avatar is None:
        return State(WAITING, translated("Choose an avatar, or press Add Avatar"))
    if avatar.name not in scene.objects:
        return State(PROBLEM, translated("The avatar is not in this scene; choose another one"))
    return State(DONE, "")


def _perform(scene: bpy.types.Scene) -> State:
    settings = scene.understudy
    if settings.avatar is not None and is_baked(scene):
        return State(DONE, "")
    if not settings.take:
        return State(WAITING, translated("There is no take yet; press Track in step 2"))
    if settings.avatar is None:
        return State(WAITING, translated("There is no avatar yet; see step 3"))
    return State(WAITING, "")


def _scene(scene: bpy.types.Scene) -> State:
    settings = scene.understudy
    if shot_avatar(scene) is None:
        if not settings.take:
            return State(WAITING, translated("There is no take yet; press Track in step 2"))
        if settings.avatar is None:
            return State(WAITING, translated("There is no avatar yet; see step 3"))
        return State(WAITING, translated("Press Set Up Shot for the camera that filmed the actor"))
    if not settings.facts.renders:
        return State(WAITING, translated("The shot is set up; press Render when the avatar looks right"))
    return State(DONE, "")


def _composite(scene: bpy.types.Scene) -> State:
    settings = scene.understudy
    if settings.output and settings.facts.movie_found:
        return State(DONE, "")
    if not settings.facts.renders:
        return State(WAITING, translated("There are no rendered frames yet; press Render in step 5"))
    return State(WAITING, "")


CLASSES = ()
