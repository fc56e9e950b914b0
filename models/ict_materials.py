"""Procedural Cycles materials of the rendered ICT-FaceKit heads: skin with hair and lips, eyes, teeth, gums, lashes, wall."""

from __future__ import annotations

from typing import Any

import bpy

from .ict_look import Look

Socket = Any


class Graph:
    """A node tree under construction: each method adds a node and returns its output socket."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()
        self.output = self.tree.nodes.new("ShaderNodeOutputMaterial")

    def node(self, kind: str, inputs: dict[str, Any], **settings: Any) -> bpy.types.Node:
        """A node with its inputs set or linked, by name or number."""
        node = self.tree.nodes.new(kind)
        for name, value in settings.items():
            setattr(node, name, value)
        for name, value in inputs.items():
            socket = node.inputs[int(name)] if name.isdigit() else node.inputs[name]
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, socket)
            else:
                socket.default_value = value
        return node

    def attribute(self, name: str, output: str = "Fac") -> Socket:
        """A vertex attribute."""
        return self.node("ShaderNodeAttribute", {}, attribute_name=name).outputs[output]

    def math(self, operation: str, a: Any, b: Any = 0.0) -> Socket:
        """One arithmetic operation."""
        return self.node("ShaderNodeMath", {"0": a, "1": b}, operation=operation).outputs[0]

    def mix(self, factor: Any, a: Any, b: Any, blend: str = "MIX") -> Socket:
        """Two colours mixed."""
        inputs = {"0": factor, "6": a, "7": b}
        return self.node("ShaderNodeMix", inputs, data_type="RGBA", blend_type=blend).outputs[2]

    def noise(self, at: Socket, scale: float, detail: float = 3.0) -> Socket:
        """Smooth noise at a place."""
        return self.node("ShaderNodeTexNoise", {"Vector": at, "Scale": scale, "Detail": detail}).outputs["Fac"]

    def spread(self, value: Any, low: float, high: float, to_low: float = 0.0, to_high: float = 1.0) -> Socket:
        """A value mapped linearly and clamped."""
        inputs = {"Value": value, "From Min": low, "From Max": high, "To Min": to_low, "To Max": to_high}
        return self.node("ShaderNodeMapRange", inputs).outputs[0]

    def finish(self, **inputs: Any) -> bpy.types.Material:
        """The material with a principled surface of these inputs."""
        principled = self.node("ShaderNodeBsdfPrincipled", inputs)
        self.tree.links.new(principled.outputs[0], self.output.inputs["Surface"])
        return self.material


def _rgba(colour: tuple[float, float, float], gain: float = 1.0) -> tuple[float, float, float, float]:
    return (colour[0] * gain, colour[1] * gain, colour[2] * gain, 1.0)


def build_materials(look: Look) -> dict[str, bpy.types.Material]:
    """All materials of one actor by part name."""
    return {
        "skin": _skin(look),
        "eye": _eye(look),
        "teeth": Graph("teeth").finish(**{"Base Color": (0.75, 0.70, 0.60, 1), "Roughness": 0.2}),
        "gums": Graph("gums").finish(**{"Base Color": (0.42, 0.13, 0.12, 1), "Roughness": 0.3}),
        "lashes": _lashes(look),
        "wall": _wall(look),
    }


def _skin(look: Look) -> bpy.types.Material:
    g = Graph("skin")
    at = g.node(
        "ShaderNodeVectorMath", {"0": g.attribute("rest", "Vector"), "1": (look.noise_seed,) * 3}, operation="ADD"
    ).outputs[0]
    colour = g.mix(g.attribute("blush"), _rgba(look.skin), (look.skin[0], look.skin[1] * 0.74, look.skin[2] * 0.72, 1))
    for scale, low, high in ((0.35, 0.84, 1.14), (2.0, 0.86, 1.12), (9.0, 0.86, 1.12)):
        shade = g.spread(g.noise(at, scale), 0.3, 0.7, low, high)
        colour = g.mix(
            1.0, colour, g.node("ShaderNodeCombineColor", {"0": shade, "1": shade, "2": shade}).outputs[0], "MULTIPLY"
        )
    spots = g.node("ShaderNodeTexVoronoi", {"Vector": at, "Scale": 1.7}).outputs["Distance"]
    freckle = g.math("MULTIPLY", g.spread(spots, 0.05, 0.13, 1.0, 0.0), g.spread(g.noise(at, 0.5), 0.45, 0.6))
    colour = g.mix(g.math("MULTIPLY", freckle, 0.45), colour, _rgba(look.skin, 0.42))
    lip_shade = g.spread(g.noise(at, 5.0), 0.3, 0.7, 0.8, 1.1)
    lip_rgb = g.mix(
        1.0,
        _rgba(look.lips),
        g.node("ShaderNodeCombineColor", {str(i): lip_shade for i in range(3)}).outputs[0],
        "MULTIPLY",
    )
    lips = g.attribute("lips")
    colour = g.mix(g.math("MULTIPLY", lips, 0.85), colour, lip_rgb)
    hair = _hair_cover(g, at)
    colour = g.mix(hair, colour, _rgba(look.hair))
    cloth = g.spread(g.attribute("cloth"), 0.0, 0.08)
    weave = g.spread(g.noise(at, 9.0, 4.0), 0.3, 0.7, 0.7, 1.3)
    weave_rgb = g.node("ShaderNodeCombineColor", {str(i): weave for i in range(3)}).outputs[0]
    colour = g.mix(cloth, colour, g.mix(1.0, _rgba(look.cloth), weave_rgb, "MULTIPLY"))
    dull = g.math("MAXIMUM", hair, cloth)
    fine = g.noise(at, 14.0, 4.0)
    bump = g.node("ShaderNodeBump", {"Height": fine, "Strength": 0.3, "Distance": 0.035}).outputs[0]
    return g.finish(
        **{
            "Base Color": colour,
            "Roughness": g.math("ADD", g.spread(lips, 0.0, 1.0, 0.47, 0.32), g.math("MULTIPLY", dull, 0.4)),
            "Specular IOR Level": g.spread(dull, 0.0, 1.0, 0.5, 0.12),
            "Subsurface Weight": 0.15,
            "Subsurface Radius": (0.4, 0.15, 0.08),
            "Subsurface Scale": 0.5,
            "Normal": bump,
        }
    )


def _hair_cover(g: Graph, at: Socket) -> Socket:
    """Opacity of the hair: brows drawn with slanted strokes, scalp as dense short hair."""
    stretched = g.node(
        "ShaderNodeMapping", {"Vector": at, "Scale": (4.0, 11.0, 4.0), "Rotation": (0.0, 0.0, 0.5)}
    ).outputs[0]
    strokes = g.spread(g.noise(stretched, 1.4, 2.0), 0.36, 0.58)
    brow = g.math(
        "MULTIPLY", g.spread(g.attribute("brow"), 0.0, 0.8), g.math("ADD", g.math("MULTIPLY", strokes, 0.45), 0.5)
    )
    fuzz = g.spread(g.noise(at, 7.0, 4.0), 0.3, 0.6, 0.72, 1.0)
    scalp = g.spread(g.math("ADD", g.attribute("hair"), g.spread(g.noise(at, 3.0), 0.3, 0.7, -0.25, 0.25)), 0.25, 0.75)
    return g.math("MAXIMUM", brow, g.math("MULTIPLY", scalp, fuzz))


def _eye(look: Look) -> bpy.types.Material:
    g = Graph("eye")
    return g.finish(**{"Base Color": eye_colour(g, look.iris), "Roughness": 0.08, "Specular IOR Level": 0.5})


def eye_colour(g: Graph, iris_rgb: tuple[float, float, float]) -> Socket:
    """Pupil, streaked iris, dark limbus and white, drawn by the distance from the eye's axis (cm)."""
    at = g.attribute("in_eye", "Vector")
    parts = g.node("ShaderNodeSeparateXYZ", {"0": at}).outputs
    flat = g.node("ShaderNodeCombineXYZ", {"0": parts[0], "1": parts[1]}).outputs[0]
    radius = g.node("ShaderNodeVectorMath", {"0": flat}, operation="LENGTH").outputs["Value"]
    unit = g.node("ShaderNodeVectorMath", {"0": flat}, operation="NORMALIZE").outputs[0]
    streaks = g.spread(g.noise(unit, 7.0, 4.0), 0.35, 0.65, 0.5, 1.5)
    streak_rgb = g.node("ShaderNodeCombineColor", {str(i): streaks for i in range(3)}).outputs[0]
    iris = g.mix(1.0, _rgba(iris_rgb), streak_rgb, "MULTIPLY")
    iris = g.mix(g.spread(radius, 0.22, 0.40, 0.5, 0.0), iris, _rgba((0.25, 0.13, 0.05)))
    iris = g.mix(g.spread(radius, 0.46, 0.57), iris, _rgba(iris_rgb, 0.22))
    white = g.mix(g.spread(radius, 0.65, 1.3), (0.72, 0.68, 0.64, 1), (0.62, 0.44, 0.39, 1))
    colour = g.mix(g.spread(radius, 0.19, 0.22), (0.004, 0.004, 0.005, 1), iris)
    colour = g.mix(g.spread(radius, 0.58, 0.64), colour, white)
    front = g.math("GREATER_THAN", parts[2], 0.0)
    return g.mix(front, (0.6, 0.4, 0.36, 1), colour)


def _lashes(look: Look) -> bpy.types.Material:
    g = Graph("lashes")
    return g.finish(**{"Base Color": _rgba(look.hair, 0.6), "Roughness": 0.7, "Alpha": 0.12})


def _wall(look: Look) -> bpy.types.Material:
    """A plain wall with a soft gradient and faint blotches."""
    g = Graph("wall")
    at = g.node("ShaderNodeTexCoord", {}).outputs["Object"]
    blotches = g.spread(g.noise(at, 0.02), 0.3, 0.7, 0.6, 1.5)
    shade = g.node("ShaderNodeCombineColor", {str(i): blotches for i in range(3)}).outputs[0]
    return g.finish(**{"Base Color": g.mix(1.0, _rgba(look.wall), shade, "MULTIPLY"), "Roughness": 0.9})
