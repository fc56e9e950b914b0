"""A trained network is taken into the project: its file, its digest, and only if it is what the registry promises."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest
from small_networks import face_points_network
from understudy.inference.networks import registry
from understudy.models import trained

LANDMARKS = registry.bundled_folder() / "face_landmarks.onnx"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the registry in a folder of its own."""
    (tmp_path / "registry.toml").write_bytes(trained.REGISTRY.read_bytes())
    monkeypatch.setattr(trained, "REGISTRY", tmp_path / "registry.toml")
    monkeypatch.setattr(registry, "trained_folder", lambda: tmp_path / "trained")
    monkeypatch.setattr(registry, "bundled_folder", lambda: tmp_path / "weights")
    return tmp_path


def test_a_network_is_copied_and_registered_and_nothing_else_changes(project: Path) -> None:
    content = face_points_network(np.full((546, 3), 0.5))
    (project / "best.onnx").write_bytes(content)
    before = tomllib.loads((project / "registry.toml").read_text())["networks"]
    assert trained.main([str(project / "best.onnx")]) == 0
    after = tomllib.loads((project / "registry.toml").read_text())["networks"]
    assert (project / "trained" / "face_points.onnx").read_bytes() == content
    for old, new in zip(before, after, strict=True):
        if new["name"] != "face_points":
            assert new == old
            continue
        assert [file["form"] for file in new["files"]] == ["cpu", "plain", "half"]
        for folder, file in zip(("trained", "weights", "weights"), new["files"], strict=True):
            written = (project / folder / file["file"]).read_bytes()
            assert (file["size"], file["sha256"]) == (len(written), hashlib.sha256(written).hexdigest())
        assert new == {**old, "files": new["files"]}


def test_another_network_and_a_huge_one_are_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (project / "registry.toml").read_bytes()
    other = LANDMARKS
    assert trained.main([str(other)]) != 0
    assert "is not the network 'face_points'" in capsys.readouterr().err
    monkeypatch.setattr(trained, "MAX_BYTES", 1000)
    assert trained.main([str(other)]) != 0
    assert "less than 1000" in capsys.readouterr().err
    assert (project / "registry.toml").read_bytes() == before
    assert not (project / "trained").exists()
