"""What MediaPipe's points say of lids and lips alone: eyes open and shut, lips apart and touching."""

from __future__ import annotations

import numpy as np
import pytest
from understudy.inference import face_model
from understudy.inference.solve.geometry import Array, Camera, Poses, project, rotation_from_vector
from understudy.inference.solve.identity import mesh_points
from understudy.inference.solve.lids import EYES
from understudy.inference.solve.lips import LOWER_LIP, UPPER_LIP
from understudy.inference.solve.second_reading import SecondReading, lids_and_lips
from understudy.inference.solve.timeline import Timeline

MEAN, _, _ = mesh_points(face_model.load("default"))
CAMERA = Camera(800.0, (256.0, 240.0))
COUNT = 60
BLINK, WINK = slice(20, 23), slice(40, 43)
TOUCHING_CM, APART_CM = 0.02, 0.4


def moving_head() -> Poses:
    """A head that turns to and fro."""
    phase = np.linspace(0.0, 6.0, COUNT)
    turns = np.stack([0.1 * np.sin(phase), 0.3 * np.cos(phase), 0.1 * np.cos(2 * phase)], 1)
    return Poses(rotation_from_vector(turns), np.stack([np.sin(phase), np.cos(phase), -50 + phase], 1))


def read(opened: Array, lips_cm: Array) -> SecondReading:
    """The mean face with eyes open to the part (T, 2), and so much between its 9 pairs of inner lip points (T, 9)."""
    points = np.repeat(MEAN[None], COUNT, 0)
    for eye, (_, upper, lower) in enumerate(EYES):
        middle = (MEAN[list(upper)] + MEAN[list(lower)]) / 2
        half = opened[:, eye, None, None] * (MEAN[list(upper)] - middle)
        points[:, list(upper)], points[:, list(lower)] = middle + half, middle - half
    middle = (MEAN[list(UPPER_LIP)] + MEAN[list(LOWER_LIP)]) / 2
    half = lips_cm[..., None] / 2 * np.array([0.0, 1.0, 0.0])
    points[:, list(UPPER_LIP)], points[:, list(LOWER_LIP)] = middle + half, middle - half
    head = moving_head()
    points_px = project(points, head, CAMERA)
    return lids_and_lips(points_px, head, MEAN, CAMERA, Timeline(np.arange(COUNT) / 25), np.zeros(COUNT, bool))


def test_a_blink_shuts_both_eyes_there_and_a_wink_one() -> None:
    seen = np.ones((COUNT, 2))
    seen[BLINK], seen[WINK, 0] = 0.1, 0.1  # so much is left of closed eyes in points
    found = read(seen, np.full((COUNT, 9), TOUCHING_CM)).opened
    assert found.shape == (COUNT, 2)
    assert found[BLINK].max() < 0.05
    assert found[WINK, 0].max() < 0.05
    assert found[seen == 1].min() > 0.9
    assert found[seen == 1].max() < 1.1


@pytest.mark.parametrize(
    ("apart", "touching"),
    [((), (1, 1, 1)), (range(9), (0, 0, 0)), (range(3), (0, 1, 1)), (range(6, 9), (1, 1, 0))],
)
def test_each_part_of_the_lips_touches_by_itself(apart: range, touching: tuple[int, int, int]) -> None:
    lips_cm = np.full((COUNT, 9), TOUCHING_CM)
    lips_cm[:, list(apart)] = APART_CM
    found = read(np.ones((COUNT, 2)), lips_cm).touching
    np.testing.assert_allclose(found, np.tile(touching, (COUNT, 1)))


def test_it_says_nothing_else_of_the_coefficients() -> None:
    found = read(np.ones((COUNT, 2)), np.full((COUNT, 9), APART_CM))
    assert found.evidence(slice(None)) is None
