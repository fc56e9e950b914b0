"""Paints an actor's skin: colour and relief in the texture of the face, colours of the corners elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
from scipy.sparse import csgraph, csr_matrix

from ...inference.face_model.rims import EYES
from ..faces.actor import Actor, Brows
from .head import Head

Floats = NDArray[np.float32]
Rng = np.random.Generator

SIZE: Final = 640
"""Side of the texture: about 25 texels a centimetre."""
_FRONT_PX_CM: Final = 36.0
_FRONT_FROM: Final = (-11.0, -9.0)
_FRONT_SIZE: Final = (792, 792)


def smooth(x: Any, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, without a corner between; `low` may be the greater."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def on_front(points_cm: Any) -> NDArray[np.int32]:
    """(N, 2) pixels (16ths) of the front picture for places (N, >=2), as cv2 draws with shift=4."""
    xy = (np.asarray(points_cm)[..., :2] - _FRONT_FROM) * _FRONT_PX_CM
    return np.asarray(np.round(xy * 16), np.int32)


@dataclass(frozen=True)
class Masks:
    """Where on the generic head something may be, for the texture's rows (SIZE * SIZE) or for vertices (N,)."""

    rest: Floats
    """(N, 3)."""
    layers: dict[str, Floats]


class Painter:
    """Everything that all actors share, computed once."""

    def __init__(self, head: Head) -> None:
        self._head = head
        skin = (head.neutral_cm[head.landmarks] * head.landmark_weights[..., None]).sum(1)
        self._skin_points = skin
        self._known = head.neutral_cm[head.known]
        corners = np.unique(head.triangles["M_Face"])
        uv, rest = head.corner_uv[corners], head.neutral_cm[head.corner_vertex[corners]]
        centre = (np.arange(SIZE, dtype=np.float32) + 0.5) / SIZE
        grid = np.stack(np.meshgrid(centre, centre), -1).reshape(-1, 2)
        places = LinearNDInterpolator(uv, rest)(grid)
        outside = np.isnan(places[:, 0])
        places[outside] = NearestNDInterpolator(uv, rest)(grid[outside])
        self._texels = self._masks(places.astype(np.float32))
        self._where = {name: np.flatnonzero(self._texels.layers[name] > 0.01) for name in ("forehead", "crow", "lips")}
        self._vertices = self._masks(head.neutral_cm)
        self._between_teeth = between_teeth(head)
        across = [head.neutral_cm[head.facets[:, k]] - head.neutral_cm[head.facets[:, 0]] for k in (1, 2)]
        self._vertex_area = head.facet_sum @ np.linalg.norm(np.cross(*across), axis=1).astype(np.float32)

    def _masks(self, rest: Floats) -> Masks:
        front = {
            "lips": self._filled(self._known[48:60], 3.0),
            "eyes": np.maximum(*(self._filled(self._rim(eye), 2.0) for eye in (0, 1))),
            "lids": np.maximum(*(self._lid(eye) for eye in (0, 1))),
            "line": np.maximum(*(self._lash_line(eye) for eye in (0, 1))),
        }
        layers = {name: self._from_front(picture, rest) for name, picture in front.items()}
        x, y, z = rest.T
        chin, lip = self._known[8], self._known[57]
        mouth = self._known[[48, 54]].mean(0)
        layers["blush"] = _blobs(
            rest,
            [(4.7, -0.3, 9.0, 2.3), (-4.7, -0.3, 9.0, 2.3), (0, 0.2, 12.8, 1.2), (9, 1, -2, 2.4), (-9, 1, -2, 2.4)],
        )
        layers["rings"] = _blobs(
            rest, [(2.9, 2.2, 9.6, 0.9), (-2.9, 2.2, 9.6, 0.9), (3.9, 2.4, 9.0, 0.7), (-3.9, 2.4, 9.0, 0.7)]
        )
        # Beard: below a line from the sideburns past the mouth's corners, a moustache, and no lips.
        upper = np.interp(np.abs(x), [0, 2.4, 3.4, 5.5, 8.0, 9.5], [-1.4, -1.9, -3.2, -3.6, 0.0, 3.0])
        beard = smooth(upper - y, -0.5, 0.9) * smooth(z, -4.0, -1.5) * smooth(y, chin[1] - 4.5, chin[1] - 1.5)
        beard *= 1 - 0.7 * _blobs(rest, [(2.2, float(lip[1]) - 0.4, 10.0, 0.9), (-2.2, float(lip[1]) - 0.4, 10.0, 0.9)])
        layers["beard"] = beard * (1 - layers["lips"]) * (np.hypot(x, (y - mouth[1]) * 1.4) > 0.2)
        layers["smile"] = self._smile_lines(rest)
        layers["forehead"] = smooth(y, 5.6, 6.6) * smooth(y, 10.5, 9.3) * smooth(np.abs(x), 7.0, 5.0) * (z > 0)
        layers["crow"] = _blobs(rest, [(6.0, 3.4, 7.4, 1.2), (-6.0, 3.4, 7.4, 1.2)])
        return Masks(rest, {name: layer.astype(np.float32) for name, layer in layers.items()})

    def _rim(self, eye: int) -> Floats:
        return self._skin_points[[*EYES[eye].upper, *EYES[eye].lower[-2:0:-1]]]

    def _filled(self, outline: Floats, blur: float) -> Floats:
        picture = np.zeros(_FRONT_SIZE[::-1], np.uint8)
        cv2.fillPoly(picture, [on_front(outline)], 255, cv2.LINE_AA, 4)
        return cv2.GaussianBlur(picture.astype(np.float32) / 255, (0, 0), blur)

    def _lid(self, eye: int) -> Floats:
        """From the upper lid's edge up to its fold and a little over."""
        upper = self._skin_points[list(EYES[eye].upper)]
        rise = np.sin(np.linspace(0.15, np.pi - 0.15, len(upper)))[:, None] * np.array([0.0, 0.75, 0.0])
        return self._filled(np.concatenate([upper, (upper + rise)[::-1]]), 6.0)

    def _lash_line(self, eye: int) -> Floats:
        picture = np.zeros(_FRONT_SIZE[::-1], np.uint8)
        for edge in (EYES[eye].upper, EYES[eye].lower):
            cv2.polylines(picture, [on_front(self._skin_points[list(edge)])], False, 255, 4, cv2.LINE_AA, 4)
        return cv2.GaussianBlur(picture.astype(np.float32) / 255, (0, 0), 2.0)

    def _smile_lines(self, rest: Floats) -> Floats:
        lines = np.zeros(_FRONT_SIZE[::-1], np.uint8)
        for side in (1.0, -1.0):
            fold = np.array([(1.75, -0.3), (2.2, -1.0), (2.9, -2.2), (3.35, -3.4), (3.4, -4.2)]) * [side, 1.0]
            cv2.polylines(lines, [on_front(fold)], False, 255, 5, cv2.LINE_AA, 4)
        return self._from_front(cv2.GaussianBlur(lines.astype(np.float32) / 255, (0, 0), 3.0), rest)

    def _from_front(self, picture: Floats, rest: Floats) -> Floats:
        """(N,) of a picture painted onto the head from the front."""
        xy = (rest[:, :2] - _FRONT_FROM) * _FRONT_PX_CM - 0.5
        side = SIZE if len(rest) == SIZE * SIZE else 1
        maps = np.asarray(xy, np.float32).reshape(-1, side, 2)
        if side == 1:  # remap refuses more than 32767 rows
            rows = [
                cv2.remap(picture, part, None, cv2.INTER_LINEAR)
                for part in np.array_split(maps, len(maps) // 30000 + 1)
            ]
            flat = np.concatenate(rows).ravel()
        else:
            flat = cv2.remap(picture, maps, None, cv2.INTER_LINEAR).ravel()
        return flat * (rest[:, 2] > 2.0)

    def skin(self, actor: Actor, rng: Rng) -> NDArray[np.uint8]:
        """(SIZE, SIZE, 4) square root of the linear colour, and the height of the relief."""
        masks, skin = self._texels, actor.skin
        layer = masks.layers
        grain = [noise(cells, rng).ravel() for cells in (14, 40, 120, 300)]
        fine = (0.6 * grain[2] + grain[3]) * skin.pores
        log = 0.6 * skin.blotches * (grain[0] + grain[1])[:, None] * np.array([0.6, 1.2, 1.0], np.float32)
        log += fine[:, None]
        log += (skin.red * layer["blush"])[:, None] * np.array([0.10, -0.35, -0.30], np.float32)
        log -= (skin.under_eyes * layer["rings"])[:, None] * np.array([0.6, 0.9, 0.7], np.float32)
        if skin.freckles + skin.moles:
            log -= self._spots(actor, rng).ravel()[:, None] * np.array([0.7, 1.1, 1.3], np.float32)
        height, crease = self._relief(actor, rng, 0.6 * grain[2] + grain[3])
        log -= crease[:, None] * np.array([0.35, 0.6, 0.6], np.float32)
        colour = np.asarray(skin.base, np.float32) * np.exp(log.astype(np.float32))
        cover = layer["lips"] * (0.85 + 0.1 * grain[2].clip(-1, 1))
        colour = mixed(colour, skin.lips * np.exp(0.6 * fine[:, None]), cover)
        colour = mixed(
            colour, skin.base * [1.0, 0.45, 0.42], skin.rouge * layer["blush"] * (np.abs(masks.rest[:, 0]) > 2)
        )
        colour = mixed(colour, skin.shadow, skin.shadow_cover * layer["lids"])
        colour = mixed(colour, np.full(3, 0.01), skin.liner * layer["line"])
        # Skin inside the lids is moist and red.
        colour = mixed(colour, skin.base * [1.0, 0.62, 0.58], 0.7 * layer["eyes"])
        stubble = skin.stubble * layer["beard"] * np.clip(0.75 + 0.5 * grain[3] + 0.15 * grain[1], 0, 1)
        colour = mixed(colour, actor.brows.colour * 0.8, stubble * 0.95)
        colour = mixed(
            colour,
            actor.hair.colour * np.exp(0.5 * grain[2][:, None] + 0.3 * grain[3][:, None]),
            self.scalp(actor, masks.rest, grain[1]),
        )
        brows = self._from_front(self._brows(actor.brows, rng), masks.rest)
        colour = mixed(colour, actor.brows.colour, brows)
        colour = mixed(colour, actor.cloth, self._clothed(actor, masks.rest))
        result = np.empty((SIZE * SIZE, 4), np.uint8)
        result[:, :3] = np.sqrt(np.clip(colour, 0, 1)) * 255 + 0.5
        result[:, 3] = np.clip(height + 40 * brows, 0, 255)
        return result.reshape(SIZE, SIZE, 4)

    def _relief(self, actor: Actor, rng: Rng, pores: Floats) -> tuple[Floats, Floats]:
        """Height (0..255, mean about 128) and how dark creases are."""
        layer, rest, age = self._texels.layers, self._texels.rest, actor.skin.wrinkles
        bend, lines = noise(6, rng).ravel(), (0.15 + 0.85 * age) * layer["smile"]
        height = 128 + 90 * actor.skin.pores * pores
        for name, period, sharp, size in (("forehead", rng.uniform(0.8, 1.3), 8, 0.8), ("crow", 0.55, 6, 0.7)):
            at = self._where[name]
            wave = np.sin((rest[at, 1] + 0.25 * bend[at]) * np.float32(2 * np.pi / period))
            lines[at] += age * size * wave**sharp * layer[name][at] * np.clip(0.7 + 0.4 * bend[at], 0, 1)
        at = self._where["lips"]
        height[at] += 5 * np.sin((rest[at, 0] + 0.06 * bend[at]) * 2 * np.pi / 0.22) * layer["lips"][at]
        return height - 60 * lines, 0.35 * lines

    def _spots(self, actor: Actor, rng: Rng) -> Floats:
        """Freckles and moles on the texture, 0..1."""
        picture = np.zeros((SIZE, SIZE), np.uint8)
        count = actor.skin.freckles + actor.skin.moles
        place = rng.normal([0.5, 0.56], [0.17, 0.12], (count, 2)) * SIZE * 16
        for i, (x, y) in enumerate(place.astype(int)):
            mole = i >= actor.skin.freckles
            radius, dark = (rng.uniform(2.2, 5.5), 255) if mole else (rng.uniform(0.8, 2.6), int(rng.uniform(40, 170)))
            cv2.circle(picture, (int(x), int(y)), int(radius * 16), dark, -1, cv2.LINE_AA, 4)
        return cv2.GaussianBlur(picture, (0, 0), 0.9).astype(np.float32) / 255

    def _brows(self, brows: Brows, rng: Rng) -> Floats:
        """Hair by hair, from the front: each grows out of the brow's middle line, outward and up."""
        picture = np.zeros(_FRONT_SIZE[::-1], np.uint8)
        for side, first in ((-1.0, 17), (1.0, 22)):
            line = self._known[first : first + 5, :2][:: -1 if first == 17 else 1]  # from the nose outward
            t = rng.uniform(-0.03, brows.reach, int(340 * np.clip(brows.thick, 0.6, 1.6)))
            at = np.stack([np.interp(t, np.linspace(0, 1, 5), line[:, k]) for k in (0, 1)], 1)
            at += np.array([side * brows.shift_cm[0], brows.shift_cm[1]])
            at[:, 1] += brows.slant_cm * t
            wide = 0.34 * brows.thick * np.clip(1.15 - 0.8 * t, 0.2, 1.0) * np.clip(0.5 + 5 * (t + 0.05), 0.5, 1)
            off = rng.normal(0, 0.42, len(t)).clip(-1, 1) * wide
            at[:, 1] += off
            angle = (
                np.interp(t, [0, 0.25, 0.7, 1], [1.35, 0.7, 0.05, -0.35])
                - 0.9 * off / 0.3 * (t > 0.2)
                + rng.normal(0, 0.18, len(t))
            )
            length = rng.uniform(0.25, 0.6, len(t))
            tip = at + length[:, None] * np.stack([side * np.cos(angle), np.sin(angle)], 1)
            shade = rng.uniform(90, 255, len(t)).astype(int)
            for start, end, grey in zip(on_front(at).tolist(), on_front(tip).tolist(), shade.tolist(), strict=True):
                cv2.line(picture, tuple(start), tuple(end), grey, 1, cv2.LINE_AA, 4)
        hair = picture.astype(np.float32) / 255
        below = cv2.GaussianBlur(hair, (0, 0), 3.5)
        return brows.cover * np.clip(0.9 * cv2.GaussianBlur(hair, (0, 0), 0.8) + 1.1 * below, 0, 1)

    def scalp(self, actor: Actor, rest: Floats, rough: Floats | float = 0.0) -> Floats:
        """(N,) cover of hair at places of the generic head."""
        x, y, z = rest.T
        line = np.interp(z, [-9, -5.0, -4.0, 0.0, 1.5, 3.0, 5.5, 8.0], [-8, -6, 4.0, 4.8, 3.4, 5.2, 7.9, 9.6])
        line = line + actor.hair.line_cm * smooth(z, 0, 4) + 0.35 * np.sin(0.7 * (x + actor.hair.part_cm)) * (z > 3)
        return np.asarray(actor.hair.cover * smooth(y - line + 0.25 * rough, -0.4, 0.8), np.float32)

    def regions(self, actor: Actor) -> dict[str, Floats]:
        """(V,) how likely hair grows at each vertex of the head's outside, by region of `faces.style`."""
        head, rest = self._head, self._vertices.rest
        outside = (head.source < 11248).astype(np.float32) * self._vertex_area
        scalp = (self.scalp(actor, rest) > 0.5 * actor.hair.cover) * (actor.hair.cover > 0)
        front = scalp * smooth(rest[:, 2], 3.0, 5.0) * (rest[:, 1] > 4)
        beard = self._vertices.layers["beard"] ** 1.5
        return {
            name: outside * likely + 1e-12 for name, likely in (("scalp", scalp), ("fringe", front), ("beard", beard))
        }

    def _clothed(self, actor: Actor, rest: Floats) -> Floats:
        x, y, z = rest.T
        collar = -11.5 - actor.neck_cm - 0.15 * np.maximum(z + 2.0, 0.0) + 0.018 * np.minimum(np.abs(x), 9) ** 2
        return smooth(collar - y, -0.05, 0.05)

    def corner_colours(self, actor: Actor) -> Floats:
        """(R, 3) linear colour of what has no texture."""
        head, rest = self._head, self._vertices.rest
        colour = np.tile(np.asarray(actor.skin.base, np.float32), (len(rest), 1))
        colour = mixed(colour, actor.hair.colour, self.scalp(actor, rest))
        colour = mixed(colour, actor.cloth, self._clothed(actor, rest))
        sockets = (head.source >= 11248) & (head.source < 14062)
        colour[sockets] = actor.skin.base * [0.8, 0.38, 0.36] * 0.6
        colour[head.parts["M_GumsTongue"]] = np.array([0.36, 0.12, 0.11]) * (0.5 + 0.6 * actor.skin.base[0])
        teeth = head.parts["M_Teeth"]
        colour[teeth] = actor.teeth * (1 - actor.gaps * self._between_teeth[:, None] * np.array([0.7, 0.8, 0.85]))
        colour[head.parts["M_EyeLashes"]] = actor.eyes.lash_colour
        return colour[head.corner_vertex].astype(np.float32)


def between_teeth(head: Head) -> Floats:
    """(vertices of the teeth,) 0 in the middle of a tooth's face to 1 at its neighbours and its root."""
    used = head.parts["M_Teeth"]
    corners = head.corner_vertex[head.triangles["M_Teeth"]]
    links = corners[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    count = len(head.neutral_cm)
    _, tooth = csgraph.connected_components(csr_matrix((np.ones(len(links)), links.T), (count, count)), directed=False)
    result = np.zeros(count, np.float32)
    for number in np.unique(tooth[used]):
        own = used[tooth[used] == number]
        place = head.neutral_cm[own] - head.neutral_cm[own].mean(0)
        outward = head.neutral_cm[own].mean(0) * [1.0, 0.0, 1.0] - [0.0, 0.0, 5.0]  # from the middle of the arch
        along = place @ np.array([outward[2], 0.0, -outward[0]]) / np.hypot(outward[0], outward[2])
        side = np.abs(along) / max(float(np.abs(along).max()), 1e-6)
        upper = head.neutral_cm[own, 1].mean() > -3.3
        root = place[:, 1] * (1 if upper else -1) / max(float(np.abs(place[:, 1]).max()), 1e-6)
        result[own] = np.maximum(smooth(side, 0.55, 1.0), 0.6 * smooth(root, 0.1, 1.0))
    return result[used]


def mixed(under: Floats, over: Any, cover: Floats) -> Floats:
    """(N, 3) one colour over another."""
    return under + cover[:, None].astype(np.float32) * (np.asarray(over, np.float32) - under)


def noise(cells: int, rng: Rng, size: int = SIZE) -> Floats:
    """(size, size) smooth noise of deviation about 1 with this many waves across."""
    coarse = rng.standard_normal((cells, cells), dtype=np.float32)
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC))


def _blobs(rest: Floats, balls: list[tuple[float, float, float, float]]) -> Floats:
    """(N,) soft balls: centre and radius in cm."""
    every = [np.exp(-((rest - np.array(ball[:3], np.float32)) ** 2).sum(1) / ball[3] ** 2) for ball in balls]
    return np.asarray(np.max(every, axis=0), np.float32)
