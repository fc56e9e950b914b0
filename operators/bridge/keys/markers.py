"""Marks on the timeline where a performance is uncertain: markers that begin with a question mark, of our own names."""

from __future__ import annotations

from typing import Final

import bpy

from ....inference.take import Take
from . import timing

BEGIN: Final = {part: f"? {part}" for part in ("lost", "face", "brows", "eyes", "cheeks", "mouth")}
END: Final = {part: f"{part} sure" for part in BEGIN} | {"lost": "face found"}


def mark_uncertain(scene: bpy.types.Scene, take: Take, share: float) -> int:
    """Put two markers around every uncertain stretch of a take, in place of earlier ones; returns how many stretches."""
    from ....inference.uncertain import uncertain_spans

    clear_marks(scene)
    frames = timing.take_frames(take, scene)
    spans = uncertain_spans(take, share)
    for span in spans:
        first, last = round(float(frames[span.first])), round(float(frames[span.last]))
        scene.timeline_markers.new(BEGIN[span.part], frame=first)
        if last > first:
            scene.timeline_markers.new(END[span.part], frame=last + 1)
    return len(spans)


def clear_marks(scene: bpy.types.Scene) -> int:
    """Remove our markers; a marker that a person renamed is theirs. Returns how many there were."""
    ours = [marker for marker in scene.timeline_markers if marker.name in {*BEGIN.values(), *END.values()}]
    for marker in ours:
        scene.timeline_markers.remove(marker)
    return len(ours)
