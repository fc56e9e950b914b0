"""Building the zip: what each platform takes, that the same checkout gives the same bytes, that a missing wheel is named.

Nothing is fetched here: a small wheel is made on the spot.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The program with its siblings."""
    monkeypatch.syspath_prepend(ROOT / "release")
    import build

    return build


@pytest.fixture
def targets(release: Any) -> Any:
    return sys.modules["targets"]


def make_wheel(folder: Path, name: str = "gauge", extra: dict[str, str] | None = None) -> Path:
    """A wheel of a distribution that does not exist, with a licence."""
    path = folder / f"{name}-1.2-py3-none-any.whl"
    info = f"{name}-1.2.dist-info"
    about = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.2\nLicense-Expression: ISC\n"
    files = {f"{info}/licenses/LICENSE": "The terms."} if extra is None else extra
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in ({f"{info}/METADATA": about} | files).items():
            wheel.writestr(zipfile.ZipInfo(file), text)  # whose time is the same for every wheel
    return path


def build_small(release: Any, targets: Any, folder: Path) -> Path:
    """The linux zip with one small wheel and one small file of weights."""
    folder.mkdir()
    weights = folder / "small.onnx"
    weights.write_bytes(b"weights")
    staged = folder / "staged"
    staged.mkdir()
    release.stage(targets.TARGETS["linux-x64"], staged, [make_wheel(folder)], [weights])
    release.pack(staged, folder / "packed.zip")
    return folder / "packed.zip"


def test_the_same_checkout_gives_the_same_bytes(release: Any, targets: Any, tmp_path: Path) -> None:
    first = build_small(release, targets, tmp_path / "first")
    for path in (tmp_path / "first" / "staged").rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700)
    again = tmp_path / "again.zip"
    release.pack(tmp_path / "first" / "staged", again)
    second = build_small(release, targets, tmp_path / "second")
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (first, again, second)}
    assert len(digests) == 1


def test_blenders_validator_takes_it_and_refuses_a_strange_tag(release: Any, targets: Any, tmp_path: Path) -> None:
    packed = build_small(release, targets, tmp_path / "one")
    release.validate(packed)
    manifest = tmp_path / "one" / "staged" / "blender_manifest.toml"
    manifest.write_text(manifest.read_text().replace('"Tracking"', '"Faces"'))
    release.pack(manifest.parent, packed)
    with pytest.raises(SystemExit, match="Faces"):
        release.validate(packed)


def test_it_holds_the_package_and_nothing_of_the_workshop(release: Any, targets: Any, tmp_path: Path) -> None:
    with zipfile.ZipFile(build_small(release, targets, tmp_path / "one")) as archive:
        names = archive.namelist()
    assert names == sorted(names)
    assert {
        "__init__.py",
        "inference/cli.py",
        "operators/footage/track.py",
        "licenses/INDEX.md",
        "models/NOTICE.md",
    } <= set(names)
    assert "models/weights/small.onnx" in names
    tops = {name.partition("/")[0] for name in names}
    workshop = {"tests", "benchmarks", "training", "release", "locks", "samples", "run.py", "pyproject.toml", ".git"}
    assert not tops & workshop
    assert not [name for name in names if "__pycache__" in name or name.startswith("models/build")]


def test_every_network_of_the_defaults_is_packed_converted_or_trained(release: Any) -> None:
    registry = tomllib.loads((ROOT / "models" / "registry.toml").read_text(encoding="utf-8"))["networks"]
    packed = release.default_weights()
    assert {path.name for path in packed} == {
        file["file"] for one in registry if one["bundled"] for file in one["files"]
    }
    for path in packed:
        digests = [file["sha256"] for one in registry for file in one["files"] if file["file"] == path.name]
        assert hashlib.sha256(path.read_bytes()).hexdigest() in digests


def test_every_bundled_part_has_its_licence(release: Any, tmp_path: Path) -> None:
    library = {"gauge.libs/libdav1d-f4b27961.so.7.0.0": "", "gauge-1.2.dist-info/LICENSE": "The terms."}
    wheel = make_wheel(tmp_path, extra=library | {"gauge/LICENSE": "The terms.", "gauge/NOTICE.txt": "A notice."})
    folder = tmp_path / "licenses"
    folder.mkdir()
    (bundled,) = release.licences.collect([wheel], folder)
    assert (bundled.name, bundled.version, bundled.licence) == ("gauge", "1.2", "ISC")
    assert bundled.files == ("gauge-1.2/LICENSE", "gauge-1.2/gauge/NOTICE.txt"), "each text once"
    assert [entry.project for entry in bundled.libraries] == ["dav1d"]
    index = (folder / "INDEX.md").read_text()
    assert "| gauge | 1.2 | ISC | `gauge-1.2/LICENSE`, `gauge-1.2/gauge/NOTICE.txt` |" in index
    assert "| dav1d | BSD-2-Clause |" in index
    assert (folder / "gauge-1.2" / "LICENSE").read_text() == "The terms."


@pytest.mark.parametrize(
    ("files", "said"),
    [({}, "no licence file"), ({"LICENSE": "", "gauge.libs/libmystery-0a1b2c3d.so.1": ""}, "libmystery-0a1b2c3d.so.1")],
)
def test_what_nobody_wrote_down_stops_the_build(release: Any, tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(release.licences.UnknownLicenceError, match=said):
        release.licences.collect([make_wheel(tmp_path, extra=files)], tmp_path)


@pytest.mark.parametrize(
    ("file", "project"),
    [
        ("libavcodec-5e6b81c2.so.62.28.102", "FFmpeg"),
        ("libx264.165.dylib", "x264"),
        ("libSvtAv1Enc-c4dd99c98ddcdb013e820dbd68a30e26.dll", "SVT-AV1"),
        ("libgcc_s_seh-1-4c0a762e4178b574f72d1ef1f8bb5fc9.dll", "GCC's runtime libraries"),
        ("libjxl_cms.0.11.1.dylib", "libjxl (The JPEG XL Project)"),
        ("opencv_videoio_ffmpeg4110_64.dll", "FFmpeg"),
        ("onnxruntime_providers_shared.dll", "ONNX Runtime (Microsoft)"),
    ],
)
def test_compiled_libraries_are_known_by_their_file(release: Any, file: str, project: str) -> None:
    assert release.licences._library(file).project == project


def test_every_zip_takes_locked_versions_and_no_numpy(targets: Any) -> None:
    for variant in targets.VARIANTS.values():
        for name in variant.targets:
            wanted = targets.requirements(targets.TARGETS[name], variant)
            assert all("==" in line for line in wanted)
            names = {line.partition("==")[0] for line in wanted}
            assert names == set(targets.DISTRIBUTIONS) - {"onnxruntime"} | {variant.distribution}
            assert "numpy" not in names


def test_intel_macs_get_the_last_runtime_that_exists_for_them(targets: Any) -> None:
    wanted = targets.requirements(targets.TARGETS["macos-x64"], targets.VARIANTS["cpu"])
    assert "onnxruntime==1.23.2" in wanted
    assert targets.TARGETS["macos-x64"].pythons == ("3.11",)
    assert targets.TARGETS["linux-x64"].pythons == ("3.11", "3.13")


def test_the_staged_manifest_names_platform_and_wheels(release: Any) -> None:
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    staged = tomllib.loads(release.manifest_with("linux-x64", ["./wheels/a-1-py3-none-any.whl"]))
    assert staged == manifest | {"platforms": ["linux-x64"], "wheels": ["./wheels/a-1-py3-none-any.whl"]}


def test_variants_have_names_of_their_own(release: Any, targets: Any) -> None:
    names = [
        release.zip_name(targets.TARGETS[name], variant)
        for variant in targets.VARIANTS.values()
        for name in variant.targets
    ]
    assert len(names) == len(set(names))
    assert any(name.endswith("-linux_x64.zip") for name in names)
    assert any(name.endswith("-windows_x64-directml.zip") for name in names)


@pytest.fixture
def index_without(release: Any, targets: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A package index in which some distributions have no wheel; pip's part is played."""
    wheelhouse = sys.modules["wheelhouse"]
    monkeypatch.setattr(wheelhouse, "WHEELS", tmp_path / "wheels")

    def lacking(missing: str, answer: str = "ERROR: No matching distribution found for that") -> Any:
        def pip(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
            name, _, version = command[-1].partition("==")
            if name == missing:
                return subprocess.CompletedProcess(command, 1, answer)
            (Path(command[command.index("--dest") + 1]) / f"{name}-{version}-py3-none-any.whl").touch()
            return subprocess.CompletedProcess(command, 0, "")

        monkeypatch.setattr(wheelhouse.subprocess, "run", pip)
        return wheelhouse

    return lacking


def test_a_missing_wheel_is_named_and_the_platform_skipped(
    release: Any, index_without: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    index_without("opencv-python-headless")
    monkeypatch.setattr(release, "host", lambda: "windows-arm64")
    assert release.main([]) == 1
    said = capsys.readouterr().out
    assert "windows-arm64 is skipped" in said
    assert "opencv-python-headless==4.11.0.86 for Python 3.13" in said


def test_a_broken_connection_is_no_missing_wheel(targets: Any, index_without: Any) -> None:
    wheelhouse = index_without("scipy", "ERROR: Could not fetch the index")
    with pytest.raises(SystemExit, match="pip could not fetch scipy"):
        wheelhouse.fetch(targets.TARGETS["linux-x64"], targets.VARIANTS["cpu"])


def test_wheels_are_fetched_once(targets: Any, index_without: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wheelhouse = index_without("nothing")
    wanted = (targets.TARGETS["linux-x64"], targets.VARIANTS["cpu"])
    first = wheelhouse.fetch(*wanted)
    monkeypatch.setattr(wheelhouse.subprocess, "run", None)
    assert wheelhouse.fetch(*wanted) == first
    assert len(first) == len(targets.DISTRIBUTIONS)


def test_a_variant_that_a_machine_lacks_says_where_it_is(
    release: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "host", lambda: "macos-arm64")
    assert release.main(["--variant", "directml"]) == 1
    assert "--all builds: windows-x64" in capsys.readouterr().out
