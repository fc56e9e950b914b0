"""A take survives its file, and nothing that is not a take is taken for one."""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from understudy.inference import arkit, take
from understudy.inference.errors import InputError


def made(frames: int = 5, seed: int = 0, fps: Fraction = Fraction(30000, 1001)) -> take.Take:
    """A take of random but valid values, its second frame lost."""
    generator = np.random.default_rng(seed)
    confidence = np.ones(frames, np.float32)
    landmarks = generator.normal(size=(frames, 478, 2)).astype(np.float32)
    confidence[1:2] = 0
    landmarks[1:2] = np.nan
    return take.Take(
        names=arkit.NAMES,
        coefficients=generator.random((frames, 52)).astype(np.float32),
        confidence=confidence,
        time_s=np.arange(frames) / float(fps),
        rotation=np.broadcast_to(np.eye(3, dtype=np.float32), (frames, 3, 3)).copy(),
        translation_cm=generator.normal(size=(frames, 3)).astype(np.float32),
        gaze=generator.normal(size=(frames, 2, 2)).astype(np.float32),
        camera_matrix=np.diag([700.0, 700.0, 1.0]),
        landmarks_px=landmarks,
        identity=generator.normal(size=7).astype(np.float32),
        neutral_cm=generator.normal(size=(478, 3)).astype(np.float32),
        fps=fps,
        frame_size=(512, 481),
        frame_index=np.arange(frames),
        face_model="default",
        source_sha256="ab" * 32,
        tool_version="0.1.0",
        sigma=generator.random((frames, 52)).astype(np.float32),
    )


def assert_same(first: take.Take, second: take.Take) -> None:
    for field in fields(take.Take):
        one, other = getattr(first, field.name), getattr(second, field.name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype, field.name
            np.testing.assert_array_equal(one, other)
        else:
            assert one == other, field.name


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frames=st.integers(1, 9),
    seed=st.integers(0, 1000),
    fps=st.fractions(Fraction(1), Fraction(240), max_denominator=1001),
)
def test_round_trip(tmp_path: Path, frames: int, seed: int, fps: Fraction) -> None:
    stored = made(frames, seed, fps)
    take.save(stored, tmp_path / "a.npz")
    assert_same(take.load(tmp_path / "a.npz"), stored)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_the_name_is_kept_as_given(tmp_path: Path) -> None:
    take.save(made(), tmp_path / "new" / "shot.take")
    assert len(take.load(tmp_path / "new" / "shot.take")) == 5


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no take"):
        take.load(tmp_path / "nothing.npz")


@pytest.mark.parametrize("content", [b"", b"PK", b"not a take at all", b"\x93NUMPY\x01\x00", bytes(2000)])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(InputError):
        take.load(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        take.load(tmp_path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_takes_are_refused_or_whole(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "a.npz"
    take.save(made(2), path)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(content))
    try:
        loaded = take.load(path)
    except InputError:
        return
    assert len(loaded) == 2
    assert loaded.coefficients.shape == (2, 52)


@pytest.mark.parametrize("lost", ["coefficients", "rotation", "names", "fps", "camera_matrix"])
def test_incomplete_takes_are_refused(tmp_path: Path, lost: str) -> None:
    path = tmp_path / "a.npz"
    take.save(made(), path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files if name != lost}
    np.savez(path, **arrays)
    with pytest.raises(InputError, match=lost):
        take.load(path)


def test_takes_of_before_sigma_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    take.save(made(), path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files if name not in ("sigma", "schema_minor")}
    np.savez(path, **arrays)
    assert take.load(path).sigma is None


def test_unmeasured_sigma_stays_unmeasured(tmp_path: Path) -> None:
    take.save(replace(made(), sigma=None), tmp_path / "a.npz")
    assert take.load(tmp_path / "a.npz").sigma is None


def test_later_additions_to_the_schema_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    take.save(made(), path)
    with np.load(path) as stored:
        assert int(stored["schema"]) == 1
        assert int(stored["schema_minor"]) == 1
        arrays = {name: stored[name] for name in stored.files}
    np.savez(path, **{**arrays, "schema_minor": np.array(7), "novelty": np.zeros(3)})
    assert_same(take.load(path), made())
    np.savez(path, **{**arrays, "sigma": np.zeros((4, 52))})
    with pytest.raises(InputError, match="sigma"):
        take.load(path)


def test_other_schemas_and_shapes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    take.save(made(), path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(path, **{**arrays, "schema": np.array(2)})
    with pytest.raises(InputError, match="schema"):
        take.load(path)
    np.savez(path, **{**arrays, "gaze": np.zeros((4, 2, 2))})
    with pytest.raises(InputError, match="gaze"):
        take.load(path)


def test_an_impossible_target_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="Cannot write"):
        take.save(made(), tmp_path / "file" / "a.npz")
    (tmp_path / "a.npz").mkdir()
    with pytest.raises(InputError, match="Cannot write"):
        take.save(made(), tmp_path / "a.npz")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "file"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, _content: bytes) -> None:
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="No space left"):
        take.save(made(), tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_part_has_its_frames_of_everything_that_has_frames() -> None:
    whole = made(frames=11)
    part = whole.part(slice(3, 7))
    assert len(part) == 4
    for field in fields(take.Take):
        one, other = getattr(whole, field.name), getattr(part, field.name)
        if isinstance(one, np.ndarray) and len(one) == 11:
            np.testing.assert_array_equal(other, one[3:7], err_msg=field.name)
        else:
            assert other is one, field.name
    assert replace(whole, sigma=None).part(slice(0, 2)).sigma is None
