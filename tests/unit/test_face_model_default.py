"""The default face model: what ships, its symmetry, and what its shapes do to lids, lips and brows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from understudy.inference import face_model
from understudy.inference.arkit import INDEX, NAMES
from understudy.inference.errors import UsageError
from understudy.inference.face_model import load

RIGHT_EYE = ((246, 161, 160, 159, 158, 157, 173), (7, 163, 144, 145, 153, 154, 155))
LEFT_EYE = ((398, 384, 385, 386, 387, 388, 466), (382, 381, 380, 374, 373, 390, 249))
LIPS = ((191, 80, 81, 82, 13, 312, 311, 310, 415), (95, 88, 178, 87, 14, 317, 402, 318, 324))
RIGHT_CORNER, LEFT_CORNER = 61, 291
FLIP = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def model():
    return load("default")


def face(model, **coefficients):
    """(478, 3) the mean face with these shapes."""
    weights = np.zeros(len(NAMES))
    for name, value in coefficients.items():
        weights[INDEX[name]] = value
    return model.mean_cm + np.einsum("k,kvc->vc", weights, model.expressions_cm)


def lid_gaps_cm(points, eye):
    """How far each upper rim landmark stands above the lower rim."""
    lower = points[list(eye[1])]
    lower = lower[np.argsort(lower[:, 0])]
    upper = points[list(eye[0])]
    return upper[:, 1] - np.interp(upper[:, 0], lower[:, 0], lower[:, 1])


def lip_gaps_cm(points):
    return np.linalg.norm(points[list(LIPS[0])] - points[list(LIPS[1])], axis=1)


def mirror_of(model):
    """Partner of each vertex, found from the mean face alone."""
    distance = np.linalg.norm(model.mean_cm[:, None] * FLIP - model.mean_cm[None], axis=2)
    lips = [i for rim in LIPS for i in rim]  # upper and lower inner lips coincide at rest
    partner = distance.argmin(axis=1)
    for rim in LIPS:
        for a, b in zip(rim, rim[::-1], strict=True):
            partner[a] = b
    assert distance[np.arange(len(partner)), partner].max() < 1e-3
    assert len(set(partner[[i for i in range(478) if i not in lips]])) == 478 - len(lips)
    return partner


def test_file_is_small_and_says_where_it_comes_from():
    assert face_model.DEFAULT_FILE.stat().st_size < 1_000_000
    with np.load(face_model.DEFAULT_FILE, allow_pickle=False) as data:
        assert "ICT-FaceKit" in str(data["notice"])


def test_arrays_have_the_promised_shapes(model):
    assert model.mean_cm.shape == (478, 3)
    assert model.expressions_cm.shape == (52, 478, 3)
    assert model.identity_modes_cm.shape[0] >= 40
    assert model.identity_modes_cm.shape[1:] == (478, 3)
    assert np.isfinite(model.identity_modes_cm).all()
    assert np.isfinite(model.expressions_cm).all()
    assert not model.expressions_cm[INDEX["tongueOut"]].any()
    moving = [name for name in NAMES if np.abs(model.expressions_cm[INDEX[name]]).max() > 0.15]
    assert set(NAMES) - set(moving) == {"tongueOut"}


def test_callers_cannot_change_the_shared_model(model):
    assert load("default") is model
    with pytest.raises(ValueError, match="read-only"):
        model.mean_cm[0, 0] = 1.0


def test_unknown_specification_is_a_usage_error():
    for spec in ("head", "flame", "ict:", "obj:head.obj", ""):
        with pytest.raises(UsageError, match=f"Unknown face model '{spec}'"):
            load(spec)


def test_size_is_that_of_a_person(model):
    eyes_apart_cm = np.linalg.norm(model.eye_centres_cm[0] - model.eye_centres_cm[1])
    assert 5.8 < eyes_apart_cm < 6.8
    assert 11.0 < np.ptp(model.mean_cm[:, 1]) < 20.0
    assert model.mean_cm[4, 2] == model.mean_cm[:, 2].max()  # the tip of the nose


def test_eyes_lie_inside_the_head_on_their_own_side(model):
    left, right = model.eye_centres_cm
    assert left[0] > 0 > right[0]
    for centre, eye, iris in ((left, LEFT_EYE, 473), (right, RIGHT_EYE, 468)):
        rim = model.mean_cm[[i for edge in eye for i in edge]]
        assert centre[2] < rim[:, 2].min()
        assert rim[:, 0].min() < centre[0] < rim[:, 0].max()
        ring = np.linalg.norm(model.mean_cm[iris + 1 : iris + 5] - centre, axis=1)
        assert ring == pytest.approx(model.eye_radius_cm, abs=1e-3)
    assert not model.expressions_cm[:, 468:].any()


def test_mirrored_names_have_mirrored_offsets(model):
    partner = mirror_of(model)
    for name in NAMES:
        twin = name.replace("Left", "Right") if "Left" in name else name.replace("Right", "Left")
        mirrored = model.expressions_cm[INDEX[twin]][partner] * FLIP
        assert np.abs(mirrored - model.expressions_cm[INDEX[name]]).max() < 0.01, name


def test_triangles_face_outward_and_leave_holes_for_eyes_and_mouth(model):
    directed = Counter((int(a), int(b)) for t in model.triangles for a, b in zip(t, np.roll(t, -1), strict=True))
    assert max(directed.values()) == 1
    border = {a: b for a, b in directed if (b, a) not in directed}
    loops = []
    while border:
        start, loop = next(iter(border)), []
        while start in border:
            loop.append(start)
            start = border.pop(start)
        loops.append(len(loop))
    assert sorted(loops) == [16, 16, 20, 36]
    corners = model.mean_cm[model.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (normals[:, 2] > 0).mean() > 0.9


def test_lips_meet_at_rest_for_everyone(model):
    assert lip_gaps_cm(model.mean_cm).max() < 1e-4
    rng = np.random.default_rng(3)
    for _ in range(5):
        person = rng.normal(size=len(model.identity_modes_cm))
        assert lip_gaps_cm(model.mean_cm + np.einsum("i,ivc->vc", person, model.identity_modes_cm)).max() < 0.02


def test_jaw_open_parts_the_lips_and_mouth_close_joins_them(model):
    opened = lip_gaps_cm(face(model, jawOpen=1.0))
    assert opened[4] > 2.5
    assert (opened > 1.0).all()
    assert lip_gaps_cm(face(model, jawOpen=0.6, mouthClose=0.6)).max() < 0.02
    chin, brow = 152, 105
    moved = np.linalg.norm(model.expressions_cm[INDEX["jawOpen"]], axis=1)
    assert moved[chin] > 2.0
    assert moved[brow] < 0.1


@pytest.mark.parametrize(
    ("name", "closing", "open_eye"), [("eyeBlinkLeft", LEFT_EYE, RIGHT_EYE), ("eyeBlinkRight", RIGHT_EYE, LEFT_EYE)]
)
def test_blink_closes_its_own_lids_only(model, name, closing, open_eye):
    closed = face(model, **{name: 1.0})
    assert lid_gaps_cm(model.mean_cm, closing).max() > 0.7
    assert np.abs(lid_gaps_cm(closed, closing)).max() < 0.01
    assert lid_gaps_cm(closed, open_eye) == pytest.approx(lid_gaps_cm(model.mean_cm, open_eye), abs=0.01)


@pytest.mark.parametrize(
    ("name", "point", "axis", "least_cm"),
    [
        ("mouthSmileLeft", LEFT_CORNER, 1, 0.4),
        ("mouthSmileRight", RIGHT_CORNER, 1, 0.4),
        ("mouthFrownLeft", LEFT_CORNER, 1, -0.2),
        ("mouthLeft", 13, 0, 0.4),
        ("mouthRight", 13, 0, -0.4),
        ("jawLeft", 152, 0, 0.3),
        ("jawForward", 152, 2, 0.3),
        ("browInnerUp", 107, 1, 0.2),
        ("browOuterUpLeft", 334, 1, 0.3),
        ("browDownRight", 105, 1, -0.2),
        ("mouthPucker", 13, 2, 0.2),
        ("cheekPuff", 207, 2, 0.1),
        ("eyeWideLeft", 386, 1, 0.1),
        ("eyeLookDownRight", 159, 1, -0.2),
        ("noseSneerRight", 98, 1, 0.1),
        ("mouthUpperUpLeft", 312, 1, 0.2),
        ("mouthLowerDownLeft", 317, 1, -0.2),
    ],
)
def test_shape_moves_its_landmark_the_right_way(model, name, point, axis, least_cm):
    moved = model.expressions_cm[INDEX[name], point, axis]
    assert moved * np.sign(least_cm) > abs(least_cm)


def test_default_file_lies_beside_the_code():
    assert Path(face_model.__file__).parent == face_model.DEFAULT_FILE.parent
