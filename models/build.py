"""Build the ONNX networks that Understudy ships: `python -m understudy.models.build`.

Takes the TensorFlow Lite files out of the installed mediapipe package (found without importing it) or out of its
wheel, checks their digests, converts them and puts the results into models/weights.  What to convert, and the digests
of the results, stand in registry.toml.  The networks of a MediaPipe .task archive go to the user's folder.  Of a network
that the project trained itself, the file in models/trained is the form for processors; the others are made of it.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import sys
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import onnx

from ..inference.errors import MissingComponentError, UnderstudyError
from ..inference.networks import registry
from .gpu_forms import halved, with_prelu
from .lighter import lighter
from .tflite_to_onnx import Output, convert

Reader = Callable[[str], bytes]
"""Gives the bytes of a member of an archive."""

_PRELU = {"any": "plain", "plain": "plain", "half": "plain", "cpu": "depthwise"}


def mediapipe_folder() -> Path | None:
    """The folder that holds the installed mediapipe package, or None; the package is not imported."""
    spec = importlib.util.find_spec("mediapipe")
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]).parent if places else None


def package_reader(wheel: Path | None) -> Reader:
    """Read members of the mediapipe wheel, or of the installed package when no wheel is given."""
    if wheel is not None:
        return zip_reader(wheel)
    site_packages = mediapipe_folder()
    if site_packages is None:
        raise MissingComponentError(
            "The package mediapipe 0.10.21, which holds the networks to convert, is not installed: run "
            "`python3 run.py demo`, or give its wheel with --wheel."
        )
    return lambda member: (site_packages / member).read_bytes()


def zip_reader(archive: Path) -> Reader:
    """Read members of a wheel or a .task file."""

    def read(member: str) -> bytes:
        with zipfile.ZipFile(archive) as opened:
            return opened.read(member)

    return read


def build(entry: registry.Network, read: Reader, folder: Path) -> list[str]:
    """Convert one network into ``folder`` (one file per form); returns a complaint per result of unexpected content."""
    origin = entry.built_from
    if origin is None:
        return _build_trained(entry, folder)
    try:
        content = read(origin.member)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise MissingComponentError(
            f"{origin.member} cannot be read ({error}): reinstall {origin.archive} and build again."
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != origin.sha256:
        raise MissingComponentError(
            f"{origin.member} has the sha256 {digest[:16]}..., not the expected {origin.sha256[:16]}...: "
            f"install {origin.archive} exactly, the other files are not known to convert correctly."
        )
    outputs = tuple(
        Output(spec.source, spec.name, tuple(int(size) for size in spec.shape[1:])) for spec in entry.outputs
    )
    complaints = []
    for file in entry.files:
        model = convert(content, entry.inputs[0].name, outputs, _PRELU[file.form])
        if file.form == "cpu":
            model = lighter(model)
        complaints += _written(halved(model) if file.form == "half" else model, file, folder)
    return complaints


def _build_trained(entry: registry.Network, folder: Path) -> list[str]:
    """The forms for graphics cards of a network that the project trained."""
    trained, *others = entry.files
    path = registry.trained_folder() / trained.file
    if not path.is_file() or registry.file_digest(path) != trained.sha256:
        raise MissingComponentError(registry.missing_message(entry, trained.form))
    return [complaint for file in others for complaint in _written(form_of_trained(path, file.form), file, folder)]


def form_of_trained(path: Path, form: registry.Form) -> onnx.ModelProto:
    """The form for graphics cards of the network in a file."""
    plain = with_prelu(onnx.load(path))
    return halved(plain) if form == "half" else plain


def _written(model: onnx.ModelProto, file: registry.WeightsFile, folder: Path) -> list[str]:
    """Write a result; a complaint when it is not the registered one."""
    data = model.SerializeToString(deterministic=True)
    write_atomically(folder / file.file, data)
    result = hashlib.sha256(data).hexdigest()
    return [] if result == file.sha256 else [f"{file.file} has {len(data)} bytes and sha256 {result}"]


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside the target, then rename, so that no half file carries the final name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)


def build_all(entries: Iterable[registry.Network], read: Reader, folder: Path) -> None:
    """Convert several networks; `MissingComponentError` when a result is not byte for byte the registered one."""
    complaints = [complaint for entry in entries for complaint in build(entry, read, folder)]
    if complaints:
        raise MissingComponentError(
            "Converted networks differ from models/registry.toml: install the onnx version of the lock file and build "
            "again, or register the new digests if the converter changed on purpose; " + "; ".join(complaints) + "."
        )


def bundled_networks() -> list[registry.Network]:
    """The networks that come out of the mediapipe package or of the project's own training."""
    return [entry for entry in registry.networks().values() if entry.bundled]


def networks_in_task(archive: str = "face_landmarker.task") -> list[registry.Network]:
    """The networks that come out of a .task archive."""
    return [entry for entry in registry.networks().values() if entry.built_from and entry.built_from.archive == archive]


def build_task(task: Path, folder: Path) -> list[Path]:
    """Convert the networks of a face_landmarker.task into ``folder``; returns the files."""
    entries = networks_in_task()
    build_all(entries, zip_reader(task), folder)
    return [folder / file.file for entry in entries for file in entry.files]


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="understudy.models.build", description=__doc__.splitlines()[0])
    parser.add_argument("--wheel", type=Path, help="read a mediapipe wheel instead of the installed package")
    parser.add_argument("--task", type=Path, help="convert the networks of a face_landmarker.task instead")
    parser.add_argument("-o", "--output", type=Path, help="folder for the results")
    options = parser.parse_args(arguments)
    try:
        if options.task:
            build_task(options.task, options.output or registry.user_folder())
        else:
            folder = options.output or registry.bundled_folder()
            build_all(bundled_networks(), package_reader(options.wheel), folder)
    except UnderstudyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
