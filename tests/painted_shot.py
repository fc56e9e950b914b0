"""A take and a film of a painted face whose skin and light are known: triangles filled with colour, no renderer."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from understudy.inference import arkit
from understudy.inference.face_model import load
from understudy.inference.light.types import ShotLight
from understudy.inference.media.writer import VideoWriter
from understudy.inference.take import Take
from understudy.inference.texture.layout import face_surface
from understudy.inference.texture.views import ActorFace, encoded

FPS = Fraction(25)
SIZE = (256, 256)
SKIN = np.array([0.42, 0.24, 0.18])
WALL = 70


@dataclass(frozen=True)
class PaintedShot:
    """What was filmed and how."""

    take: Take
    film: Path
    light: ShotLight

    @staticmethod
    def skin(uv: np.ndarray) -> np.ndarray:
        """(N, 3) linear colour of the skin at places (N, 2) of the layout: a dark patch on the actor's left cheek."""
        patch = np.linalg.norm(uv - [0.68, 0.42], axis=1) < 0.05
        return SKIN * np.where(patch, 0.5, 1.0)[:, None]


def painted_take(frames: int = 12, identity: float = 0.8) -> Take:
    """A head that turns from side to side with a calm face."""
    model = load("default")
    parameters = np.zeros(len(model.identity_modes_cm), np.float32)
    parameters[:4] = identity * np.array([1, -1, 1, -1])
    yaw = np.radians(np.linspace(-28, 28, frames))
    rotation = [[[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]] for a in yaw]
    return Take(
        names=arkit.NAMES,
        coefficients=np.zeros((frames, 52), np.float32),
        confidence=np.ones(frames, np.float32),
        time_s=np.arange(frames) / float(FPS),
        rotation=np.array(rotation, np.float32),
        translation_cm=np.tile(np.array([0, 0, -60], np.float32), (frames, 1)),
        gaze=np.zeros((frames, 2, 2), np.float32),
        camera_matrix=np.array([[600.0, 0, SIZE[0] / 2], [0, 600.0, SIZE[1] / 2], [0, 0, 1]]),
        landmarks_px=np.full((frames, 478, 2), np.nan, np.float32),
        identity=parameters,
        neutral_cm=(model.mean_cm + np.einsum("i,ivc->vc", parameters, model.identity_modes_cm)).astype(np.float32),
        fps=FPS,
        frame_size=SIZE,
        frame_index=np.arange(frames, dtype=np.int64),
        face_model="default",
        source_sha256="",
        tool_version="test",
    )


def painted_shot(folder: Path, light: ShotLight, frames: int = 12) -> PaintedShot:
    """Film the head under `light`; the film is `folder/painted.mkv`, without loss."""
    take = painted_take(frames)
    face, surface = ActorFace(take, load("default")), face_surface()
    skin = PaintedShot.skin(surface.uv)
    path = folder / "painted.mkv"
    with VideoWriter(path, *SIZE, FPS, codec="ffv1") as film:
        for row in range(frames):
            view = face.view(row)
            colours = encoded(skin * light.shading(view.normals)) * 255
            depth = -(face.points_cm @ take.rotation[row].T + take.translation_cm[row])[:, 2]
            film.write(_filled(view.points_px, depth, colours, surface.triangles), float(take.time_s[row]))
    return PaintedShot(take, path, light)


def _filled(points_px: np.ndarray, depth: np.ndarray, colours: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    picture = np.full((SIZE[1], SIZE[0], 3), WALL, np.uint8)
    for corners in triangles[np.argsort(-depth[triangles].mean(axis=1))]:
        colour = tuple(float(part) for part in colours[corners].mean(axis=0).round())
        shape = np.round((points_px[corners] - 0.5) * 16).astype(np.int32)
        cv2.fillConvexPoly(picture, shape, colour, lineType=cv2.LINE_AA, shift=4)
    return picture
