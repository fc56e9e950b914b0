"""Manifests in movies: they hold, the movie under them stays as it was, and every change is told in a sentence."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import date
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from consents import fictional
from hypothesis import given
from hypothesis import strategies as st
from understudy.inference import cli
from understudy.inference.composite.types import CompositeOptions
from understudy.inference.errors import InputError
from understudy.inference.media import VideoWriter, read_frames
from understudy.inference.provenance import certificate, manifest, run_log
from understudy.inference.provenance.consent import agreed, consent_path, read_consent, write_consent
from understudy.inference.provenance.export import Export
from understudy.inference.provenance.facts import Inputs, facts_of, settings_digest
from understudy.inference.provenance.sidecar import digest_of, sidecar_path
from understudy.inference.provenance.verify import Verdict, verify

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "performance.mp4"


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """Files that stand for what a composite is made from; nothing in them is looked at but their bytes."""
    (tmp_path / "renders").mkdir()
    for name in ("clip.mp4", "take.npz", "scene.blend", "renders/frame_000000.png"):
        (tmp_path / name).write_bytes(name.encode())
    shutil.copy(SAMPLE, tmp_path / "clip.mp4")
    return Inputs(
        fictional(tmp_path / "clip.mp4"), tmp_path / "take.npz", tmp_path / "renders", tmp_path / "scene.blend"
    )


def delivered(inputs: Inputs, path: Path, codec: str = "h264") -> Path:
    """A short movie with sound that leaves by the door."""
    consent = agreed(inputs.footage, digest_of(inputs.footage))
    export = Export(path, inputs, CompositeOptions(), consent, lambda: frozenset({inputs.take}))
    writer = VideoWriter(path, 64, 48, Fraction(24), codec, audio_from=SAMPLE)  # type: ignore[arg-type]
    writer.seal = export.seal
    noise = np.random.default_rng(1)
    with writer:
        for index in range(12):
            writer.write(noise.integers(0, 255, (48, 64, 3), np.uint8), index / 24)
    assert export.finish() == ()
    return path


def holds(verdict: Verdict, part: str) -> list[bool | None]:
    return [finding.holds for finding in verdict.findings if finding.part == part]


def packets(path: Path) -> list[tuple[str, int | None, int | None, bytes]]:
    with av.open(str(path)) as container:
        return [(p.stream.type, p.pts, p.dts, bytes(p)) for p in container.demux() if p.size]


@pytest.mark.parametrize(("name", "codec"), [("o.mp4", "h264"), ("o.mov", "prores")])
def test_picture_and_sound_stay_as_they_were(inputs: Inputs, tmp_path: Path, name: str, codec: str) -> None:
    movie = delivered(inputs, tmp_path / name, codec)
    with VideoWriter(tmp_path / f"plain_{name}", 64, 48, Fraction(24), codec, audio_from=SAMPLE) as writer:  # type: ignore[arg-type]
        noise = np.random.default_rng(1)
        for index in range(12):
            writer.write(noise.integers(0, 255, (48, 64, 3), np.uint8), index / 24)
    plain = tmp_path / f"plain_{name}"
    assert manifest.read(movie) is not None
    assert manifest.read(plain) is None
    assert packets(movie) == packets(plain)
    assert {kind for kind, *_ in packets(movie)} == {"video", "audio"}
    for ours, theirs in zip(read_frames(movie), read_frames(plain), strict=True):
        assert np.array_equal(ours.rgb, theirs.rgb)
        assert ours.time_s == theirs.time_s


def test_a_manifest_says_what_was_made_from_what(inputs: Inputs, tmp_path: Path) -> None:
    movie = delivered(inputs, tmp_path / "o.mp4")
    found = manifest.read(movie)
    assert found is not None
    assert not found.problems
    assert not found.trusted
    assert found.signer.startswith(certificate.LOCAL_NAME)
    facts = found.facts
    assert facts["inputs_sha256"]["footage"] == digest_of(inputs.footage)
    assert set(facts["inputs_sha256"]) == {"footage", "take", "renders", "blend"}
    assert facts["models"] == {"take.npz": digest_of(inputs.take)}
    assert facts["consent"] == {
        "kind": "fictional",
        "sha256": read_consent(consent_path(inputs.footage)).sha256,
    }
    stored = json.loads(sidecar_path(movie).read_text())
    assert stored["output_sha256"] == digest_of(movie)
    assert stored["manifest"] == {"embedded": True, "signer": "local", "reason": ""}
    assert {key: stored[key] for key in facts} == facts
    assert str(tmp_path) not in json.dumps(stored), "no path tells who the user is"
    import c2pa

    store = json.loads(c2pa.Reader(str(movie)).json())
    active = store["manifests"][store["active_manifest"]]
    actions = next(one["data"]["actions"] for one in active["assertions"] if one["label"].startswith("c2pa.actions"))
    assert [action["action"] for action in actions] == ["c2pa.created", "c2pa.placed"]
    assert actions[0]["digitalSourceType"].endswith("/compositeSynthetic")
    assert {(one["title"], one["instance_id"]) for one in active["ingredients"]} == {
        ("Footage", f"urn:sha256:{digest_of(inputs.footage)}"),
        ("Scene with the avatar", f"urn:sha256:{digest_of(inputs.blend or Path())}"),
    }


def test_footage_that_has_a_manifest_brings_it_along(inputs: Inputs, tmp_path: Path) -> None:
    first = fictional(delivered(inputs, tmp_path / "first.mp4"))
    again = Inputs(first, inputs.take, inputs.renders)
    movie = delivered(again, tmp_path / "second.mp4")
    import c2pa

    store = json.loads(c2pa.Reader(str(movie)).json())
    assert len(store["manifests"]) == 2
    assert store["validation_state"] == "Valid"


def test_untouched_it_holds(inputs: Inputs, tmp_path: Path) -> None:
    movie = delivered(inputs, tmp_path / "o.mp4")
    verdict = verify(movie, inputs.footage)
    assert verdict.has_provenance
    assert not verdict.changed
    assert [holds(verdict, part) for part in ("manifest", "sidecar", "consent", "footage")] == [[True]] * 4
    assert "does not prove who signed" in verdict.findings[0].sentence
    assert "knows the file" in verdict.findings[-1].sentence


@given(place=st.floats(0.02, 0.98), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_found(tmp_path_factory: pytest.TempPathFactory, place: float, bit: int) -> None:
    movie = _kept(tmp_path_factory)
    content = bytearray(movie.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    other = tmp_path_factory.mktemp("flipped") / movie.name
    other.write_bytes(content)
    shutil.copy(sidecar_path(movie), sidecar_path(other))
    verdict = verify(other)
    assert False in holds(verdict, "sidecar")
    sidecar_path(other).unlink()
    if holds(verify(other), "manifest") == [True]:  # the manifest alone, whose padding may be anything
        assert packets(other) == packets(movie)
        assert manifest.read(other) == manifest.read(movie)


_movies: list[Path] = []


def _kept(factory: pytest.TempPathFactory) -> Path:
    """One movie for all tries."""
    if not _movies:
        folder = factory.mktemp("kept")
        (folder / "renders").mkdir()
        shutil.copy(SAMPLE, folder / "clip.mp4")
        (folder / "take.npz").write_bytes(b"take")
        made = Inputs(fictional(folder / "clip.mp4"), folder / "take.npz", folder / "renders")
        _movies.append(delivered(made, folder / "o.mp4"))
    return _movies[0]


def test_encoding_again_is_found(inputs: Inputs, tmp_path: Path) -> None:
    movie = delivered(inputs, tmp_path / "o.mp4")
    frames = [(frame.rgb, frame.time_s) for frame in read_frames(movie)]
    with VideoWriter(movie, 64, 48, Fraction(24)) as writer:
        for rgb, time_s in frames:
            writer.write(rgb, time_s)
    verdict = verify(movie)
    said = " ".join(finding.sentence for finding in verdict.findings if finding.holds is False)
    assert "changed or re-encoded since" in said
    assert "delivered with a C2PA manifest, which is gone" in said


def test_other_consent_other_footage_and_an_edited_sidecar_are_found(inputs: Inputs, tmp_path: Path) -> None:
    movie = delivered(inputs, tmp_path / "o.mp4")
    path = consent_path(inputs.footage)
    recorded = read_consent(path).consent
    write_consent(type(recorded)("own face", recorded.footage_sha256, date(2026, 1, 2)), path)
    assert holds(verify(movie, consent=path), "consent") == [False]
    assert holds(verify(movie, footage=SAMPLE), "footage") == [True], "the same bytes under another name"
    assert holds(verify(movie, footage=inputs.take), "footage") == [False]
    stored = json.loads(sidecar_path(movie).read_text())
    sidecar_path(movie).write_text(json.dumps(stored | {"consent": {"kind": "own face", "sha256": "0" * 64}}))
    verdict = verify(movie)
    assert "something else than the manifest: consent" in " ".join(finding.sentence for finding in verdict.findings)
    sidecar_path(movie).write_text("{")
    assert holds(verify(movie), "sidecar") == [False]


def test_what_cannot_hold_a_manifest_has_its_sidecar(inputs: Inputs, tmp_path: Path) -> None:
    movie = delivered(inputs, tmp_path / "o.mkv", "ffv1")
    verdict = verify(movie)
    assert verdict.has_provenance
    assert not verdict.changed
    assert (holds(verdict, "manifest"), holds(verdict, "sidecar")) == ([None], [True])
    movie.write_bytes(movie.read_bytes() + b"\0")
    assert verify(movie).changed


def test_the_commands_exit_codes(inputs: Inputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    movie = delivered(inputs, tmp_path / "o.mp4")
    assert cli.main(["verify", str(movie), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"event": "finding", "part": "manifest", "holds": True}.items() <= events[0].items()
    assert cli.main(["verify", str(inputs.footage)]) == 2
    assert "no provenance" in capsys.readouterr().err
    movie.write_bytes(movie.read_bytes()[:-9])
    assert cli.main(["verify", str(movie)]) == 1
    assert cli.main(["verify", str(tmp_path / "none.mp4")]) == 3


def test_without_the_library_the_sidecar_is_written_and_it_is_said(
    inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(AssertionError, match="no C2PA manifest, because c2pa-python is not installed"):
        delivered(inputs, tmp_path / "o.mp4")
    assert (tmp_path / "o.mp4").is_file()
    verdict = verify(tmp_path / "o.mp4")
    assert not verdict.changed
    assert holds(verdict, "sidecar") == [True]


def test_a_sidecar_that_cannot_be_written_leaves_no_movie(inputs: Inputs, tmp_path: Path) -> None:
    sidecar_path(tmp_path / "o.mp4").mkdir()
    with pytest.raises(InputError, match="Cannot write"):
        delivered(inputs, tmp_path / "o.mp4")
    assert not list(tmp_path.glob("*o*.mp4"))


def test_the_users_certificate_signs_and_a_wrong_one_is_told(
    inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import c2pa.c2pa

    made = certificate.make_local(c2pa.c2pa.ed25519_sign)
    key, mark, chain = made.partition("-----BEGIN CERTIFICATE-----")
    (tmp_path / "key.pem").write_text(key)
    (tmp_path / "chain.pem").write_text(mark + chain)
    monkeypatch.setenv(certificate.CERTIFICATE, str(tmp_path / "chain.pem"))
    with pytest.raises(InputError, match="UNDERSTUDY_PRIVATE_KEY is not set"):
        delivered(inputs, tmp_path / "o.mp4")
    monkeypatch.setenv(certificate.PRIVATE_KEY, str(tmp_path / "key.pem"))
    movie = delivered(inputs, tmp_path / "o.mp4")
    assert json.loads(sidecar_path(movie).read_text())["manifest"]["signer"] == "user"
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(InputError, match="cannot be signed with your certificate"):
        delivered(inputs, tmp_path / "other.mp4")
    assert not list(tmp_path.glob("other*"))


def test_the_local_certificate_is_made_once_and_kept_to_oneself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import c2pa.c2pa

    monkeypatch.setenv("UNDERSTUDY_DATA", str(tmp_path / "data"))
    first = certificate.credential(c2pa.c2pa.ed25519_sign)
    assert certificate.credential(c2pa.c2pa.ed25519_sign) == first
    (kept,) = (tmp_path / "data").iterdir()
    assert sys.platform == "win32" or kept.stat().st_mode & 0o077 == 0
    kept.write_text("-----BEGIN NOTHING-----")
    with pytest.raises(InputError, match="delete it"):
        certificate.credential(c2pa.c2pa.ed25519_sign)


@pytest.mark.parametrize(
    ("seed", "public"),
    [  # RFC 8032, section 7.1, tests 1 to 3
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        ),
    ],
)
def test_public_keys_are_those_of_the_standard(seed: str, public: str) -> None:
    assert certificate.public_key(bytes.fromhex(seed)).hex() == public


def test_the_log_names_nobody(inputs: Inputs, tmp_path: Path) -> None:
    movie = delivered(inputs, tmp_path / "o.mp4")
    (line,) = [entry for entry in run_log.entries() if entry["output_sha256"] == digest_of(movie)]
    assert line["consent"] == read_consent(consent_path(inputs.footage)).sha256
    assert not {"clip", "scene", str(tmp_path)} & set(json.dumps(line).replace("/", '"').split('"'))


def test_settings_that_change_pictures_change_the_digest(inputs: Inputs, tmp_path: Path) -> None:
    plain = settings_digest(CompositeOptions())
    assert settings_digest(CompositeOptions(report_dir=tmp_path, device="cpu")) == plain
    assert settings_digest(CompositeOptions(quality_gate=True)) != plain
    consent = agreed(inputs.footage, digest_of(inputs.footage))
    before = facts_of(inputs, CompositeOptions(), consent, ())["inputs_sha256"]["renders"]
    (inputs.renders / "frame_000000.png").write_bytes(b"another")
    assert facts_of(inputs, CompositeOptions(), consent, ())["inputs_sha256"]["renders"] != before


def test_c2pa_is_loaded_for_an_export_only() -> None:
    program = "import sys, understudy.inference.cli, understudy.inference.jobs.shot; print('c2pa' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"
