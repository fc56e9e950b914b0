"""The mesh of each frame of a known performance, and the truth file beside a rendered clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from performance_script import FPS, Performance
from understudy.inference.face_model.ict_folder import IctModel
from understudy.models.ict_eyes import EYEBALLS, eyeball, gaze_rotation

CAMERA_HEIGHT_CM = 2.8


def neutral_of(ict: IctModel, identity: NDArray[np.float64]) -> NDArray[np.float64]:
    """(V, 3) this actor's neutral head in cm."""
    return ict.neutral_cm + np.einsum("i,ivk->vk", identity, ict.identity_cm)


def posed(ict: IctModel, performance: Performance, neutral: NDArray[np.float64], frame: int) -> NDArray[np.float64]:
    """(V, 3) the neutral head with the frame's shapes, both eyeballs turned about their centres."""
    vertices = neutral.copy()
    for name, value in zip(performance.names, performance.coefficients[frame], strict=True):
        if value:
            vertices += value * ict.shapes_cm[name]
    for side, material in enumerate(EYEBALLS):
        part, (centre, _) = ict.part(material), eyeball(ict, neutral, side)
        turn = gaze_rotation(*performance.gaze[frame, side])
        vertices[part] = (vertices[part] - centre) @ turn.T + centre
    return vertices


def in_camera(performance: Performance, frame: int, points_cm: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 3) points of the posed head in camera axes (x right, y up, z toward the camera)."""
    camera = np.array([0.0, CAMERA_HEIGHT_CM, performance.camera_distance_cm])
    return points_cm @ performance.rotation[frame].T + performance.translation_cm[frame] - camera


def project(performance: Performance, points_camera_cm: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 2) corner-convention pixels."""
    across = np.column_stack([points_camera_cm[:, 0], -points_camera_cm[:, 1]]) / -points_camera_cm[:, 2:]
    return np.asarray(across * performance.camera_matrix[0, 0] + performance.camera_matrix[:2, 2])


def write_truth(ict: IctModel, performance: Performance, path: Path) -> None:
    """Everything known, in the layout of the project's synthetic clips (and the gaze of each eye); written whole."""
    neutral = neutral_of(ict, performance.identity)
    landmarks = [
        project(performance, in_camera(performance, frame, posed(ict, performance, neutral, frame)[ict.landmarks68]))
        for frame in range(len(performance.coefficients))
    ]
    partial = path.with_name(path.name + ".partial.npz")
    np.savez_compressed(
        partial,
        names=np.array(performance.names),
        coefficients=performance.coefficients,
        identity=performance.identity,
        rotation=performance.rotation,
        translation_cm=performance.translation_cm,
        K=performance.camera_matrix,
        camera_distance_cm=performance.camera_distance_cm,
        camera_height_cm=CAMERA_HEIGHT_CM,
        landmarks68_px=np.array(landmarks),
        gaze=performance.gaze,
        fps=float(FPS),
    )
    partial.replace(path)
