"""Every difference between the Blender versions this add-on runs on (4.2 to 5.x), and nothing else."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import bpy

ENGINES = ("cycles", "eevee", "workbench")


def path_options() -> set[str]:
    """Options of a path property that may begin with `//`; Blender 4.5 and later warn without, earlier ones know no
    such option.
    """
    return {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()


def has_slots() -> bool:
    """Blender 4.4 and later keep curves in slots and layers of an action."""
    return "slots" in bpy.types.Action.bl_rna.properties


def assign_action(id_block: bpy.types.ID, action: bpy.types.Action) -> Any:
    """Make `action` the active one of `id_block` and return what holds its curves (`.fcurves` and `.groups`)."""
    animation = id_block.animation_data or id_block.animation_data_create()
    if not has_slots():
        animation.action = action
        return action
    if animation.action != action or animation.action_slot is None:
        animation.action = action
        animation.action_slot = action_slot(id_block, action)
    return _bag(action, animation.action_slot)


def action_slot(id_block: bpy.types.ID, action: bpy.types.Action) -> Any:
    """The slot of an action that is for things like `id_block`, made where there is none. Needs `has_slots`."""
    for slot in action.slots:
        if slot.target_id_type == id_block.id_type:
            return slot
    return action.slots.new(id_type=id_block.id_type, name=id_block.name)


def action_curves(id_block: bpy.types.ID, action: bpy.types.Action) -> Any:
    """What holds the curves of `action` for `id_block` (`.fcurves` and `.groups`), in use or not."""
    return _bag(action, action_slot(id_block, action)) if has_slots() else action


def _bag(action: bpy.types.Action, slot: Any) -> Any:
    layer = action.layers[0] if action.layers else action.layers.new("Layer")
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True)


def assign_strip_slot(id_block: bpy.types.ID, strip: bpy.types.NlaStrip) -> None:
    """Let an NLA strip play what its action has for `id_block`."""
    if has_slots():
        strip.action_slot = action_slot(id_block, strip.action)


def sequencer_strips(editor: bpy.types.SequenceEditor) -> Any:
    """The top strips of a sequencer; they were called sequences until Blender 4.3."""
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def compositor_tree(scene: bpy.types.Scene) -> tuple[bpy.types.NodeTree, bool]:
    """The scene's compositor and whether it was made now; since Blender 5.0 it is a node group of the file."""
    if hasattr(scene, "compositing_node_group"):
        if scene.compositing_node_group is None:
            scene.compositing_node_group = bpy.data.node_groups.new("Understudy", "CompositorNodeTree")
            return scene.compositing_node_group, True
        return scene.compositing_node_group, False
    if scene.use_nodes:
        return scene.node_tree, False
    untouched = scene.node_tree is None or not scene.node_tree.nodes
    scene.use_nodes = True
    if untouched:
        scene.node_tree.nodes.clear()  # the render straight to the output, as a new tree begins
    return scene.node_tree, untouched


def compositor_output(tree: bpy.types.NodeTree, x: float, y: float) -> bpy.types.NodeSocket:
    """The socket of a new node that is the compositor's result."""
    if not hasattr(bpy.types, "CompositorNodeComposite"):  # gone in Blender 5.0
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        node = tree.nodes.new("NodeGroupOutput")
    else:
        node = tree.nodes.new("CompositorNodeComposite")
    node.location = (x, y)
    return node.inputs["Image"]


def scale_to_render(node: bpy.types.Node) -> None:
    """Let a compositor's Scale node fit its picture to the render's size."""
    if hasattr(node, "space"):
        node.space = "RENDER_SIZE"
    else:
        node.inputs["Type"].default_value = "Render Size"


def alpha_over_inputs(node: bpy.types.Node) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """The sockets for the picture below and the one above of an Alpha Over node."""
    if "Background" in node.inputs:
        return node.inputs["Background"], node.inputs["Foreground"]
    return node.inputs[1], node.inputs[2]


def curves_of(id_block: bpy.types.ID) -> Any:
    """The curves of the active action of `id_block`; an empty tuple when it has none."""
    animation = id_block.animation_data
    if animation is None or animation.action is None:
        return ()
    if not has_slots():
        return animation.action.fcurves
    for layer in animation.action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(animation.action_slot) if animation.action_slot else None
            if bag is not None:
                return bag.fcurves
    return ()


def engine_id(engine: str) -> str:
    """Blender's identifier of cycles, eevee or workbench; Eevee was renamed in 5.0."""
    if engine == "eevee":
        return "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"
    return {"cycles": "CYCLES", "workbench": "BLENDER_WORKBENCH"}[engine]


def graphics_problem() -> str | None:
    """Why Eevee and Workbench cannot draw here, or None.

    Without a graphics driver Blender does not raise: it aborts the whole process. So ask EGL first, as Blender would.
    """
    if not bpy.app.background or sys.platform != "linux":
        return None
    try:
        egl = ctypes.CDLL("libEGL.so.1")
    except OSError:
        return "libEGL is not installed"
    surfaceless_mesa = 0x31DD
    egl.eglGetPlatformDisplay.restype = ctypes.c_void_p
    egl.eglGetPlatformDisplay.argtypes = (ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p)
    egl.eglGetDisplay.restype = ctypes.c_void_p
    egl.eglGetDisplay.argtypes = (ctypes.c_void_p,)
    egl.eglInitialize.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    for display in (egl.eglGetDisplay(None), egl.eglGetPlatformDisplay(surfaceless_mesa, None, None)):
        if display and egl.eglInitialize(display, None, None):
            return None
    return "no OpenGL driver was found"
