"""The consent record: what is written is read, what does not hold lets nothing out, and the door in both commands."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.inference import cli
from understudy.inference.errors import InputError
from understudy.inference.provenance.consent import (
    KINDS,
    Consent,
    agreed,
    consent_path,
    read_consent,
    summary,
    write_consent,
)

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "performance.mp4"
DIGEST = "0123456789abcdef" * 4
TODAY = date(2026, 11, 23)
words = st.text(min_size=1).filter(str.strip)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)


@st.composite
def consents(draw: st.DrawFn) -> Consent:
    given_on = draw(st.dates(max_value=date(2999, 1, 1)))
    days = draw(st.none() | st.integers(0, 9999))
    return Consent(
        kind=draw(st.sampled_from(KINDS)),
        footage_sha256=tuple(draw(st.lists(digests, min_size=1, max_size=3))),
        given_on=given_on,
        performer=draw(words),
        purpose=draw(words),
        expires_on=None if days is None else given_on + timedelta(days=days),
        revoked=draw(st.booleans()),
    )


def refused(capsys: pytest.CaptureFixture[str], *command: object) -> str:
    assert cli.main([str(word) for word in command]) == 3
    return capsys.readouterr().err


@given(consents())
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, consent: Consent) -> None:
    path = tmp_path_factory.mktemp("c") / "record.json"
    write_consent(consent, path)
    first = read_consent(path)
    assert first.consent == consent
    write_consent(replace(consent, revoked=not consent.revoked), path)
    assert read_consent(path).sha256 != first.sha256


def test_a_record_lets_its_footage_out_until_its_last_day(tmp_path: Path) -> None:
    footage = tmp_path / "clip.mp4"
    consent = Consent("performer", (DIGEST,), TODAY, "Ada", "a trailer", TODAY + timedelta(days=1))
    write_consent(consent, consent_path(footage))
    assert agreed(footage, DIGEST, today=TODAY + timedelta(days=1)).consent == consent
    assert summary(consent) == "Ada, a trailer, until 2026-11-24"
    with pytest.raises(InputError, match="ended on 2026-11-24"):
        agreed(footage, DIGEST, today=TODAY + timedelta(days=2))
    with pytest.raises(InputError, match=r"other footage than clip\.mp4"):
        agreed(footage, "f" * 64, today=TODAY)
    write_consent(replace(consent, revoked=True), consent_path(footage))
    with pytest.raises(InputError, match="taken back"):
        agreed(footage, DIGEST, today=TODAY)


def test_without_a_record_the_sentence_has_a_line_to_copy(tmp_path: Path) -> None:
    footage = tmp_path / "my clip.mp4"
    with pytest.raises(InputError, match=r"understudy consent '.*my clip\.mp4' --own-face"):
        agreed(footage, DIGEST)
    with pytest.raises(InputError, match="cannot be read"):
        agreed(footage, DIGEST, tmp_path / "elsewhere.json")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema": "other"}, "not a consent record"),
        ({"version": 2}, "another version"),
        ({"kind": "anybody"}, "a value that it cannot have"),
        ({"given_on": "yesterday"}, "a value that it cannot have"),
        ({"expires_on": "2026-11-22"}, "ends before"),
        ({"performer": ""}, "a name and a purpose"),
        ({"footage_sha256": []}, "names no footage"),
        ({"footage_sha256": ["abc"]}, "names no footage"),
        ({"footage_sha256": DIGEST}, "a value that it cannot have"),
        ({"revoked": "no"}, "a value that it cannot have"),
        ({"purpose": None}, "a value that it cannot have"),
    ],
)
def test_a_damaged_record_is_told(tmp_path: Path, change: dict[str, object], sentence: str) -> None:
    path = tmp_path / "record.json"
    write_consent(Consent("performer", (DIGEST,), TODAY, "Ada", "a trailer"), path)
    fields = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(fields | change))
    with pytest.raises(InputError, match=sentence):
        read_consent(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b'{"schema": "understudy.consent"', b"[" * 100000])
def test_what_is_no_record_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(InputError, match="record"):
        read_consent(tmp_path / "record.json")


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists)))
def test_no_fields_bring_it_down(tmp_path_factory: pytest.TempPathFactory, extra: dict[str, object]) -> None:
    path = tmp_path_factory.mktemp("c") / "record.json"
    path.write_text(json.dumps({**extra, "schema": "understudy.consent", "version": 1}))
    with pytest.raises(InputError):
        read_consent(path)


def test_the_command_writes_it_beside_each_footage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    films = [tmp_path / name for name in ("a.mp4", "b.mp4")]
    for number, film in enumerate(films):
        film.write_bytes(bytes([number]))
    command = ["consent", *map(str, films), "--performer", "Ada", "--purpose", "a trailer", "--expires", "2999-01-01"]
    assert cli.main(command) == 0
    first, second = (read_consent(consent_path(film)) for film in films)
    assert first == second
    assert (first.consent.performer, first.consent.expires_on) == ("Ada", date(2999, 1, 1))
    assert len(set(first.consent.footage_sha256)) == 2
    assert cli.main(command) == 2, "an earlier record is kept"
    assert cli.main(["consent", str(films[0]), "--revoke"]) == 0
    assert read_consent(consent_path(films[0])).consent.revoked
    assert cli.main(["consent", str(films[0]), "--performer", "Ada", "--overwrite"]) == 2
    assert "--purpose" in capsys.readouterr().err


def test_nothing_is_composited_without(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = tmp_path / "clip.mp4"
    film.write_bytes(SAMPLE.read_bytes())
    said = refused(capsys, "run", film, "-o", tmp_path / "out")
    assert f"understudy consent {film} --own-face" in said
    assert not (tmp_path / "out").exists(), "it is said before the long work"
    (tmp_path / "render").mkdir()
    composite = ["composite", film, "--take", tmp_path / "t.npz", "--render", tmp_path / "render"]
    assert "Nobody recorded" in refused(capsys, *composite, "-o", tmp_path / "o.mp4")
    elsewhere = tmp_path / "other.json"
    write_consent(Consent("own face", (DIGEST,), TODAY), elsewhere)
    assert "other footage" in refused(capsys, *composite, "-o", tmp_path / "o.mp4", "--consent", elsewhere)


def test_the_sample_is_agreed_to() -> None:
    from understudy.inference.media import sha256

    assert agreed(SAMPLE, sha256(SAMPLE)).consent.kind == "fictional"
