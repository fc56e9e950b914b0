"""The preferences' buttons: what a check finds, what a download says before it starts, and that offline means offline."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest
import understudy
from understudy.inference.jobs.worker_client import Python
from understudy.inference.networks.store import offer
from understudy.operators import machine, models
from understudy.operators.jobs import job
from understudy.operators.preferences import chosen_models


@pytest.fixture(autouse=True)
def _registered() -> Any:
    understudy.register()
    yield
    understudy.unregister()


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "why_offline", lambda: "")


class Rows:
    """A layout that notes what is drawn."""

    def __init__(self, seen: list[tuple[str, str]] | None = None) -> None:
        self.seen = [] if seen is None else seen

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        def draw(*words: Any, **options: Any) -> Rows:
            if name in ("label", "operator", "prop"):
                self.seen.append((name, " ".join([*map(str, words[-1:]), options.get("text", "")]).strip()))
            return Rows(self.seen)

        return draw

    def said(self, kind: str) -> list[str]:
        return [text for seen, text in self.seen if seen == kind]


class Preferences:
    """The add-on's preferences without an installed add-on."""

    def __init__(self, device: str = "auto") -> None:
        self.device, self.certificate = device, ""
        self.layout = Rows()

    def __getattr__(self, name: str) -> Any:
        drawn = getattr(understudy.operators.preferences.UNDERSTUDY_AP_preferences, name)
        return lambda *words: drawn(self, *words)


def test_nothing_is_tried_before_somebody_asks() -> None:
    assert machine.known.devices is None
    preferences = Preferences()
    preferences.draw(bpy.context)
    assert "Press Check to see which device runs here and why" in preferences.layout.said("label")
    assert "understudy.check_devices Check" in preferences.layout.said("operator")


def test_a_check_says_which_device_runs_and_why_not_the_others() -> None:
    assert bpy.ops.understudy.check_devices() == {"FINISHED"}
    assert machine.known.devices is not None
    by_name = {entry["device"]: entry for entry in machine.known.devices}
    assert by_name["cpu"]["available"]
    assert sum(entry["used"] for entry in machine.known.devices) == 1
    assert all(entry["reason"] for entry in machine.known.devices if not entry["available"])
    preferences = Preferences("directml")
    preferences.draw(bpy.context)
    labels = " ".join(preferences.layout.said("label"))
    assert "The chosen device does not work here" in labels
    assert "used by Automatic" in labels
    assert "DmlExecutionProvider" in labels


def test_a_measurement_shows_its_figures_and_automatic_takes_the_fastest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UNDERSTUDY_DATA", str(tmp_path))
    assert bpy.ops.understudy.measure_devices() == {"FINISHED"}
    assert machine.known.measured["cpu"] > 0
    preferences = Preferences()
    preferences.draw(bpy.context)
    labels = " ".join(preferences.layout.said("label"))
    assert f"{machine.known.measured['cpu']:.1f} ms a face; " in labels
    assert f"Measured on {machine.known.measured_on}" in labels
    assert "understudy.measure_devices Measure" in preferences.layout.said("operator")
    assert [path.name for path in tmp_path.glob("*.json")] == ["devices.json"]


@pytest.mark.parametrize("busy", [False, True])
def test_a_measurement_on_a_busy_machine_says_so(busy: bool) -> None:
    way = {"device": "cpu", "form": "cpu", "face_ms": 6.0}
    runtime = {"version": "1", "device": "cpu", "providers": [], "tuned_ignored": ""}
    doctor = {"event": "doctor", "onnxruntime": runtime | {"tuned": {"date": "2026-11-23", "measured": [way]}}}
    said = models.UNDERSTUDY_OT_measure_devices.landed(None, bpy.context, [{"event": "tuned", "busy": busy}, doctor])
    assert said.startswith("Automatic uses cpu: 6.0 ms a face")
    assert ("measure again" in said) == busy


def test_the_preferences_show_how_far_a_measurement_is(monkeypatch: pytest.MonkeyPatch) -> None:
    working = SimpleNamespace(state="running", stage="tune", done=1, total=3, is_over=False, title="Measure Devices")
    running = SimpleNamespace(operator="understudy.measure_devices", job=working, end=lambda: None, timer=None)
    monkeypatch.setattr(job._session, "current", running)
    preferences = Preferences()
    preferences.draw(bpy.context)
    assert "Measuring devices: 1 of 3   Esc to cancel" in preferences.layout.said("label")
    running.operator = "understudy.track"
    preferences = Preferences()
    preferences.draw(bpy.context)
    assert "1 of 3" not in " ".join(preferences.layout.said("label"))


def test_figures_of_another_machine_are_not_shown() -> None:
    way = {"device": "cuda:1", "form": "plain", "face_ms": 0.5}
    runtime = {"version": "1", "providers": [], "tuned": {"date": "2026-11-23", "measured": [way]}}
    machine.learn_devices({"onnxruntime": runtime | {"tuned_ignored": "it was measured on another machine"}})
    assert (machine.known.measured, machine.known.measured_on) == ({}, "")
    machine.learn_devices({"onnxruntime": runtime | {"tuned_ignored": ""}})
    assert (machine.known.measured, machine.known.measured_on) == ({"cuda": 0.5}, "2026-11-23")


def test_drawing_looks_nothing_up_itself() -> None:
    Preferences().draw(bpy.context)
    assert machine.known.offers is None
    assert bpy.app.timers.is_registered(machine.look_up_offers)
    machine.look_up_offers()
    preferences = Preferences()
    preferences.draw(bpy.context)
    labels = " ".join(preferences.layout.said("label"))
    for name in machine.OFFERED:
        assert f"{name}: " in labels
    assert "340 MB, Apache-2.0" in labels
    assert "Bring your own file" in labels


def test_offline_blender_fetches_nothing_and_says_why() -> None:
    assert not bpy.app.online_access
    assert not bpy.ops.understudy.fetch_model.poll()
    with pytest.raises(RuntimeError, match="poll"):
        bpy.ops.understudy.fetch_model(model="gfpgan")


@pytest.mark.parametrize(("override", "cure"), [(True, "--offline-mode"), (False, "Allow Online Access")])
def test_the_reason_names_the_switch(monkeypatch: pytest.MonkeyPatch, override: bool, cure: str) -> None:
    class App:
        online_access = False
        online_access_override = override

    class Blender:
        app = App

    monkeypatch.setattr(models, "bpy", Blender)
    assert cure in models.why_offline()


def test_the_dialog_names_what_from_where_how_big_and_the_licence() -> None:
    class Dialog:
        _offer = offer("gfpgan")

    rows = dict(models.UNDERSTUDY_OT_fetch_model.particulars(Dialog))
    assert rows["Comes From"].startswith("https://github.com/")
    assert rows["Size"] == "340 MB"
    assert "Apache-2.0" in rows["Licence"]
    assert "Tencent" in rows["Made By"]
    assert rows["Kept In"].endswith("gfpgan_1.4.onnx")


@pytest.mark.usefixtures("online")
def test_only_the_button_starts_a_download(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def command(self: Python, words: tuple[str, ...]) -> list[str]:
        asked.append(tuple(words))
        return [self.executable, "-c", ""]

    monkeypatch.setattr(Python, "command", command)
    Preferences().draw(bpy.context)
    machine.look_up_offers()
    assert asked == []
    bpy.ops.understudy.fetch_model(model="gfpgan")
    assert asked == [("models", "fetch", "gfpgan")]


@pytest.mark.usefixtures("online")
def test_what_nobody_may_pass_on_is_not_fetched() -> None:
    with pytest.raises(RuntimeError, match="InsightFace"):
        bpy.ops.understudy.fetch_model(model="inswapper")


def test_a_strange_file_is_not_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "strange.onnx"
    path.write_bytes(b"something else")
    with pytest.raises(RuntimeError, match=hashlib.sha256(b"something else").hexdigest()):
        bpy.ops.understudy.add_model(filepath=str(path))


def test_the_users_folders_reach_the_inference_and_are_taken_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Folders:
        models_folder, cuda_folder = str(tmp_path), ""

    class Addon:
        preferences = Folders

    class Context:
        class preferences:  # noqa: N801  # as Blender names it
            addons = {understudy.__package__: Addon}  # noqa: RUF012  # a stand-in

    monkeypatch.setenv("UNDERSTUDY_CUDA", "kept")
    monkeypatch.delenv("UNDERSTUDY_MODELS", raising=False)
    with chosen_models(Context):
        assert os.environ["UNDERSTUDY_MODELS"] == str(tmp_path)
        assert os.environ["UNDERSTUDY_CUDA"] == "kept"
    assert "UNDERSTUDY_MODELS" not in os.environ


def test_the_findings_are_forgotten_with_the_add_on() -> None:
    machine.look_up_offers()
    machine.look_up_soon()
    understudy.unregister()
    assert machine.known.offers is None
    assert not bpy.app.timers.is_registered(machine.look_up_offers)
    understudy.register()
