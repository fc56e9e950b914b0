"""Draws posed heads with OpenGL, without a screen: picture and depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import moderngl
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csgraph, csr_matrix
from scipy.spatial import cKDTree

from ...inference.face_model.ict_folder import EYEBALLS
from ..faces.actor import Actor
from ..faces.camera import View
from ..faces.light import Light, irradiance
from ..shards import SIDE
from .head import Head
from .paint import SIZE as TEXTURE
from .props import Prop
from .shaders import BACKDROP, DEPTH, HAIR, SURFACES
from .strands import Strands

Floats = NDArray[np.float32]

SIZE: Final = SIDE
DRAWN: Final = 512
"""Side of the larger picture that is drawn and averaged; multisampling costs twice as much in software."""
SHADOW_SIZE: Final = 384
NEAR_CM: Final = 8.0
FAR_CM: Final = 1200.0
LIDS_OVER_CM: Final = 0.14
"""So much may an eyeball stick out of a closed lid and still be covered."""
_SHADOW_REACH_CM: Final = 17.0
_PROGRAM_OF: Final = {
    "M_Face": "skin", "M_BackHead": "plain", "M_GumsTongue": "plain", "M_Teeth": "plain", "M_IrisLeft": "eye",
    "M_IrisRight": "eye", "M_EyeLashes": "lash",
}  # fmt: skip


@dataclass(frozen=True)
class Crop:
    """The square of the picture plane (at distance 1 before the camera) that is drawn."""

    centre: tuple[float, float]
    half: float

    @property
    def focal_px(self) -> float:
        """Pixels of the drawn picture per unit of the picture plane."""
        return SIZE / 2 / self.half


@dataclass(frozen=True)
class Shot:
    """All that one picture shows."""

    actor: Actor
    view: View
    crop: Crop
    light: Light
    vertices_cm: Floats
    """(V, 3)."""
    normals: Floats
    soft: Floats
    """(V, 3) light of the surroundings."""
    inside: Floats
    """(V,) how much of the lamps' light reaches the inside of the mouth, 1 elsewhere."""
    hair_soft: Floats
    """(corners of the hair, 3)."""
    lids: Floats
    """(2, 2, 9, 3) as `Head.lids`."""
    open_mouth: bool
    props: list[tuple[str, Prop]]
    """What stands before the face, `plain` or `lens`."""
    backdrop: NDArray[np.uint8]
    exposure: float


class Canvas:
    """One OpenGL context with the head's mesh; draws one picture at a time."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self.context: Any = moderngl.create_context(standalone=True, backend="egl")
        gl = self.context
        self._programs = {name: gl.program(*source) for name, source in SURFACES.items()}
        corners = len(head.corner_uv)
        self._moving = gl.buffer(reserve=corners * 9 * 4, dynamic=True)
        self._still = gl.buffer(reserve=corners * 8 * 4, dynamic=True)
        self._indices = {name: gl.buffer(part.tobytes()) for name, part in head.triangles.items()}
        self._surfaces = {name: self._surface(_PROGRAM_OF[name], part) for name, part in self._indices.items()}
        depth = gl.program(*DEPTH)
        self._depth = depth
        self._casters = [
            gl.vertex_array(depth, [(self._moving, "3f 24x", "position")], self._indices[name])
            for name in ("M_Face", "M_BackHead")
        ]
        square = gl.buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1], np.float32).tobytes())
        self._backdrop = gl.vertex_array(gl.program(*BACKDROP), [(square, "2f", "corner")])
        self._backdrop_picture = gl.texture((SIZE, SIZE), 3)
        self._skin = gl.texture((TEXTURE, TEXTURE), 4)
        self._skin.filter = (gl.LINEAR_MIPMAP_NEAREST, gl.LINEAR)
        self._distance = gl.depth_texture((DRAWN, DRAWN))
        self._sheet = gl.framebuffer(gl.renderbuffer((DRAWN, DRAWN), 4), self._distance)
        self._shadow_map = gl.depth_texture((SHADOW_SIZE, SHADOW_SIZE))
        self._shadow_map.compare_func = "<="
        self._shadow_map.repeat_x = self._shadow_map.repeat_y = False
        self._shadow = gl.framebuffer(depth_attachment=self._shadow_map)
        self._hair_program = gl.program(*HAIR)
        self._strands: Strands | None = None
        self._hair_data: list[Any] = []
        self._lash_places = lash_places(head)

    def _surface(self, program: str, indices: Any) -> Any:
        moving = (self._moving, "3f 3f 3f", "position", "normal", "soft")
        still = (self._still, "2f 3f 3f", "uv", "albedo", "local")
        members = self._programs[program]
        return self.context.vertex_array(members, [_present(moving, members), _present(still, members)], indices)

    def dress(self, neutral_cm: Floats, colours: Floats, skin: NDArray[np.uint8]) -> None:
        """Give the head an actor's skin; `colours` (R, 3) for what has no texture."""
        head = self._head
        local = np.zeros((len(neutral_cm), 3), np.float32)
        local[:, 2] = 1.0
        for side, name in enumerate(EYEBALLS):
            part = head.parts[name]
            local[part] = neutral_cm[part] - head.eye_centre(neutral_cm, side)
        self._iris_radius = head.iris_radius(neutral_cm, 0)
        at_corners = local[head.corner_vertex]
        lashes = np.unique(head.triangles["M_EyeLashes"])
        at_corners[lashes] = self._lash_places[lashes]
        self._still_rows = np.concatenate([head.corner_uv, colours, at_corners], axis=1).astype(np.float32)
        self._skin.write(np.ascontiguousarray(skin))
        self._skin.build_mipmaps()

    def comb(self, strands: Strands | None) -> None:
        """Give the head its hair, or none."""
        self._strands = strands
        if strands is None:
            return
        gl = self.context
        triangles, still = strands.triangles(), strands.still()
        for old in self._hair_data:
            old.release()
        moving = gl.buffer(reserve=len(still) * 6 * 4, dynamic=True)
        fixed, indices = gl.buffer(still.tobytes()), gl.buffer(triangles.tobytes())
        names = ("normal", "tangent", "uv", "albedo", "density")
        members = [(moving, "3f 3f", "position", "soft"), (fixed, "3f 3f 2f 3f 1f", *names)]
        hair = gl.vertex_array(self._hair_program, members, indices)
        caster = gl.vertex_array(self._depth, [(moving, "3f 12x", "position")], indices)
        self._hair_data = [hair, caster, moving, fixed, indices]

    def draw(self, shot: Shot) -> tuple[NDArray[np.uint8], Floats]:
        """(SIZE, SIZE, 4) picture, alpha 0 where an eyeball is seen, and (DRAWN, DRAWN) cm along the camera's axis."""
        gl = self.context
        self._move(shot)
        lamp = lamp_from_head(shot.view, shot.light)
        props = [self._prop(name, prop, shot) for name, prop in shot.props]
        self._cast_shadows(lamp, props)
        self._set_uniforms(shot, lamp)
        self._sheet.use()
        self._sheet.clear(0, 0, 0, 1, 1.0)
        gl.enable(gl.DEPTH_TEST | gl.CULL_FACE)
        self._shadow_map.use(1)
        self._skin.use(0)
        for name in ("M_Face", "M_BackHead", *(("M_Teeth", "M_GumsTongue") if shot.open_mouth else ())):
            self._surfaces[name].render()
        for rims, name in zip(shot.lids, EYEBALLS, strict=True):
            ordered = rims[:, np.argsort(rims[0, :, 0])]
            self._programs["eye"]["lids"].write(np.ascontiguousarray(ordered[..., :2], np.float32).tobytes())
            self._surfaces[name].render()
        gl.disable(gl.CULL_FACE)
        if self._strands is not None:
            self._hair_data[0].render()
        for name, array, _ in props:
            if name == "plain":
                array.render()
        self._backdrop_picture.write(np.ascontiguousarray(shot.backdrop[::-1]))
        self._backdrop_picture.use(0)
        self._backdrop.render(gl.TRIANGLE_STRIP)
        gl.enable(gl.BLEND)
        gl.blend_func = gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ZERO, gl.ONE
        self._sheet.depth_mask = False
        self._surfaces["M_EyeLashes"].render()
        for name, array, _ in props:
            if name == "lens":
                array.render()
        self._sheet.depth_mask = True
        gl.disable(gl.BLEND)
        for _, array, parts in props:
            for part in (array, *parts):
                part.release()
        return self._developed()

    def _developed(self) -> tuple[NDArray[np.uint8], Floats]:
        picture = np.frombuffer(self._sheet.read(components=4), np.uint8).reshape(DRAWN, DRAWN, 4)[::-1]
        depth = np.frombuffer(self._distance.read(), np.float32).reshape(DRAWN, DRAWN)[::-1]
        ndc = 2 * depth - 1
        small = np.asarray(cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)
        return small, (2 * FAR_CM * NEAR_CM / (FAR_CM + NEAR_CM - ndc * (FAR_CM - NEAR_CM))).astype(np.float32)

    def _move(self, shot: Shot) -> None:
        """Send what differs from picture to picture."""
        head = self._head
        moving = np.concatenate([shot.vertices_cm, shot.normals, shot.soft], axis=1)[head.corner_vertex]
        self._moving.write(moving.astype(np.float32).tobytes())
        for name in ("M_BackHead", "M_GumsTongue", "M_Teeth"):
            used = head.triangles[name]
            self._still_rows[used, 7] = shot.inside[head.corner_vertex[used]]
        self._still.write(self._still_rows.tobytes())
        if self._strands is not None:
            rows = np.concatenate([self._strands.placed(shot.vertices_cm), shot.hair_soft], axis=1)
            self._hair_data[2].write(rows.astype(np.float32).tobytes())

    def _prop(self, name: str, prop: Prop, shot: Shot) -> tuple[str, Any, tuple[Any, ...]]:
        """Program, vertex array and its buffers of a thing that stands in one picture only."""
        gl, count = self.context, len(prop.vertices_cm)
        soft = 0.85 * irradiance(shot.light, prop.normals @ shot.view.rotation.T)
        outside = np.tile([0.0, 0.0, 1.0], (count, 1))
        rows = np.concatenate([prop.vertices_cm, prop.normals, soft, prop.colours, outside], axis=1)
        buffer, indices = gl.buffer(rows.astype(np.float32).tobytes()), gl.buffer(prop.triangles.tobytes())
        members = self._programs[name]
        layout = _present((buffer, "3f 3f 3f 3f 3f", "position", "normal", "soft", "albedo", "local"), members)
        return name, gl.vertex_array(members, [layout], indices), (buffer, indices)

    def _lamp_view_of(self, parts: tuple[Any, ...]) -> Any:
        buffer, indices = parts
        return self.context.vertex_array(self._depth, [(buffer, "3f 48x", "position")], indices)

    def _cast_shadows(self, lamp: NDArray[np.float64], props: list[tuple[str, Any, tuple[Any, ...]]]) -> None:
        self._shadow.use()
        self._shadow.clear(depth=1.0)
        self.context.enable(self.context.DEPTH_TEST)
        self._depth["lamp_from_head"].write(lamp.T.astype("f4").tobytes())
        for caster in self._casters:
            caster.render()
        if self._strands is not None:
            self._hair_data[1].render()
        for name, _, parts in props:
            if name == "plain":
                caster = self._lamp_view_of(parts)
                caster.render()
                caster.release()

    def _set_uniforms(self, shot: Shot, lamp: NDArray[np.float64]) -> None:
        actor, view, crop, light = shot.actor, shot.view, shot.crop, shot.light
        skin, eyes = actor.skin, actor.eyes
        values: dict[str, Any] = {
            "clip_from_head": clip_from_head(view, crop).T,
            "turn": view.rotation.T,
            "place": view.position_cm,
            "lamp_from_head": lamp.T,
            "lamp_from": light.lamp_from,
            "lamp_colour": light.lamp_colour,
            "exposure": shot.exposure,
            "sink": np.zeros(3),
            "shadow": 1,
            "painted": 0,
            "gloss": 0.25 + 0.9 * skin.gloss,
            "rough": skin.rough,
            "relief": 0.35,
            "bleed": np.array([0.30, 0.12, 0.07]) * np.clip(1.2 - skin.base[0], 0.4, 1.0),
            "iris": eyes.iris,
            "white": eyes.white,
            "pupil": eyes.pupil_cm,
            "iris_radius": self._iris_radius,
            "veins": 0.5,
            "cover": eyes.lashes,
            "sleek": actor.hair.sleek,
            "fineness": eyes.lash_fineness,
            "thick": 0.55,
        }
        ray = view.rotation.T @ view.position_cm
        special: dict[tuple[str, str], Any] = {
            ("plain", "gloss"): 0.6,
            ("plain", "rough"): 0.35,
            ("eye", "sink"): LIDS_OVER_CM * ray / np.linalg.norm(ray),
        }
        if actor.glasses is not None:
            special["lens", "cover"] = actor.glasses.cover
        for name, program in [*self._programs.items(), ("hair", self._hair_program)]:
            for key in values.keys() & set(program):
                _set(program[key], special.get((name, key), values[key]))


def _set(member: Any, value: Any) -> None:
    if isinstance(value, int | float):
        member.value = value
    else:
        member.write(np.ascontiguousarray(value, "f4").tobytes())


def _present(attributes: tuple[Any, ...], program: Any) -> tuple[Any, ...]:
    """The buffer's layout with what the program does not read as padding."""
    buffer, layout, *names = attributes
    words, kept = [], []
    for word, name in zip(layout.split(), names, strict=True):
        if name in program:
            words.append(word)
            kept.append(name)
        else:
            words.append(f"{4 * int(word[0])}x")
    return (buffer, " ".join(words), *kept)


def clip_from_head(view: View, crop: Crop) -> NDArray[np.float64]:
    """(4, 4) OpenGL's clip space of this crop from head axes."""
    near, far = NEAR_CM, FAR_CM
    projection = np.array([
        [1 / crop.half, 0, crop.centre[0] / crop.half, 0],
        [0, 1 / crop.half, crop.centre[1] / crop.half, 0],
        [0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)],
        [0, 0, -1, 0],
    ])  # fmt: skip
    placed = np.eye(4)
    placed[:3, :3], placed[:3, 3] = view.rotation, view.position_cm
    return np.asarray(projection @ placed)


def lamp_from_head(view: View, light: Light) -> NDArray[np.float64]:
    """(4, 4) the first lamp's parallel view of the head."""
    toward = view.rotation.T @ light.lamp_from[0]
    side = np.cross([0.0, 1.0, 0.0] if abs(toward[1]) < 0.9 else [1.0, 0.0, 0.0], toward)
    side /= np.linalg.norm(side)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([side, np.cross(toward, side), -toward]) / _SHADOW_REACH_CM
    matrix[:3, 3] = matrix[:3, :3] @ [0.0, 0.0, -2.0]
    return matrix


def lash_places(head: Head) -> Floats:
    """(R, 3) how far along a lash each corner is (0 root to 1 tip) and where across its card."""
    triangles = head.triangles["M_EyeLashes"]
    used = np.unique(triangles)
    links = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    count = len(head.corner_uv)
    _, card = csgraph.connected_components(csr_matrix((np.ones(len(links)), links.T), (count, count)), directed=False)
    rest = head.neutral_cm[head.corner_vertex]
    lid = cKDTree(head.neutral_cm[head.parts["M_Face"]])
    away = np.zeros(count)
    away[used] = lid.query(rest[used])[0]
    result = np.zeros((count, 3), np.float32)
    for number in np.unique(card[used]):
        own = used[card[used] == number]
        low, high = away[own].min(), away[own].max()
        result[own, 0] = (away[own] - low) / max(high - low, 1e-6)
        side = head.corner_uv[own, 0]
        result[own, 1] = (side - side.min()) / max(float(np.ptp(side)), 1e-6) + 7.0 * (number % 13)
    return result
