"""The ICT-FaceKit head as the renderer needs it: the parts that are drawn, our expressions, and where our points lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ...inference import arkit
from ...inference.capture.face_points import KNOWN_68, POINT_COUNT
from ...inference.face_model.assembly import IRIS_RADIUS_CM, ict_landmarks
from ...inference.face_model.contacts import keep_contacts
from ...inference.face_model.default import load_default
from ...inference.face_model.ict_folder import EYEBALLS, IctModel, read_ict
from ...inference.face_model.rims import EYES, IRISES, SKIN

Floats = NDArray[np.float32]
Indices = NDArray[np.int32]

PARTS: Final = ("M_Face", "M_BackHead", "M_GumsTongue", "M_Teeth", *EYEBALLS, "M_EyeLashes")
TONGUE: Final = range(16318, 17039)
CONTACTS: Final = ("mouthClose", "eyeBlinkLeft", "eyeBlinkRight")


@dataclass(frozen=True)
class Head:
    """Arrays over the V vertices of the parts that are drawn, in head axes and centimetres."""

    neutral_cm: Floats
    """(V, 3)."""
    identity_cm: Floats
    """(I, V * 3), one standard deviation each."""
    expressions_cm: Floats
    """(52, V * 3) in the conventions of our face models: lips and lids that really close."""
    parts: dict[str, Indices]
    """Vertices of each part."""
    corner_vertex: Indices
    """(R,) vertex of each corner that is drawn: a vertex has one corner per place in the texture."""
    corner_uv: Floats
    """(R, 2) place in the part's texture, 0..1."""
    triangles: dict[str, Indices]
    """(F, 3) corners of each part."""
    source: Indices
    """(V,) vertex of ICT-FaceKit's file."""
    landmarks: Indices
    """(468, 3) vertices, and their weights:"""
    landmark_weights: Floats
    """(468, 3)."""
    known: Indices
    """(68,) vertices of the classic points."""
    facets: Indices
    """(F, 3) vertices of all triangles, and who takes part in which:"""
    facet_sum: sparse.csr_matrix
    """(V, F)."""

    def shaped(self, identity: Floats, child: float = 0.0) -> Floats:
        """(V, 3) the neutral head of an identity (I,), `child` 0 to 1 with the proportions of a small child."""
        adult = (self.neutral_cm.ravel() + identity @ self.identity_cm).reshape(-1, 3)
        return adult + child * childlike(adult) if child else adult

    def posed(self, neutral_cm: Floats, coefficients: Floats, gaze: NDArray[np.float64]) -> Floats:
        """(V, 3) with these coefficients (52,) and eyes turned by gaze (2, 2)."""
        moving = np.flatnonzero(coefficients)
        vertices = neutral_cm + (coefficients[moving] @ self.expressions_cm[moving]).reshape(-1, 3)
        for side, name in enumerate(EYEBALLS):
            part, centre = self.parts[name], self.eye_centre(neutral_cm, side)
            vertices[part] = (neutral_cm[part] - centre) @ turn_of(gaze[side]).T + centre
        return vertices

    def eye_centre(self, neutral_cm: Floats, side: int) -> Floats:
        """(3,) centre of the left (0) or right (1) eyeball: a sphere through its rear, the cornea left out."""
        points = neutral_cm[self.parts[EYEBALLS[side]]]
        low, high = points.min(axis=0), points.max(axis=0)
        radius = (high[:2] - low[:2]).mean() / 2
        return np.array([*(low[:2] + high[:2]) / 2, low[2] + radius], dtype=np.float32)

    def eye_radius(self, neutral_cm: Floats, side: int) -> float:
        """Radius of that sphere in cm."""
        points = neutral_cm[self.parts[EYEBALLS[side]]]
        return float(np.ptp(points[:, :2], axis=0).mean() / 2)

    def iris_radius(self, neutral_cm: Floats, side: int) -> float:
        """Radius in cm of the ring of iris points, as `face_model.assembly` has it."""
        return IRIS_RADIUS_CM * self.eye_radius(neutral_cm, side) / load_default().eye_radius_cm

    def points(self, neutral_cm: Floats, vertices_cm: Floats, gaze: NDArray[np.float64]) -> Floats:
        """(546, 3) our points of a posed head."""
        result = np.empty((POINT_COUNT, 3), np.float32)
        result[:SKIN] = (vertices_cm[self.landmarks] * self.landmark_weights[..., None]).sum(1)
        result[KNOWN_68] = vertices_cm[self.known]
        for side in (0, 1):
            radius = self.eye_radius(neutral_cm, side)
            inner = self.iris_radius(neutral_cm, side)
            ring = inner * np.array([(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)])
            local = np.column_stack([ring, np.full(5, np.sqrt(radius**2 - inner**2))])
            result[list(IRISES[side])] = local @ turn_of(gaze[side]).T + self.eye_centre(neutral_cm, side)
        return result

    def lids(self, vertices_cm: Floats) -> Floats:
        """(2, 2, 9, 3) points of the upper and lower lid of the left and right eye, from corner to corner."""
        skin = (vertices_cm[self.landmarks] * self.landmark_weights[..., None]).sum(1)
        return np.array([[skin[list(eye.upper)], skin[list(eye.lower)]] for eye in EYES], np.float32)

    def normals(self, vertices_cm: Floats) -> Floats:
        """(V, 3) unit normals, mean of the facets around weighted by area."""
        first = vertices_cm[self.facets[:, 0]]
        across = np.cross(vertices_cm[self.facets[:, 1]] - first, vertices_cm[self.facets[:, 2]] - first)
        normals = self.facet_sum @ across
        return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9), np.float32)


def childlike(adult_cm: Floats) -> Floats:
    """(V, 3) offsets to a child's proportions: a short lower face, a small nose, a narrow neck, round cheeks, a high forehead.

    Eyes and what moves lids and lips stay as they are, so that all expressions still close.
    """
    x, y, z = adult_cm.T
    offset = np.zeros_like(adult_cm)
    eyes, chin = 3.6, -8.0
    below = np.clip((eyes - 1.6 - y) / (eyes - 1.6 - chin), 0.0, 1.6)
    offset[:, 1] = 1.9 * below + 0.07 * np.maximum(y - 6.0, 0.0)
    nose = np.exp(-((x / 1.9) ** 2) - ((y + 0.3) / 2.2) ** 2) * np.clip((z - 10.0) / 2.0, 0.0, 1.0)
    offset[:, 2] = -0.75 * nose - 0.5 * np.exp(-((x / 3.0) ** 2) - ((y + 7.0) / 2.0) ** 2) * (z > 5)
    for side in (1.0, -1.0):
        cheek = np.exp(-(((x - 5.2 * side) / 2.6) ** 2) - ((y + 2.6) / 2.6) ** 2 - ((z - 6.5) / 4.0) ** 2)
        offset[:, 0] += 0.5 * side * cheek
        offset[:, 2] += 0.3 * cheek
    offset[:, 0] -= 0.3 * x * np.clip((-8.5 - y) / 3.0, 0.0, 1.0)
    return offset.astype(np.float32)


def turn_of(gaze: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) rotation of an eye that looks `yaw` to the actor's left and `pitch` up, radians."""
    (cy, cp), (sy, sp) = np.cos(gaze), np.sin(gaze)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    return np.asarray(about_y @ about_x)


def read_head(folder: Path) -> Head:
    """Read ICT-FaceKit's folder (some ten seconds); raises InputError where it is none."""
    ict = read_ict(folder, with_identity=True)
    where = ict_landmarks()
    source = ict.part(*PARTS)
    place = np.full(len(ict.neutral_cm), -1, np.int32)
    place[source] = np.arange(len(source), dtype=np.int32)
    corner_vertex, corner_uv, triangles = _corners(ict, place)
    facets = np.concatenate([corner_vertex[part] for part in triangles.values()])
    rows = facets.ravel()
    columns = np.repeat(np.arange(len(facets)), 3)
    shape = (len(source), len(facets))
    return Head(
        neutral_cm=ict.neutral_cm[source].astype(np.float32),
        identity_cm=np.ascontiguousarray(ict.identity_cm[:, source].reshape(len(ict.identity_cm), -1)),
        expressions_cm=our_expressions(ict)[:, source].reshape(len(arkit.NAMES), -1).astype(np.float32),
        parts={name: place[ict.part(name)] for name in PARTS},
        corner_vertex=corner_vertex,
        corner_uv=corner_uv,
        triangles=triangles,
        source=source.astype(np.int32),
        landmarks=place[where["corners"].astype(np.int64)],
        landmark_weights=where["weights"].astype(np.float32),
        known=place[ict.landmarks68],
        facets=facets,
        facet_sum=sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape),
    )


def our_expressions(ict: IctModel) -> NDArray[np.float64]:
    """(52, all vertices, 3): ICT-FaceKit's shapes as our face models keep them, and a tongue of our own.

    Lips and lids close as in `face_model.contacts`; what lies inside the head (teeth, eyes) only takes the scale.
    ICT-FaceKit lacks tongueOut: ours moves the tongue only, so that no landmark moves, as in our face models.
    """
    where = ict_landmarks()
    corners, weights = where["corners"].astype(np.int64), where["weights"].astype(np.float64)
    zero = np.zeros(ict.neutral_cm.shape)
    raw = np.stack([zero if (shape := ict.arkit_shape(name)) is None else shape for name in arkit.NAMES])
    few = raw[[arkit.INDEX[name] for name in CONTACTS]]

    def at_skin(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((values[corners] * weights[..., None]).sum(1))

    kept = keep_contacts(raw, ict.neutral_cm, at_skin)
    inside = ict.part("M_GumsTongue", "M_Teeth", *EYEBALLS)
    for name, before in zip(CONTACTS, few, strict=True):
        after = kept[arkit.INDEX[name]]
        scale = (after * before).sum() / (before * before).sum()
        after[inside] = scale * before[inside]
    kept[arkit.INDEX["tongueOut"], TONGUE] = tongue_out(ict.neutral_cm[TONGUE])
    return np.asarray(kept)


def tongue_out(tongue_cm: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3) offsets that push the tongue over the lower teeth some two centimetres out of the mouth, its tip down."""
    x, y, z = tongue_cm.T
    far = np.clip((z - 4.0) / 5.7, 0.0, 1.0)
    middle = -4.0
    lift = 0.75 * far - 1.9 * far**4 - 0.4 * far * (y - middle)
    return np.stack([-0.12 * far * x, lift, 4.3 * far**1.2], axis=1)


def _corners(ict: IctModel, place: Indices) -> tuple[Indices, Floats, dict[str, Indices]]:
    """One corner per vertex and place in the texture, and the triangles of each part over them."""
    fans: dict[str, list[tuple[int, int]]] = {name: [] for name in PARTS}
    for polygon, uvs, material in zip(ict.polygons, ict.polygon_uvs, ict.materials, strict=True):
        if material in fans:
            corners = list(zip(polygon, uvs, strict=True))
            for i in range(1, len(corners) - 1):
                fans[material] += [corners[0], corners[i], corners[i + 1]]
    every = np.array([corner for fan in fans.values() for corner in fan], dtype=np.int64)
    distinct, number = np.unique(every, axis=0, return_inverse=True)
    triangles, start = {}, 0
    for name, fan in fans.items():
        triangles[name] = number[start : start + len(fan)].reshape(-1, 3).astype(np.int32)
        start += len(fan)
    uv = ict.uv[distinct[:, 1]]
    uv = uv - np.floor(uv)
    return place[distinct[:, 0]], uv.astype(np.float32), triangles
