"""The registry is complete, and only files with the registered content are used."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
import sys
from pathlib import Path

import pytest
from understudy.inference.errors import MissingComponentError, UsageError
from understudy.inference.networks import registry
from understudy.models import build

ENTRIES = list(registry.networks().values())
SHIPPED = [entry for entry in ENTRIES if entry.bundled]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of the shipped one, and an empty user's folder ``user`` in it."""
    monkeypatch.setenv("UNDERSTUDY_MODELS", str(tmp_path))
    monkeypatch.setattr(registry, "user_folder", lambda: tmp_path / "user")
    return tmp_path


def test_the_promised_networks_are_registered() -> None:
    shipped = {entry.name for entry in SHIPPED}
    assert shipped == {
        "face_detector_short", "face_detector_full", "face_landmarks", "face_landmarks_attention", "iris", "selfie",
        "face_points",
    }  # fmt: skip
    optional = {entry.name for entry in ENTRIES} - shipped
    assert optional >= {
        "face_landmarker_task", "face_landmarks_256", "blendshapes", "yunet", "scrfd", "landmarks_106", "arcface",
        "inswapper", "gfpgan", "real_esrgan", "xseg", "bisenet",
    }  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_each_entry_is_complete(entry: registry.Network) -> None:
    for text in (entry.purpose, entry.licence, entry.redistribution, entry.source, entry.get):
        assert text.strip()
    assert entry.files
    for file in entry.files:
        assert len(file.sha256) == 64
        assert int(file.sha256, 16) > 0
        assert file.size > 0
        assert not file.url or file.url.startswith("https://")
        assert file.file == Path(file.file).name
    archive = entry.files[0].file.endswith(".task")
    assert archive or (entry.inputs and entry.outputs)
    for tensor in (*entry.inputs, *entry.outputs):
        assert tensor.meaning
        assert tensor.dtype == "float32"
    assert len({file.sha256 for file in entry.files}) == len(entry.files)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_what_may_not_be_passed_on_is_neither_shipped_nor_downloaded(entry: registry.Network) -> None:
    forbidden = "non-commercial" in entry.licence
    assert forbidden == entry.redistribution.startswith("not allowed")
    if forbidden:
        assert not entry.bundled
        assert not any(file.url for file in entry.files)


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: entry.name)
def test_the_built_files_are_the_registered_ones(entry: registry.Network) -> None:
    for file in entry.files:
        folders = registry.bundled_folder(), registry.trained_folder()
        (path,) = (folder / file.file for folder in folders if (folder / file.file).exists())
        assert path.stat().st_size == file.size
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256


@pytest.mark.skipif(build.mediapipe_folder() is None, reason="needs the mediapipe package")
def test_building_is_deterministic_and_leaves_nothing_else(tmp_path: Path) -> None:
    entry = registry.network("face_landmarks")
    for folder in (tmp_path / "one", tmp_path / "two"):
        build.build_all([entry], build.package_reader(None), folder)
        assert {path.name for path in folder.iterdir()} == {file.file for file in entry.files}
    for file in entry.files:
        assert (tmp_path / "one" / file.file).read_bytes() == (tmp_path / "two" / file.file).read_bytes()


def test_building_refuses_unexpected_weights(tmp_path: Path) -> None:
    entry = registry.network("iris")
    with pytest.raises(MissingComponentError, match=r"iris_landmark\.tflite has the sha256 .* not the expected"):
        build.build_all([entry], lambda member: b"other weights", tmp_path)

    def absent(member: str) -> bytes:
        raise FileNotFoundError(member)

    with pytest.raises(MissingComponentError, match=r"cannot be read .* reinstall mediapipe==0\.10\.21"):
        build.build_all([entry], absent, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(build.mediapipe_folder() is None, reason="needs the mediapipe package")
def test_building_says_when_the_result_is_not_the_registered_one(tmp_path: Path) -> None:
    entry = registry.network("face_detector_short")
    other = dataclasses.replace(entry, files=(dataclasses.replace(entry.files[0], sha256="0" * 64),))
    with pytest.raises(MissingComponentError, match=r"face_detector_short\.onnx has .* bytes and sha256"):
        build.build_all([other], build.package_reader(None), tmp_path)


def test_a_missing_file_is_named_with_source_licence_and_digest(folders: Path) -> None:
    with pytest.raises(MissingComponentError) as caught:
        registry.weights_path("inswapper")
    message = str(caught.value)
    entry = registry.network("inswapper")
    for file in entry.files:
        assert f"{file.file} (sha256 {file.sha256})" in message
    for part in (str(folders), entry.source, entry.licence, entry.get):
        assert part in message
    assert "\n" not in message


def test_a_file_with_other_content_is_refused(folders: Path) -> None:
    damaged = folders / "iris.onnx"
    shutil.copy(registry.bundled_folder() / "iris.onnx", damaged)
    assert registry.weights_path("iris") == damaged
    content = bytearray(damaged.read_bytes())
    content[1000] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(MissingComponentError, match=r"cannot be used because .*iris\.onnx has the sha256 .* delete"):
        registry.weights_path("iris")
    damaged.write_bytes(content[:500])
    with pytest.raises(MissingComponentError, match="delete the file"):
        registry.weights_path("iris")


def test_the_users_folder_is_looked_through_too(folders: Path) -> None:
    (folders / "user").mkdir()
    shutil.copy(registry.bundled_folder() / "iris.cpu.onnx", folders / "user")
    assert registry.weights_path("iris", "cpu") == folders / "user" / "iris.cpu.onnx"
    with pytest.raises(MissingComponentError):
        registry.weights_path("iris", "plain")


def test_a_network_of_one_form_serves_every_form() -> None:
    assert registry.weights_path("selfie", "cpu") == registry.weights_path("selfie", "plain")


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'face_landmark'.*face_landmarks_attention"):
        registry.weights_path("face_landmark")


@pytest.mark.parametrize(
    ("system", "variable", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "understudy/models"),
        ("win32", "LOCALAPPDATA", "understudy/models"),
    ],
)
def test_the_users_folder_follows_the_system(
    system: str, variable: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setenv(variable, str(tmp_path))
    assert registry.user_folder() == tmp_path / expected
    monkeypatch.setattr(sys, "platform", "darwin")
    assert registry.user_folder() == Path.home() / "Library" / "Caches" / expected
