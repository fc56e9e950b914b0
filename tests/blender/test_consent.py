"""Step 6's question whose face it is: one button writes the record, Composite asks for it, the panel shows it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest
import understudy
from understudy.inference import take as takes
from understudy.inference.media import sha256
from understudy.inference.provenance.consent import consent_path, read_consent, write_consent
from understudy.inference.take import Take
from understudy.operators import facts, preferences
from understudy.operators.bridge import paths


@pytest.fixture(autouse=True)
def _addon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(paths, "user_folder", lambda name: tmp_path)
    understudy.register()
    yield
    understudy.unregister()


@pytest.fixture
def settings(
    scene: bpy.types.Scene, footage: Path, make_take: Callable[..., Take], tmp_path: Path
) -> bpy.types.PropertyGroup:
    (tmp_path / "render").mkdir()
    takes.save(make_take(frames=2), tmp_path / "a.take.npz")
    scene.understudy.footage, scene.understudy.take = str(footage), str(tmp_path / "a.take.npz")
    scene.understudy.render_dir = str(tmp_path / "render")
    return scene.understudy


def test_one_button_records_it(settings, footage: Path) -> None:
    assert settings.facts.consent == ""
    assert bpy.ops.understudy.consent(kind="OWN_FACE") == {"FINISHED"}
    recorded = read_consent(consent_path(footage)).consent
    assert (recorded.kind, recorded.footage_sha256) == ("own face", (sha256(footage),))
    assert settings.facts.consent == "My Own Face"
    assert bpy.ops.understudy.consent(kind="FICTIONAL") == {"FINISHED"}
    assert settings.facts.consent == "Nobody Real"


def test_a_performers_consent_says_who_for_what_and_until_when(settings, footage: Path) -> None:
    with pytest.raises(RuntimeError, match="a name and a purpose"):
        bpy.ops.understudy.consent(kind="PERFORMER", performer="Ada")
    with pytest.raises(RuntimeError, match="is not a day"):
        bpy.ops.understudy.consent(kind="PERFORMER", performer="Ada", purpose="trailer", expires="soon")
    assert not consent_path(footage).exists()
    told = {"performer": "Ada", "purpose": "a trailer", "expires": "2999-12-31"}
    assert bpy.ops.understudy.consent(kind="PERFORMER", **told) == {"FINISHED"}
    recorded = read_consent(consent_path(footage)).consent
    assert (recorded.performer, recorded.purpose, recorded.expires_on) == ("Ada", "a trailer", date(2999, 12, 31))
    assert settings.facts.consent == "Ada, a trailer, until 2999-12-31"
    assert settings.facts.consent_problem == ""


def test_composite_asks_for_it(settings) -> None:
    with pytest.raises(RuntimeError, match="say it under Consent in step 6"):
        bpy.ops.understudy.composite()


def test_what_does_not_hold_is_shown(settings, footage: Path) -> None:
    bpy.ops.understudy.consent(kind="OWN_FACE")
    path = consent_path(footage)
    recorded = read_consent(path).consent
    write_consent(replace(recorded, given_on=date(2000, 1, 1), expires_on=date(2001, 1, 1)), path)
    facts.learn_consent(settings)
    assert "has ended" in settings.facts.consent_problem
    write_consent(replace(recorded, revoked=True), path)
    facts.learn_consent(settings)
    assert "taken back" in settings.facts.consent_problem
    path.write_text("{}")
    facts.learn_consent(settings)
    assert (settings.facts.consent, "damaged" in settings.facts.consent_problem) == ("", True)
    path.unlink()
    facts.learn_consent(settings)
    assert (settings.facts.consent, settings.facts.consent_problem) == ("", "")


def test_other_footage_has_its_own(settings, footage: Path, tmp_path: Path) -> None:
    bpy.ops.understudy.consent(kind="OWN_FACE")
    other = tmp_path / "other.mp4"
    other.write_bytes(footage.read_bytes())
    settings.footage = str(other)
    assert settings.facts.consent == ""
    settings.footage = str(footage)
    assert settings.facts.consent == "My Own Face"


def test_the_certificate_of_the_preferences_reaches_the_worker() -> None:
    chosen = SimpleNamespace(preferences=SimpleNamespace(certificate="/c.pem", private_key="/k.pem"))
    context = SimpleNamespace(preferences=SimpleNamespace(addons={preferences.base_package: chosen}))
    with preferences.chosen_models(context):
        assert (os.environ["UNDERSTUDY_CERTIFICATE"], os.environ["UNDERSTUDY_PRIVATE_KEY"]) == ("/c.pem", "/k.pem")
    assert "UNDERSTUDY_CERTIFICATE" not in os.environ
