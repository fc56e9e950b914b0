"""Locks of hair as ribbons that hang over the head, fixed to its vertices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..faces.style import Style

Floats = NDArray[np.float32]
Rng = np.random.Generator

SEGMENTS: Final = 7
_SKULL_Z: Final = -1.0


@dataclass(frozen=True)
class Strands:
    """N ribbons of SEGMENTS + 1 places; two corners at each."""

    root: NDArray[np.int64]
    """(N,) vertex."""
    offset_cm: Floats
    """(N, S + 1, 2, 3) corners from the root."""
    normal: Floats
    tangent: Floats
    uv: Floats
    """(N, S + 1, 2, 2) across (a place of its own for each ribbon) and along, 0 root to 1 tip."""
    colour: Floats
    """(N, S + 1, 2, 3)."""
    density: Floats
    """(N, S + 1, 2, 1)."""

    def still(self) -> Floats:
        """(corners, 12) normal, tangent, place in the lock, colour, density."""
        parts = (self.normal, self.tangent, self.uv, self.colour, self.density)
        return np.concatenate(parts, axis=-1).reshape(-1, 12)

    def placed(self, vertices_cm: Floats) -> Floats:
        """(corners, 3) on the posed head."""
        return (vertices_cm[self.root][:, None, None] + self.offset_cm).reshape(-1, 3)

    def triangles(self) -> NDArray[np.int32]:
        """(F, 3) corners."""
        first = np.arange(SEGMENTS)[:, None] * 2
        strip = np.concatenate([first + [0, 1, 2], first + [2, 1, 3]], axis=1).reshape(-1, 3)
        every = strip[None] + (np.arange(len(self.root)) * 2 * (SEGMENTS + 1))[:, None, None]
        return every.reshape(-1, 3).astype(np.int32)


def grow(
    styles: tuple[Style, ...],
    vertices_cm: Floats,
    normals: Floats,
    regions: dict[str, Floats],
    colour: NDArray[np.float64],
    rng: Rng,
) -> Strands | None:
    """Hair of a neutral head; `regions` (V,) says how likely each vertex is to carry a root."""
    made = [_ribbons(style, vertices_cm, normals, regions[style.region], colour, rng) for style in styles]
    if not made:
        return None
    return Strands(*(np.concatenate([getattr(one, name) for one in made]) for name in Strands.__dataclass_fields__))


def _ribbons(
    style: Style, vertices: Floats, normals: Floats, likely: Floats, colour: NDArray[np.float64], rng: Rng
) -> Strands:
    """Ribbons along the paths, flat on the head and narrower toward the tip."""
    root = rng.choice(len(likely), style.count, p=likely / likely.sum())
    start, out = vertices[root].astype(np.float64), normals[root].astype(np.float64)
    points = _paths(style, vertices, start, out, rng)
    tangent = np.gradient(points, axis=1)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=2, keepdims=True), 1e-6)
    radial = points - np.array([0.0, 3.0, _SKULL_Z])
    if style.region == "beard":
        radial = out[:, None] + np.zeros_like(points)
    radial[..., 1] *= 0.4
    aside = np.cross(tangent, radial)
    aside /= np.maximum(np.linalg.norm(aside, axis=2, keepdims=True), 1e-6)
    narrower = np.linspace(1.0, 0.45, SEGMENTS + 1) ** (1.0 if style.length_cm > 6 else 2.5)
    wide = min(style.width_cm, 0.12 + 0.16 * style.length_cm)
    side = aside * (wide / 2 * rng.uniform(0.6, 1.3, (len(root), 1)) * narrower)[..., None]
    offset = points - start[:, None] + 0.02 * out[:, None]
    shape = (len(root), SEGMENTS + 1, 2)
    uv = np.zeros((*shape, 2))
    uv[..., 0] = rng.uniform(0, 50, (len(root), 1, 1)) + np.array([0.0, 1.0]) * style.width_cm * 1.4
    uv[..., 1] = np.linspace(0, 1, SEGMENTS + 1)[:, None]
    shade = colour * np.exp(rng.normal(0, 0.18, (len(root), 1)) + rng.normal(0, 0.04, (len(root), 3)))
    return Strands(
        root=root,
        offset_cm=np.stack([offset - side, offset + side], axis=2).astype(np.float32),
        normal=np.repeat(np.cross(aside, tangent)[:, :, None], 2, axis=2).astype(np.float32),
        tangent=np.repeat(tangent[:, :, None], 2, axis=2).astype(np.float32),
        uv=uv.astype(np.float32),
        colour=np.broadcast_to(shade[:, None, None], (*shape, 3)).astype(np.float32),
        density=np.full((*shape, 1), style.density, np.float32),
    )


def _paths(
    style: Style, vertices: Floats, start: NDArray[np.float64], out: NDArray[np.float64], rng: Rng
) -> NDArray[np.float64]:
    """(N, S + 1, 3) from the roots at `start` (N, 3), where the skin's normal is `out`."""
    way = style.comb + rng.normal(0, 0.15, out.shape)
    way[:, 0] += style.parting * np.sign(start[:, 0] + rng.normal(0, 0.3, len(start)))
    # Combed along the head, a little lifted off it.
    way += 1e-3 - out * (out * way).sum(1, keepdims=True)
    way = way / np.linalg.norm(way, axis=1, keepdims=True) + style.lift * out
    length = style.length_cm * np.exp(rng.normal(0, style.uneven, len(start)))
    path, heading = [start], way / np.linalg.norm(way, axis=1, keepdims=True)
    top, aside_by = float(vertices[:, 1].max()), rng.uniform(0.95, 1.25, len(start))
    phase = rng.uniform(0, 2 * np.pi, (len(start), 1))
    for number in range(SEGMENTS):
        swing = style.curl * np.sin(phase + 1.9 * number) * np.cross(heading, [0.0, 1.0, 0.1])
        heading = heading + np.array([0.0, -style.gravity * 0.5, 0.0]) + 0.8 * swing
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        place = path[-1] + heading * (length / SEGMENTS)[:, None]
        if style.region != "beard":
            place = _off_the_head(place, style.volume_cm, vertices)
            # Locks in front of the face are drawn aside like a curtain.
            before = (place[:, 2] > 1.0) & (place[:, 1] < top - 5.5) & (np.abs(place[:, 0]) < style.curtain_cm)
            place[before, 0] = np.where(start[before, 0] < 0, -1, 1) * style.curtain_cm * aside_by[before]
        path.append(place)
    return np.stack(path, axis=1)


def _off_the_head(place: NDArray[np.float64], volume: float, vertices: Floats) -> NDArray[np.float64]:
    """Places pushed out of an ellipsoid about the skull and a column about the neck and the face's sides."""
    low, high = np.percentile(vertices[:, 0], [12, 88])
    wide = max(-low, high) * 0.5 + 4.3
    top = float(vertices[:, 1].max())
    middle = np.array([0.0, 3.6, _SKULL_Z])
    radii = np.array([wide, top - 3.6, 9.4]) + volume
    off = (place - middle) / radii
    size = np.linalg.norm(off, axis=1, keepdims=True)
    above = place[:, 1:2] > 0.0
    place = np.where((size < 1) & above, middle + off / np.maximum(size, 0.3) * radii, place)
    flat = (place - middle) * [1 / (wide - 0.6 + volume), 0.0, 1 / (8.0 + volume)]
    size = np.linalg.norm(flat, axis=1, keepdims=True)
    column = middle + (place - middle) * np.where(size < 1, [1.0, 0.0, 1.0] / np.maximum(size, 0.3), [1.0, 0.0, 1.0])
    column[:, 1] = place[:, 1]
    return np.asarray(np.where(above, place, column))
