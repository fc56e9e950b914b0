"""A picture and its labels from a seed: who is drawn, how, and what the network has to learn from it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...inference.face_model.ict import NARROW_FACE
from ...inference.face_model.rims import INNER_LIPS
from ..faces.actor import Actor, random_actor
from ..faces.backdrop import random_backdrop
from ..faces.camera import View, random_view
from ..faces.expression import random_expression
from ..faces.light import Light, irradiance, random_light
from ..faces.things import Occluder, random_occluder
from ..shards import Row
from .drawing import SIZE, Canvas, Shot
from .head import Head
from .labels import crop_of, in_camera, labels_px, visible_points
from .occlusion import even_directions, occlusion_of
from .paint import Painter
from .props import Prop, glasses, hat, occluder
from .strands import grow

Floats = NDArray[np.float32]

PICTURES_PER_ACTOR: Final = 8
_FACE_CM: Final = 14.0
_MOUTH_SOCKET: Final = range(11248, 13294)
_EYE_SOCKETS: Final = range(13294, 14062)
_OUTSIDE: Final = range(11248)
"""Vertices of ICT-FaceKit's file; its face and ears come first:"""
_FACE_AND_EARS: Final = range(9409)


class Studio:
    """Draws seeds; neighbouring seeds share an actor."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._painter = Painter(head)
        self._canvas = Canvas(head)
        self._dressed = -1
        self._occlusion = occlusion_of(self._canvas.context, head)
        self._everywhere = even_directions(14)
        rest, outside = head.neutral_cm, np.isin(head.source, _OUTSIDE)
        self._skull = np.flatnonzero(outside & (rest[:, 1] > -2))
        self._face = np.flatnonzero(head.source < NARROW_FACE)
        self._inner = np.concatenate(
            [head.parts["M_GumsTongue"], head.parts["M_Teeth"], np.flatnonzero(np.isin(head.source, _MOUTH_SOCKET))]
        )
        self._eye_sockets, self._covered = np.flatnonzero(np.isin(head.source, _EYE_SOCKETS)), np.flatnonzero(~outside)
        side = np.where(np.isin(head.source, _FACE_AND_EARS)[:, None], rest, np.inf)
        self._ears = [int(np.linalg.norm(side - [x, 3.2, -1.2], axis=1).argmin()) for x in (9.0, -9.0)]

    def shoot(self, seed: int) -> Row:
        """The picture of a seed, the same in every process."""
        number = seed // PICTURES_PER_ACTOR
        if number != self._dressed:
            self._dress(number)
        rng = np.random.default_rng([61, seed])
        head, actor = self._head, self._actor
        coefficients, gaze = random_expression(rng)
        view, light = random_view(rng), random_light(rng)
        vertices = head.posed(self._neutral, coefficients, gaze)
        points = head.points(self._neutral, vertices, gaze)
        normals = head.normals(vertices)
        crop = crop_of(in_camera(view, points[:478]))
        soft, inside = self._soft_light(view, light, vertices, normals, points)
        before = random_occluder(rng, actor.skin.base)
        shot = Shot(
            actor=actor,
            view=view,
            crop=crop,
            light=light,
            vertices_cm=vertices,
            normals=normals,
            soft=soft,
            inside=inside,
            hair_soft=self._hair_light(view, light),
            lids=head.lids(vertices),
            open_mouth=opening_of(points) > 0.03,
            props=self._props(before, view, vertices),
            backdrop=random_backdrop(SIZE, rng),
            exposure=exposure_of(light, soft[self._face], actor),
        )
        shown, distance = self._canvas.draw(shot)
        placed = in_camera(view, points)
        return Row(
            images=np.ascontiguousarray(shown[..., :3]),
            points=labels_px(placed, view, crop),
            visible=visible_points(head, placed, normals @ view.rotation.T, crop, shown[..., 3], distance),
            coefficients=coefficients,
            rotation=view.rotation.astype(np.float32),
            skin=float(actor.skin.base @ [0.2126, 0.7152, 0.0722]),
            beard=actor.skin.stubble,
            glasses=actor.glasses is not None,
            hair_over=before is not None or any(style.region == "fringe" for style in actor.hair.styles),
            child=actor.child,
            actor=number,
            seed=seed,
        )

    def _dress(self, number: int) -> None:
        rng = np.random.default_rng([60, number])
        self._actor: Actor = random_actor(rng)
        self._neutral = self._head.shaped(self._actor.identity, self._actor.child)
        skin = self._painter.skin(self._actor, rng)
        self._canvas.dress(self._neutral, self._painter.corner_colours(self._actor), skin)
        regions, colour = self._painter.regions(self._actor), self._actor.hair.colour
        self._strands = grow(
            self._actor.hair.styles, self._neutral, self._head.normals(self._neutral), regions, colour, rng
        )
        self._canvas.comb(self._strands)
        eyes = np.stack([self._head.eye_centre(self._neutral, side) for side in (0, 1)])
        worn = self._actor.hat
        self._worn = None if worn is None else hat(worn, self._neutral[self._skull], eyes, self._neutral[self._ears])
        self._dressed = number

    def _soft_light(
        self, view: View, light: Light, vertices: Floats, normals: Floats, points: Floats
    ) -> tuple[Floats, Floats]:
        """(V, 3) light of the surroundings, and (V,) the share of light that reaches into the mouth."""
        soft = irradiance(light, normals @ view.rotation.T.astype(np.float32))
        opening = opening_of(points)
        toward = np.concatenate([light.lobe_from @ view.rotation, self._everywhere])
        weight = np.concatenate([light.lobe_colour.mean(1), np.full(len(self._everywhere), light.base.mean() / 1.5)])
        left = self._occlusion.ratio(toward, weight, opening)
        inside = np.ones(len(vertices), np.float32)
        # What a slot of this height lets in falls with the distance from it.
        middle = points[[13, 14]].mean(0)
        hidden = self._inner
        deep = np.maximum(middle[2] - vertices[hidden, 2], 0.0)
        off = (vertices[hidden] - middle) * [0.5, 1.0, 0.0]
        slot = opening**1.2
        inside[hidden] = np.clip(1.3 * slot / (slot + 0.9 * (deep**2 + (off**2).sum(1)) + 0.15), 0.0, 1.0)
        inside[self._eye_sockets] = 0.3
        left[self._covered] = inside[self._covered]
        return (soft * left[:, None]).astype(np.float32), inside

    def _hair_light(self, view: View, light: Light) -> Floats:
        """(corners, 3): locks are lit as their side of the head, darker near the root."""
        if self._strands is None:
            return np.empty((0, 3), np.float32)
        normals = self._strands.normal.reshape(-1, 3) @ view.rotation.T.astype(np.float32)
        return irradiance(light, normals) * (0.45 + 0.5 * self._strands.uv.reshape(-1, 2)[:, 1:])

    def _props(self, what: Occluder | None, view: View, vertices: Floats) -> list[tuple[str, Prop]]:
        """What is before the face."""
        result: list[tuple[str, Prop]] = []
        head = self._head
        if self._worn is not None:
            result.append(("plain", self._worn))
        if self._actor.glasses is not None:
            eyes = np.stack([head.eye_centre(self._neutral, side) for side in (0, 1)])
            ears = self._neutral[self._ears]
            bridge = self._neutral[head.known[27]]
            frame, lenses = glasses(self._actor.glasses, eyes, bridge, ears)
            result += [("plain", frame), ("lens", lenses)]
        if what is not None:
            middle = vertices[head.known[30]].astype(np.float64)
            result.append(("plain", occluder(what, view.rotation.T, middle, _FACE_CM)))
        return result


def opening_of(points_cm: Floats) -> float:
    """Widest gap between the lips in cm."""
    return float(
        np.linalg.norm(points_cm[list(INNER_LIPS.upper[1:-1])] - points_cm[list(INNER_LIPS.lower[1:-1])], axis=1).max()
    )


def exposure_of(light: Light, soft: Floats, actor: Actor) -> float:
    """What makes the picture of this face as bright as wanted; dark skin stays darker than pale skin."""
    mean = soft.mean() + 0.35 * float(light.lamp_colour.mean(axis=1).sum())
    albedo = float(actor.skin.base.mean())
    return float(np.clip(light.brightness * 0.5 / (mean * albedo**0.6 + 0.02), 0.05, 20.0))
