"""Skin and light from a painted film whose skin and light are known, and the file of a light."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from painted_shot import SIZE, SKIN, PaintedShot, painted_shot
from understudy.inference import take as takes
from understudy.inference.cli import main
from understudy.inference.errors import InputError, UsageError
from understudy.inference.face_model import load
from understudy.inference.light import ShotLight, load_light, save_light
from understudy.inference.light.estimate import estimate_light, fit_light
from understudy.inference.media.images import read_png
from understudy.inference.texture import shot as texture_shot
from understudy.inference.texture.fusion import filled, weighted_median
from understudy.inference.texture.layout import CENTRE, face_surface, head_uv
from understudy.inference.texture.shot import best_frames, texture_from_footage
from understudy.inference.texture.texels import face_texels
from understudy.inference.texture.views import ActorFace, encoded, linear, plain_skin

SIDE = 256


def toward(azimuth_deg: float, height_deg: float) -> tuple[float, float, float]:
    """Unit vector: azimuth to the right in the picture, height above the camera's axis."""
    a, h = np.radians([azimuth_deg, height_deg])
    return float(np.sin(a) * np.cos(h)), float(np.sin(h)), float(np.cos(a) * np.cos(h))


def lit_from(azimuth_deg: float, height_deg: float) -> ShotLight:
    none = (0.0, 0.0, 0.0)
    return ShotLight((0.35, 0.35, 0.35), (none, none, none), (0.6, 0.6, 0.6), toward(azimuth_deg, height_deg))


def angle_deg(first: object, second: object) -> float:
    return float(np.degrees(np.arccos(np.clip(np.dot(np.array(first), np.array(second)), -1, 1))))


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> PaintedShot:
    return painted_shot(tmp_path_factory.mktemp("painted"), lit_from(-50, 25))


def test_the_layout_folds_nowhere_and_mirrors() -> None:
    surface = face_surface()
    a, b, c = surface.uv[surface.triangles].transpose(1, 0, 2)
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    assert (area > 0).mean() > 0.999
    mirrored = surface.uv * [-1, 1] + [1, 0]
    nearest = np.sqrt(((mirrored[:468, None] - surface.uv[None, :468]) ** 2).sum(2).min(1))
    assert np.percentile(nearest, 95) < 0.004
    assert (surface.uv > 0).all()
    assert (surface.uv < 1).all()


def test_the_actors_left_is_at_the_right_and_the_head_goes_on_from_the_oval() -> None:
    surface = face_surface()
    left_eye, right_eye, chin = surface.uv[263], surface.uv[33], surface.uv[152]
    assert left_eye[0] > 0.5 > right_eye[0]
    assert chin[1] < 0.2
    edge = head_uv(np.array([0.0, 0.5, -0.5]), np.zeros(3))
    assert np.allclose(edge[0], surface.uv[10], atol=1e-9)
    assert edge[1, 0] > 0.8
    assert edge[2, 0] < 0.2
    collar = head_uv(np.linspace(-1, 1, 50), np.ones(50))
    assert ((collar > 0) & (collar < 1)).all()
    assert (np.linalg.norm(collar - CENTRE, axis=1) > np.linalg.norm(surface.uv - CENTRE, axis=1).max() - 0.05).all()


def test_texels_find_their_skin() -> None:
    texels = face_texels(SIDE)
    found = texels.carried(face_surface().uv) * [SIDE, -SIDE] + [0, SIDE]
    off = np.abs(found - np.stack([texels.columns, texels.rows], 1) - 0.5)
    assert np.percentile(off, 99) < 1.0
    assert off.mean() < 0.15


def test_colours_go_to_linear_light_and_back() -> None:
    values = np.linspace(0, 1, 33)
    assert np.allclose(encoded(linear(values)), values, atol=1e-5)
    assert linear(np.array([0.5]))[0] == pytest.approx(0.2140, abs=1e-3)


def test_the_texture_is_the_skin_without_its_light(shot: PaintedShot) -> None:
    found = texture_from_footage(shot.take, shot.film, load("default"), side=SIDE, light=shot.light)
    texels = face_texels(SIDE)
    picture = linear(found.rgb[texels.rows, texels.columns].astype(np.float32) / 255)
    uv = texels.carried(face_surface().uv)
    face = ActorFace(shot.take, load("default"))
    plain = texels.carried(plain_skin(face.points_cm).astype(np.float32)) > 0.99
    true = PaintedShot.skin(uv)
    # The brightness of the whole is free: light and skin share it.
    scale = np.median(picture[plain] / true[plain])
    off = np.abs(picture[plain] / scale / true[plain] - 1).mean(axis=1)
    assert scale == pytest.approx(1.0, abs=0.12)
    assert np.median(off) < 0.05
    assert np.percentile(off, 90) < 0.15
    left, right = uv[:, 0] > 0.62, uv[:, 0] < 0.38
    assert picture[plain & left].mean() < picture[plain & right].mean()  # the patch is on the left only
    patch = np.linalg.norm(uv - [0.68, 0.42], axis=1) < 0.03
    assert picture[patch].mean() / picture[plain].mean() == pytest.approx(0.5, abs=0.15)
    assert found.frames == len(shot.take)
    assert 0.4 < found.coverage <= 1.0
    assert np.allclose(np.array(found.skin) / scale, SKIN, rtol=0.1)


def test_what_was_not_seen_is_skin_too(shot: PaintedShot) -> None:
    turned = replace(shot.take, confidence=np.r_[np.ones(3), np.zeros(9)].astype(np.float32))  # only one side is shown
    found = texture_from_footage(turned, shot.film, load("default"), side=SIDE, light=shot.light)
    picture = linear(found.rgb.astype(np.float32) / 255)
    skin = np.array(found.skin)
    assert found.frames == 3
    assert np.abs(picture / skin - 1).mean(axis=2)[:8].max() < 0.1  # beyond the face
    middle = picture[SIDE // 3 : SIDE // 2, SIDE // 4 : 3 * SIDE // 4]
    assert (middle.mean(axis=2) > 0.3 * skin.mean()).mean() > 0.97


def test_wall_and_hair_do_not_get_into_the_skin(shot: PaintedShot) -> None:
    found = texture_from_footage(shot.take, shot.film, load("default"), side=SIDE, light=shot.light)
    texels = face_texels(SIDE)
    tone = found.rgb[texels.rows, texels.columns].astype(float)
    assert ((tone[:, 0] - tone[:, 2]) > 15).mean() > 0.99  # the wall is grey


@pytest.mark.parametrize(("azimuth_deg", "height_deg"), [(-50, 25), (40, 10), (10, 45)])
def test_the_lamp_is_found_where_it_stands(tmp_path: Path, azimuth_deg: float, height_deg: float) -> None:
    shot = painted_shot(tmp_path, lit_from(azimuth_deg, height_deg), frames=5)
    found = estimate_light(shot.take, shot.film, load("default"))
    assert angle_deg(found.key_from, shot.light.key_from) < 12
    assert found.frames == 5
    assert ("left" in found.side) == (azimuth_deg < -20)
    assert ("right" in found.side) == (azimuth_deg > 20)
    normals = np.random.default_rng(2).normal(size=(200, 3))
    normals = normals[normals[:, 2] > 0.6 * np.linalg.norm(normals, axis=1)]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    ratio = found.shading(normals) / shot.light.shading(normals)
    assert np.std(ratio / ratio.mean()) < 0.06


def test_a_coloured_lamp_colours_one_side() -> None:
    rng = np.random.default_rng(4)
    vertex = rng.integers(0, len(face_surface().uv), 4000)
    normal = rng.normal(size=(4000, 3)) + [0, 0, 1.5]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    none = (0.0, 0.0, 0.0)
    light = ShotLight((0.3, 0.3, 0.3), (none, none, none), (0.9, 0.6, 0.3), toward(50, 20))
    found = fit_light(SKIN * light.shading(normal), normal, vertex, np.ones(4000))
    assert angle_deg(found.key_from, light.key_from) < 6
    assert found.key[0] / found.key[2] > 1.4 * found.ambient[0] / found.ambient[2]


def test_best_frames_are_few_calm_and_from_all_sides(shot: PaintedShot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texture_shot, "FRAMES", 6)
    coefficients = shot.take.coefficients.copy()
    coefficients[::2, shot.take.names.index("jawOpen")] = 1.0
    rows = best_frames(ActorFace(replace(shot.take, coefficients=coefficients), load("default")))
    assert rows.tolist() == [1, 3, 5, 7, 9, 11]


def test_filling_keeps_what_is_known() -> None:
    picture = np.zeros((64, 64, 3), np.float32)
    known = np.zeros((64, 64), np.float32)
    picture[20:30, 20:30], known[20:30, 20:30] = [0.2, 0.4, 0.6], 1.0
    found = filled(picture, known)
    assert np.allclose(found, [0.2, 0.4, 0.6], atol=1e-3)


def test_the_weighted_median_minds_the_weights() -> None:
    values = np.array([[[1.0]], [[2.0]], [[9.0]]], np.float32)
    assert weighted_median(values, np.array([[1.0], [1.0], [5.0]], np.float32))[0, 0] == 9.0
    assert weighted_median(values, np.array([[1.0], [1.0], [0.5]], np.float32))[0, 0] == 2.0


def test_commands_write_picture_and_light(shot: PaintedShot, tmp_path: Path) -> None:
    take, picture, light = tmp_path / "t.npz", tmp_path / "skin.png", tmp_path / "light.json"
    takes.save(shot.take, take)
    words = [str(take), "--footage", str(shot.film), "-o"]
    assert main(["texture", *words, str(picture), "--size", "128"]) == 0
    assert main(["light", *words, str(light)]) == 0
    assert read_png(picture).shape == (128, 128, 3)
    assert picture.with_suffix(".json").is_file()
    assert angle_deg(load_light(light).key_from, shot.light.key_from) < 12
    assert main(["texture", *words, str(picture)]) != 0  # it exists
    assert main(["texture", *words, str(tmp_path / "skin.jpg")]) == 2


def test_other_footage_and_other_models_are_refused(shot: PaintedShot, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another picture size"):
        texture_from_footage(replace(shot.take, frame_size=(640, 360)), shot.film, load("default"), light=shot.light)
    with pytest.raises(UsageError, match="ict"):
        texture_from_footage(replace(shot.take, face_model="ict"), shot.film, load("default"))
    with pytest.raises(InputError, match="no frame with a face"):
        estimate_light(replace(shot.take, confidence=np.zeros(12, np.float32)), shot.film, load("default"))
    later = replace(shot.take, frame_index=shot.take.frame_index + 500)
    with pytest.raises(InputError, match="shorter than the take"):
        estimate_light(later, shot.film, load("default"))
    assert shot.take.frame_size == SIZE


def test_a_light_survives_its_file(tmp_path: Path) -> None:
    light = replace(lit_from(30, 10), frames=7, misfit=0.05, gradient=((0.1, 0, 0), (0, 0.2, 0), (0, 0, 0.3)))
    save_light(light, tmp_path / "light.json")
    assert load_light(tmp_path / "light.json") == light


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ambient": [1], "gradient": 1, "key": 2, "key_from": 3}'])
def test_a_damaged_light_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "light.json").write_text(text)
    with pytest.raises(InputError, match="light"):
        load_light(tmp_path / "light.json")


@pytest.mark.parametrize(
    ("place", "words"),
    [((-50, 0), "from the left"), ((40, 40), "from the right and from above"), ((0, 0), "from the camera")],
)
def test_the_side_is_told_in_words(place: tuple[float, float], words: str) -> None:
    assert lit_from(*place).side == words
