"""Materials of the avatars, built as node trees: skin, eyes, teeth, mouth, hair, cloth.

All patterns are driven by point attributes stored at rest (`rest_cm`, `tint`, `iris`), so that nothing swims when the face moves.
"""

from __future__ import annotations

from typing import Any

import bpy

from .palette import BROW, EYE_WHITE, GUM, HAIR, IRIS, LIP, SKIN, TONGUE, TOOTH, WHITE, Colour

__all__ = ["BROW", "GUM", "HAIR", "IRIS", "LIP", "SKIN", "TONGUE", "TOOTH", "WHITE"]


class _Graph:
    """A material's node tree with short spellings for adding and joining nodes."""

    def __init__(self, name: str, viewport_colour: Colour, roughness: float) -> None:
        self.material = bpy.data.materials.new(name)
        if self.material.node_tree is None:
            self.material.use_nodes = True
        self.nodes = self.material.node_tree.nodes
        self.links = self.material.node_tree.links
        # Solid shading has no scattering: lighter and duller colours come nearer to the rendered look.
        self.material.diffuse_color = (*(channel**0.7 for channel in viewport_colour), 1.0)
        self.material.roughness = max(roughness, 0.6)
        self.nodes.clear()
        self.surface = self.add("ShaderNodeBsdfPrincipled", Roughness=roughness)
        self.surface.inputs["Base Color"].default_value = (*viewport_colour, 1.0)
        output = self.add("ShaderNodeOutputMaterial")
        self.links.new(self.surface.outputs[0], output.inputs["Surface"])

    def add(self, kind: str, settings: dict[str, Any] | None = None, **inputs: Any) -> bpy.types.Node:
        """A node; inputs (blanks as underscores) are sockets to join or values to set."""
        node = self.nodes.new(kind)
        for key, value in (settings or {}).items():
            setattr(node, key, value)
        for key, value in inputs.items():
            self.feed(node.inputs[key.replace("_", " ")], value)
        return node

    def feed(self, socket: bpy.types.NodeSocket, value: Any) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self.links.new(value, socket)
        else:
            socket.default_value = value

    def attribute(self, name: str, output: str) -> bpy.types.NodeSocket:
        return self.add("ShaderNodeAttribute", {"attribute_name": name}).outputs[output]

    def maths(self, operation: str, *operands: Any) -> bpy.types.NodeSocket:
        node = self.add("ShaderNodeMath", {"operation": operation})
        for socket, operand in zip(node.inputs, operands, strict=False):
            self.feed(socket, operand)
        return node.outputs[0]

    def ramp(
        self, value: Any, low: float, high: float, to_low: float = 0.0, to_high: float = 1.0
    ) -> bpy.types.NodeSocket:
        """Linear map of `low`..`high` to `to_low`..`to_high`, clamped."""
        node = self.add("ShaderNodeMapRange")
        for socket, operand in zip(node.inputs, (value, low, high, to_low, to_high), strict=False):
            self.feed(socket, operand)
        return node.outputs[0]

    def mix(self, factor: Any, first: Any, second: Any, blend: str = "MIX") -> bpy.types.NodeSocket:
        """Mix of two colours (sockets or RGB triples)."""
        node = self.add("ShaderNodeMix", {"data_type": "RGBA", "blend_type": blend})
        self.feed(node.inputs[0], factor)
        colours = [socket for socket in node.inputs if socket.type == "RGBA"]
        for socket, colour in zip(colours, (first, second), strict=True):
            self.feed(socket, (*colour, 1.0) if isinstance(colour, tuple) else colour)
        return next(socket for socket in node.outputs if socket.type == "RGBA")

    def noise(self, vector: Any, per_cm: float, detail: float = 2.0) -> bpy.types.NodeSocket:
        return self.add("ShaderNodeTexNoise", Vector=vector, Scale=per_cm, Detail=detail).outputs[0]

    def bump(self, height: Any, strength: float, distance_m: float) -> bpy.types.NodeSocket:
        return self.add("ShaderNodeBump", Strength=strength, Distance=distance_m, Height=height).outputs[0]

    def set(self, **inputs: Any) -> None:
        """Feed inputs of the surface shader."""
        for key, value in inputs.items():
            self.feed(self.surface.inputs[key.replace("_", " ")], value)


def skin(name: str, viewport_colour: Colour = SKIN) -> bpy.types.Material:
    """Skin: `tint` (colour attribute) mottled at three scales, freckles, pores, scattering; moist where its alpha is low."""
    g = _Graph(name, viewport_colour, 0.45)
    rest = g.attribute("rest_cm", "Vector")
    colour = g.attribute("tint", "Color")
    wet = g.attribute("tint", "Alpha")
    blotches = g.noise(rest, 0.45, 3.0)
    colour = g.mix(g.ramp(blotches, 0.35, 0.7, 0.0, 0.30), colour, (0.92, 0.62, 0.55), "MULTIPLY")
    mottle = g.noise(rest, 3.0, 4.0)
    colour = g.mix(g.ramp(mottle, 0.3, 0.7, 0.0, 0.28), colour, (0.78, 0.66, 0.58), "MULTIPLY")
    grain = g.noise(rest, 16.0)
    colour = g.mix(g.ramp(grain, 0.3, 0.7, 0.0, 0.22), colour, (0.82, 0.76, 0.72), "MULTIPLY")
    freckles = g.add("ShaderNodeTexVoronoi", Vector=rest, Scale=1.9).outputs["Distance"]
    colour = g.mix(
        g.maths("MULTIPLY", g.ramp(freckles, 0.05, 0.16, 0.5, 0.0), g.ramp(blotches, 0.5, 0.62)),
        colour,
        (0.55, 0.36, 0.26),
        "MULTIPLY",
    )
    pores = g.add("ShaderNodeTexVoronoi", Vector=rest, Scale=11.0).outputs["Distance"]
    height = g.maths("ADD", pores, g.maths("MULTIPLY", grain, 0.8))
    g.set(
        Base_Color=colour,
        Roughness=g.ramp(wet, 0.0, 1.0, 0.30, 0.50),
        Specular_IOR_Level=0.42,
        Subsurface_Weight=0.16,
        Subsurface_Scale=0.006,
        Subsurface_Radius=(1.0, 0.36, 0.2),
        Normal=g.bump(height, 0.16, 0.0006),
    )
    return g.material


def photographed(name: str, image: bpy.types.Image, viewport_colour: Colour, hair: Colour) -> bpy.types.Material:
    """Skin whose colour is a picture, but for hair on the `scalp` (attribute); moist where the alpha of `tint` is low."""
    g = _Graph(name, viewport_colour, 0.45)
    rest = g.attribute("rest_cm", "Vector")
    wet = g.attribute("tint", "Alpha")
    picture = g.add("ShaderNodeTexImage", {"image": image, "extension": "EXTEND"})
    g.links.new(g.add("ShaderNodeUVMap", {"uv_map": "UVMap"}).outputs[0], picture.inputs[0])
    colour = g.mix(g.maths("MULTIPLY", g.attribute("scalp", "Fac"), 0.85), picture.outputs["Color"], hair)
    pores = g.add("ShaderNodeTexVoronoi", Vector=rest, Scale=11.0).outputs["Distance"]
    g.set(
        Base_Color=colour,
        Roughness=g.ramp(wet, 0.0, 1.0, 0.35, 0.55),
        Specular_IOR_Level=0.3,
        Subsurface_Weight=0.08,
        Subsurface_Scale=0.004,
        Subsurface_Radius=(1.0, 0.36, 0.2),
        Normal=g.bump(pores, 0.10, 0.0006),
    )
    g.nodes.active = picture
    return g.material


def eye(
    name: str, viewport_colour: Colour = WHITE, iris_colour: Colour = IRIS, white_colour: Colour = EYE_WHITE
) -> bpy.types.Material:
    """Eyeball: the vector attribute `iris` is (x, y) off the optical axis in eye radii and z = 1 on the front half."""
    g = _Graph(name, viewport_colour, 0.25)
    position = g.attribute("iris", "Vector")
    parts = g.add("ShaderNodeSeparateXYZ", Vector=position)
    x, y, front = parts.outputs
    distance = g.maths("SQRT", g.maths("ADD", g.maths("MULTIPLY", x, x), g.maths("MULTIPLY", y, y)))
    angle = g.maths("ARCTAN2", y, x)
    spokes = g.add(
        "ShaderNodeCombineXYZ",
        X=g.maths("MULTIPLY", g.maths("COSINE", angle), 9.0),
        Y=g.maths("MULTIPLY", g.maths("SINE", angle), 9.0),
        Z=g.maths("MULTIPLY", distance, 4.0),
    )
    fibres = g.ramp(g.noise(spokes.outputs[0], 1.6, 4.0), 0.3, 0.72)
    deep, pale = tuple(c * 0.35 for c in iris_colour), tuple(min(1.0, c * 2.2) for c in iris_colour)
    iris = g.mix(fibres, deep, pale)
    iris = g.mix(g.ramp(distance, 0.14, 0.26, 0.75, 0.0), iris, (0.30, 0.17, 0.06))
    iris = g.mix(g.ramp(distance, 0.33, 0.41), iris, tuple(c * 0.12 for c in iris_colour))
    white = g.mix(
        g.ramp(distance, 0.42, 0.95),
        white_colour,
        tuple(c * f for c, f in zip(white_colour, (0.9, 0.73, 0.7), strict=True)),
    )
    veins = g.ramp(
        g.noise(g.add("ShaderNodeVectorMath", {"operation": "SCALE"}, Vector=position, Scale=9.0).outputs[0], 1.0, 6.0),
        0.56,
        0.62,
        0.0,
        0.35,
    )
    white = g.mix(g.maths("MULTIPLY", veins, g.ramp(distance, 0.5, 0.9)), white, (0.62, 0.20, 0.17))
    colour = g.mix(g.ramp(distance, 0.395, 0.445), iris, white)
    colour = g.mix(g.ramp(distance, 0.135, 0.155, 1.0, 0.0), colour, (0.003, 0.003, 0.003))
    colour = g.mix(g.ramp(front, 0.0, 0.05), (0.72, 0.56, 0.52), colour)
    g.set(
        Base_Color=colour,
        Roughness=0.22,
        Specular_IOR_Level=0.5,
        Coat_Weight=1.0,
        Coat_Roughness=0.015,
        Subsurface_Weight=0.05,
        Subsurface_Scale=0.002,
    )
    return g.material


def plain(
    name: str, colour: Colour, roughness: float, subsurface: float = 0.0, coat: float = 0.0
) -> bpy.types.Material:
    """One colour; `coat` makes it look wet."""
    g = _Graph(name, colour, roughness)
    g.set(
        Subsurface_Weight=subsurface,
        Subsurface_Scale=0.004,
        Subsurface_Radius=(1.0, 0.4, 0.25),
        Coat_Weight=coat,
        Coat_Roughness=0.12,
    )
    return g.material


def see_through(name: str, colour: Colour, alpha: float) -> bpy.types.Material:
    """One colour, partly transparent."""
    g = _Graph(name, colour, 0.6)
    g.set(Alpha=alpha)
    g.material.diffuse_color = (*colour, alpha)
    return g.material


def strands(name: str, colour: Colour = HAIR) -> bpy.types.Material:
    """Groomed hair: noise in `comb` (vector attribute) runs along the strands; `root` (0..1) thins them at the hairline."""
    g = _Graph(name, colour, 0.42)
    comb = g.attribute("comb", "Vector")
    fine = g.noise(comb, 1.0, 3.0)
    locks = g.noise(g.add("ShaderNodeVectorMath", {"operation": "SCALE"}, Vector=comb, Scale=0.22).outputs[0], 1.0, 2.0)
    light = tuple(min(1.0, c * 3.2) for c in colour)
    shade = g.mix(g.ramp(g.maths("ADD", fine, g.maths("MULTIPLY", locks, 0.6)), 0.55, 1.05), colour, light)
    height = g.maths("ADD", fine, g.maths("MULTIPLY", locks, 1.6))
    cover = g.ramp(g.maths("ADD", fine, g.maths("MULTIPLY", g.attribute("root", "Fac"), 1.0)), 0.60, 0.76)
    g.set(Base_Color=shade, Roughness=0.58, Specular_IOR_Level=0.22, Normal=g.bump(height, 0.9, 0.0015), Alpha=cover)
    return g.material


def cloth(name: str, colour: Colour) -> bpy.types.Material:
    """Knitted cloth: soft, with a fine weave."""
    g = _Graph(name, colour, 0.85)
    weave = g.noise(g.attribute("rest_cm", "Vector"), 9.0)
    g.set(
        Base_Color=g.mix(g.ramp(weave, 0.3, 0.7), tuple(c * 0.7 for c in colour), colour),
        Sheen_Weight=0.25,
        Normal=g.bump(weave, 0.4, 0.001),
    )
    return g.material
