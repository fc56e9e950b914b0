"""Fetching, adding and verifying weights files, without a network connection; and what the doctor says."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import shutil
import urllib.error
from pathlib import Path
from typing import BinaryIO

import pytest
from understudy.inference.doctor import doctor
from understudy.inference.errors import InputError, MissingComponentError, StoppedError, UsageError
from understudy.inference.networks import registry, store
from understudy.inference.networks.registry import Network, WeightsFile

CONTENT = bytes(range(256)) * 9000
ADDRESS = "https://example.org/thing.onnx"


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, not yet there."""
    folder = tmp_path / "cache" / "models"
    monkeypatch.setattr(registry, "user_folder", lambda: folder)
    return folder


@pytest.fixture
def thing(user: Path, monkeypatch: pytest.MonkeyPatch) -> Network:
    """A registry whose only entry is a file at ADDRESS with CONTENT."""
    file = WeightsFile("any", "thing.onnx", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), ADDRESS)
    entry = Network("thing", "a test", False, "ours", "allowed", "here", "fetch it", (file,), (), (), None)
    monkeypatch.setattr(registry, "networks", lambda: {"thing": entry})
    return entry


def serving(content: bytes) -> store.Opener:
    def open_address(address: str) -> BinaryIO:
        assert address == ADDRESS
        return io.BytesIO(content)

    return open_address


@pytest.mark.usefixtures("thing")
def test_a_download_gets_its_name_when_it_is_complete(user: Path) -> None:
    steps: list[tuple[int, int]] = []
    path = store.fetch("thing", lambda stage, done, total: steps.append((done, total)), serving(CONTENT))
    assert path == user / "thing.onnx"
    assert path.read_bytes() == CONTENT
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert len(steps) > 1
    assert [item.name for item in user.iterdir()] == ["thing.onnx"]
    assert store.fetch("thing", open_address=serving(b"not asked again")) == path


@pytest.mark.usefixtures("thing")
@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[:-1] + b"x", CONTENT + b"more", b""])
def test_other_content_is_thrown_away(user: Path, content: bytes) -> None:
    with pytest.raises(MissingComponentError, match="gave another file than expected"):
        store.fetch("thing", open_address=serving(content))
    assert list(user.iterdir()) == []


@pytest.mark.usefixtures("thing")
def test_a_stopped_or_broken_download_leaves_nothing(user: Path) -> None:
    def stop(stage: str, done: int, total: int) -> None:
        raise StoppedError("stopped")

    with pytest.raises(StoppedError):
        store.fetch("thing", stop, serving(CONTENT))

    def refuse(address: str) -> BinaryIO:
        raise urllib.error.URLError("no route to host")

    with pytest.raises(MissingComponentError, match=r"cannot be downloaded \(no route to host\)"):
        store.fetch("thing", open_address=refuse)
    assert list(user.iterdir()) == []


@pytest.mark.usefixtures("thing")
def test_a_folder_that_cannot_be_made_is_named(user: Path) -> None:
    user.parent.parent.mkdir(exist_ok=True)
    user.parent.write_text("a file in the way")
    with pytest.raises(UsageError, match="cannot be written"):
        store.fetch("thing", open_address=serving(CONTENT))


def test_nothing_but_https_is_opened() -> None:
    for address in ("http://example.org/x", "file:///etc/hostname", "ftp://example.org/x"):
        with pytest.raises(urllib.error.URLError, match="unknown url type"):
            store.open_https(address)


@pytest.mark.usefixtures("user")
def test_what_users_must_bring_is_not_fetched() -> None:
    with pytest.raises(MissingComponentError, match="buffalo_l from the InsightFace project"):
        store.fetch("scrfd", open_address=serving(b""))


@pytest.mark.usefixtures("thing")
def test_a_users_own_file_is_known_by_its_content(user: Path, tmp_path: Path) -> None:
    own = tmp_path / "downloaded (1).bin"
    own.write_bytes(CONTENT)
    assert store.add(own) == user / "thing.onnx"
    assert (user / "thing.onnx").read_bytes() == CONTENT
    assert store.list_models()[0].state == "ready"
    own.write_bytes(b"something else")
    with pytest.raises(InputError, match=hashlib.sha256(b"something else").hexdigest()):
        store.add(own)
    with pytest.raises(InputError, match="There is no file"):
        store.add(tmp_path / "absent.onnx")


def test_a_task_file_is_converted_when_it_is_added(shared: Path, user: Path) -> None:
    store.add(shared / "models" / "face_landmarker.task")
    states = {model.entry.name: model.state for model in store.list_models()}
    assert [states[name] for name in ("face_landmarker_task", "face_landmarks_256", "blendshapes")] == ["ready"] * 3
    assert registry.weights_path("face_landmarks_256", "cpu").parent == user


@pytest.mark.usefixtures("user")
def test_without_the_converter_the_message_says_where_it_runs(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str, package: str | None = None) -> object:
        raise ModuleNotFoundError("No module named 'onnx'")

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingComponentError, match=r"needs the packages onnx and tflite .*run\.py understudy models"):
        store.add(shared / "models" / "face_landmarker.task")


@pytest.mark.usefixtures("user")
def test_fetching_a_shipped_network_builds_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tflite")
    monkeypatch.setenv("UNDERSTUDY_MODELS", str(tmp_path / "weights"))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "face_detector_short.onnx").write_bytes(b"damaged")
    path = store.fetch("face_detector_short")
    assert path == tmp_path / "weights" / "face_detector_short.onnx"
    assert path.read_bytes() == (registry.bundled_folder() / path.name).read_bytes()


def test_everything_that_is_here_verifies() -> None:
    shipped = {entry.name for entry in registry.networks().values() if entry.bundled}
    assert shipped <= {model.entry.name for model in store.verify() if model.state == "ready"}


@pytest.mark.usefixtures("user")
def test_verifying_names_the_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(registry.bundled_folder(), weights)
    monkeypatch.setenv("UNDERSTUDY_MODELS", str(weights))
    (weights / "iris.cpu.onnx").write_bytes(b"damaged")
    (weights / "selfie.onnx").unlink()
    with pytest.raises(MissingComponentError, match="iris, selfie"):
        list(store.verify())
    report = {model.entry.name: model for model in store.list_models()}
    assert report["iris"].state == "damaged"
    assert report["iris"].path == weights / "iris.cpu.onnx"
    assert report["selfie"].state == "missing"
    assert report["face_landmarks"].state == "ready"


def test_lines_say_what_a_person_needs() -> None:
    lines = {model.entry.name: model for model in store.list_models()}
    assert "non-commercial" in lines["inswapper"].text
    assert "models add inswapper_128.onnx" in lines["inswapper"].text
    assert json.loads(json.dumps(lines["inswapper"].facts))["files"][0]["sha256"].startswith("e4a3f08c")


def test_the_doctor_reports_everything_in_plain_types() -> None:
    report = doctor()
    facts = json.loads(json.dumps(report.facts))
    assert facts["onnxruntime"]["device"] in {"cpu", "cuda", "directml"}
    assert {item["device"] for item in facts["onnxruntime"]["providers"]} >= {"cpu", "cuda"}
    assert {item["name"] for item in facts["models"]["networks"]} == set(registry.networks())
    assert "libavcodec" in facts["video"]["ffmpeg"]
    for word in ("Python", "ONNX Runtime", "Blender", "libavcodec", "face_landmarks_attention ready"):
        assert word in report.text


def test_an_offer_says_what_from_where_how_big_and_the_licence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "weights_folders", lambda: (tmp_path,))
    offer = store.offer("gfpgan")
    assert (offer.host, offer.size, offer.licence) == ("github.com", 340299087, "Apache-2.0")
    assert not offer.present
    with (tmp_path / "gfpgan_1.4.onnx").open("wb") as file:
        file.truncate(offer.size)  # a file of this size, without its content: nothing may read it just to list it
    assert store.offer("gfpgan").present
    assert store.offer("inswapper").address == ""
