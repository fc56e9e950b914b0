"""Converted face models: kept whole, found again, rebuilt when damaged or when their files change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from understudy.inference.face_model.cache import converted, fingerprint
from understudy.inference.face_model.default import load_default
from understudy.inference.face_model.types import FaceModel


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


class Converter:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> FaceModel:
        self.asked += 1
        return load_default()


def test_a_model_is_converted_once(folder: Path) -> None:
    convert = Converter()
    first, second = converted("ict", "key", convert), converted("ict", "key", convert)
    assert convert.asked == 1
    assert (second.name, second.eye_radius_cm) == (first.name, first.eye_radius_cm)
    for name, value in vars(first).items():
        if isinstance(value, np.ndarray):
            assert np.array_equal(getattr(second, name), value)
            assert getattr(second, name).dtype == value.dtype
    converted("ict", "another", convert)
    assert convert.asked == 2
    assert sorted(path.name for path in folder.rglob("*.npz")) == ["ict-another.npz", "ict-key.npz"]
    assert not list(folder.rglob("*partial*"))


@pytest.mark.parametrize("damage", ["half", "empty", "text", "lacking"])
def test_a_damaged_one_is_rebuilt(folder: Path, damage: str) -> None:
    convert = Converter()
    converted("ict", "key", convert)
    (kept,) = folder.rglob("*.npz")
    whole = kept.read_bytes()
    if damage == "lacking":
        np.savez(kept, mean_cm=np.zeros(3))
    else:
        kept.write_bytes({"half": whole[: len(whole) // 2], "empty": b"", "text": b"no model"}[damage])
    assert converted("ict", "key", convert).name == "default"
    assert convert.asked == 2
    assert kept.read_bytes() == whole


def test_a_cache_that_cannot_be_written_only_costs_time(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file stands where the folder should be (permissions would not stop a test that runs as root)."""
    (folder / "understudy").write_text("in the way")
    (folder / "Library").write_text("in the way")
    assert converted("ict", "key", Converter()).name == "default"
    assert "not kept" in caplog.text


def test_the_key_follows_the_files(tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(b"one")
    first = fingerprint("flame", [file])
    assert first == fingerprint("flame", [file])
    assert first != fingerprint("bfm", [file])
    file.write_bytes(b"other")
    assert first != fingerprint("flame", [file])
