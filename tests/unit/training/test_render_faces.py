"""Rendered training faces: the same from the same seed, and labels that say what is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("moderngl")
import moderngl
from scipy.spatial.transform import Rotation
from understudy.inference.arkit import INDEX
from understudy.inference.face_model.rims import INNER_LIPS
from understudy.training.faces.camera import View
from understudy.training.render_faces import main
from understudy.training.renderer import studio as room
from understudy.training.renderer.drawing import DRAWN, SIZE
from understudy.training.renderer.head import Head, read_head
from understudy.training.renderer.studio import Studio
from understudy.training.shards import ARRAYS, Row, write_shard

SEED = 800_000


@pytest.fixture(scope="session")
def head(face_x_model: Path) -> Head:
    return read_head(face_x_model)


@pytest.fixture(scope="session")
def studio(head: Head) -> Studio:
    try:
        moderngl.create_context(standalone=True, backend="egl").release()
    except Exception as error:  # noqa: BLE001 - without a driver moderngl raises no class of its own
        pytest.skip(f"needs OpenGL through EGL: {error}")
    return Studio(head)


@pytest.fixture
def posed(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Row]:
    """Shoots a chosen expression at a chosen yaw, with nothing in the way."""

    def shoot(yaw_deg: float, **values: float) -> Row:
        coefficients = np.zeros(52, np.float32)
        for name, value in values.items():
            coefficients[INDEX[name]] = value
        turn = Rotation.from_euler("y", yaw_deg, degrees=True).as_matrix()
        monkeypatch.setattr(room, "random_expression", lambda _: (coefficients, np.zeros((2, 2))))
        monkeypatch.setattr(room, "random_view", lambda _: View(turn, np.array([0.0, -2.0, -60.0])))
        monkeypatch.setattr(room, "random_occluder", lambda *_: None)
        return studio.shoot(bare)

    bare = next(s for s in range(SEED, SEED + 400, 8) if _is_bare(studio, s))
    return shoot


def _is_bare(studio: Studio, seed: int) -> bool:
    """No hair over the face and no glasses."""
    sample = studio.shoot(seed)
    return not (sample.hair_over or sample.glasses) and sample.beard == 0


def same(one: Row, other: Row) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Row))


def test_the_same_seed_gives_the_same_bytes(studio: Studio, head: Head) -> None:
    first = studio.shoot(SEED + 3)
    assert not np.array_equal(first.images, studio.shoot(SEED + 11).images)  # another actor in between
    assert same(first, studio.shoot(SEED + 3))
    assert same(first, Studio(head).shoot(SEED + 3))


def test_pictures_show_something_and_the_face_fills_them(studio: Studio) -> None:
    for seed in range(SEED, SEED + 40, 8):
        sample = studio.shoot(seed)
        assert sample.images.shape == (SIZE, SIZE, 3)
        assert sample.images.std() > 8
        box = np.ptp(sample.points[:478, :2], axis=0)
        assert SIZE / 1.5 * 0.7 < box.max() < SIZE / 1.5 * 1.25  # heads may tilt
        assert np.abs(sample.points[:478, :2].mean(0) - SIZE / 2).max() < SIZE / 8


def test_visible_points_lie_on_what_is_drawn(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, np.ndarray] = {}
    draw = studio._canvas.draw

    def spy(shot: room.Shot) -> tuple[np.ndarray, np.ndarray]:
        picture, distance = draw(shot)
        seen["distance"], seen["away"] = distance, np.array([-shot.view.position_cm[2], shot.crop.focal_px])
        return picture, distance

    monkeypatch.setattr(studio._canvas, "draw", spy)
    for seed in range(SEED, SEED + 24, 3):
        sample = studio.shoot(seed)
        away, focal = seen["away"]
        column, row = np.clip(sample.points[:, :2] * DRAWN / SIZE, 0, DRAWN - 1).astype(int).T
        drawn_cm = seen["distance"][row, column]
        point_cm = away + sample.points[:, 2] * away / focal
        skin = (sample.visible == 1) & (np.arange(len(point_cm)) < 468)
        assert np.median(np.abs(drawn_cm - point_cm)[skin]) < 0.05


def test_what_is_turned_away_is_hidden(posed: Callable[..., Row]) -> None:
    front, left = posed(0.0), posed(60.0)
    assert front.visible[:478].mean() > 0.9
    assert front.visible[[33, 133, 362, 263, 468, 473]].all()
    near, far = (33, 468, 234), (263, 473, 454)  # turned to the actor's left, the right side is seen
    assert left.visible[list(near)].all()
    assert not left.visible[list(far)].any()


def test_closed_lids_hide_the_irises(posed: Callable[..., Row]) -> None:
    closed = posed(0.0, eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    assert not closed.visible[468:478].any()
    wink = posed(0.0, eyeBlinkLeft=1.0)
    assert wink.visible[468]
    assert not wink.visible[473]


def test_lips_close_over_the_open_jaw(head: Head) -> None:
    values = np.zeros(52, np.float32)
    values[[INDEX["jawOpen"], INDEX["mouthClose"]]] = 0.6
    still = np.zeros((2, 2))
    points = head.points(head.neutral_cm, head.posed(head.neutral_cm, values, still), still)
    rest = head.points(head.neutral_cm, head.neutral_cm, still)
    upper, lower = list(INNER_LIPS.upper[1:-1]), list(INNER_LIPS.lower[1:-1])
    gap = np.linalg.norm((points[upper] - points[lower]) - (rest[upper] - rest[lower]), axis=1)
    assert gap.max() < 0.05


def test_a_shard_is_whole_and_not_rendered_twice(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard(tmp_path / "shard_0000", map(studio.shoot, range(SEED, SEED + 3)), 3)
    for name, (shape, kind) in ARRAYS.items():
        if name == "weight":  # all points are true
            continue
        array = np.load(tmp_path / "shard_0000" / f"{name}.npy", mmap_mode="r")
        assert array.shape == (3, *shape)
        assert array.dtype == np.dtype(kind)
    assert np.load(tmp_path / "shard_0000" / "seed.npy").tolist() == [SEED, SEED + 1, SEED + 2]
    assert np.array_equal(np.load(tmp_path / "shard_0000" / "images.npy")[1], studio.shoot(SEED + 1).images)
    monkeypatch.setattr("understudy.training.render_faces.read_head", lambda _: None)
    monkeypatch.setattr("understudy.training.render_faces.Studio", lambda _: studio)
    before = (tmp_path / "shard_0000" / "images.npy").stat().st_mtime_ns
    assert main(["ICT", "-o", str(tmp_path), "--seeds", "0-3", "--per-shard", "2"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shard_0000", "shard_0001"]
    assert (tmp_path / "shard_0000" / "images.npy").stat().st_mtime_ns == before
    assert len(np.load(tmp_path / "shard_0001" / "seed.npy")) == 2
