"""The shot's results where an editor goes on with them: strips in the sequencer, nodes in the compositor. Only added."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import bpy

from ....inference.errors import InputError
from ....inference.take import Take
from .. import compat
from ..keys import timing

FRAME_LABEL: Final = "Understudy"
CELL: Final = 260
"""Distance of nodes, in the units of the node editor."""


def first_frame(take: Take) -> int:
    """Scene frame on which the first frame of the footage falls."""
    return timing.FIRST_FRAME - int(take.frame_index[0])


def add_movie(scene: bpy.types.Scene, movie: Path, take: Take) -> bpy.types.Strip:
    """A strip of a movie that is as long as the footage, above all other strips and in step with the take.

    Raises InputError when Blender cannot read it.
    """
    strips = compat.sequencer_strips(scene.sequence_editor or scene.sequence_editor_create())
    channel = max((strip.channel for strip in strips), default=0) + 1
    try:
        strip = strips.new_movie(movie.stem, str(movie), channel, first_frame(take))
    except RuntimeError as error:
        raise InputError(f"Blender cannot read {movie}; composite again.") from error
    if not strip.elements or not strip.elements[0].orig_width:
        strips.remove(strip)
        raise InputError(f"Blender cannot read {movie}; composite again.")
    return strip


def add_pictures(scene: bpy.types.Scene, pictures: list[Path], take: Take) -> bpy.types.Strip:
    """A strip of the numbered pictures of the footage's frames, in order, placed like `add_movie`'s."""
    strips = compat.sequencer_strips(scene.sequence_editor or scene.sequence_editor_create())
    channel = max((strip.channel for strip in strips), default=0) + 1
    strip = strips.new_image(pictures[0].parent.name, str(pictures[0]), channel, first_frame(take))
    for picture in pictures[1:]:
        strip.elements.append(picture.name)
    return strip


def add_nodes(scene: bpy.types.Scene, clip: bpy.types.MovieClip, pictures: list[Path], take: Take) -> bool:
    """Footage under the rendered frames in the scene's compositor, in a frame of its own; `pictures` in order of frames.

    Where the scene has no picture of its own yet, ours becomes its output: then True. Else it ends in a viewer.
    """
    clip.frame_start = first_frame(take)
    tree, is_new = compat.compositor_tree(scene)
    left = min((node.location.x for node in tree.nodes), default=0.0)
    low = min((node.location.y for node in tree.nodes), default=0.0) - (0 if is_new else 3 * CELL)
    frame = _node(tree, "NodeFrame", None, left, low)
    frame.label = FRAME_LABEL
    plate = _node(tree, "CompositorNodeMovieClip", frame, left, low)
    plate.clip = clip
    render = _node(tree, "CompositorNodeImage", frame, left, low - 1.5 * CELL)
    render.image = _sequence(pictures)
    first = int(pictures[0].stem.rpartition("_")[2])
    render.frame_duration = int(pictures[-1].stem.rpartition("_")[2]) - first + 1
    render.frame_start = timing.FIRST_FRAME + first - int(take.frame_index[0])
    render.frame_offset = first - 1
    fitted = _node(tree, "CompositorNodeScale", frame, left + CELL, low)
    compat.scale_to_render(fitted)
    over = _node(tree, "CompositorNodeAlphaOver", frame, left + 2 * CELL, low)
    below, above = compat.alpha_over_inputs(over)
    tree.links.new(plate.outputs["Image"], fitted.inputs["Image"])
    tree.links.new(fitted.outputs["Image"], below)
    tree.links.new(render.outputs["Image"], above)
    viewer = _node(tree, "CompositorNodeViewer", frame, left + 3 * CELL, low - CELL)
    tree.links.new(over.outputs["Image"], viewer.inputs["Image"])
    if is_new:
        tree.links.new(over.outputs["Image"], compat.compositor_output(tree, left + 3 * CELL, low))
    return is_new


def _node(tree: bpy.types.NodeTree, kind: str, parent: bpy.types.Node | None, x: float, y: float) -> Any:
    node = tree.nodes.new(kind)
    node.parent = parent
    node.location = (x, y)
    return node


def _sequence(pictures: list[Path]) -> bpy.types.Image:
    image = bpy.data.images.load(str(pictures[0]), check_existing=False)
    image.source = "SEQUENCE"
    image.name = f"{pictures[0].parent.name} Frames"
    return image
