"""The list of networks (models/registry.toml) as dataclasses, and the way to a checked weights file."""

from __future__ import annotations

import hashlib
import os
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ..errors import MissingComponentError, UsageError

Form = Literal["any", "plain", "cpu", "half"]
"""``plain`` is the GPU form, ``cpu`` the one with PReLU as depthwise convolutions, ``any`` the only one there is.

``half`` keeps maps in float16: it is opened when asked for, and where `understudy doctor --tune` found it to be faster.
"""

_MODELS = Path(__file__).resolve().parents[2] / "models"


@dataclass(frozen=True)
class TensorSpec:
    """One input or output: its name in our files, the element type, the shape (words are sizes that may vary)."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    meaning: str
    source: str = ""
    """The name in the file that models/build.py converts."""
    also: tuple[str, ...] = ()
    """Other element types that known files have; `sessions.infer` casts."""


@dataclass(frozen=True)
class WeightsFile:
    """A file whose content is known by its digest."""

    form: Form
    file: str
    sha256: str
    size: int = 0
    """Bytes; 0 where nobody has published it."""
    url: str = ""
    note: str = ""


@dataclass(frozen=True)
class BuiltFrom:
    """The TensorFlow Lite file that is converted: a member of a wheel or of a .task archive."""

    archive: str
    member: str
    sha256: str


@dataclass(frozen=True)
class Network:
    """An entry of the registry."""

    name: str
    purpose: str
    bundled: bool
    licence: str
    redistribution: str
    source: str
    get: str
    files: tuple[WeightsFile, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    built_from: BuiltFrom | None

    def files_of(self, form: Form) -> tuple[WeightsFile, ...]:
        """The files that serve a form: those made for it, or those that serve every form; all of them for "any"."""
        return tuple(file for file in self.files if form in ("any", file.form) or file.form == "any")


def _network(table: dict[str, Any]) -> Network:
    fields = dict(table)
    built_from = fields.pop("built_from", None)
    return Network(
        files=tuple(WeightsFile(**file) for file in fields.pop("files")),
        inputs=tuple(_tensor(tensor) for tensor in fields.pop("inputs", ())),
        outputs=tuple(_tensor(tensor) for tensor in fields.pop("outputs", ())),
        built_from=BuiltFrom(**built_from) if built_from else None,
        **fields,
    )


def _tensor(table: dict[str, Any]) -> TensorSpec:
    return TensorSpec(**{**table, "shape": tuple(table["shape"]), "also": tuple(table.get("also", ()))})


@cache
def networks() -> dict[str, Network]:
    """Every known network by name, in the order of the registry."""
    tables = tomllib.loads((_MODELS / "registry.toml").read_text("utf-8"))["networks"]
    return {table["name"]: _network(table) for table in tables}


def network(name: str) -> Network:
    """The entry of that name; `UsageError` when there is none."""
    if name not in networks():
        raise UsageError(f"no network is called {name!r}; known are {', '.join(networks())}")
    return networks()[name]


def user_folder() -> Path:
    """Where a user's own and downloaded networks are kept, after the custom of the operating system."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "understudy" / "models"


def bundled_folder() -> Path:
    """Where the networks are that the project ships (or, in a checkout, builds)."""
    return _MODELS / "weights"


def trained_folder() -> Path:
    """Where a checkout keeps the networks that the project trained itself; the extension has them among the bundled."""
    return _MODELS / "trained"


def weights_folders() -> tuple[Path, ...]:
    """Where files are looked for, in this order; UNDERSTUDY_MODELS takes the place of the folder of what is converted."""
    override = os.environ.get("UNDERSTUDY_MODELS")
    trained = (trained_folder(),) if trained_folder().is_dir() else ()
    return (Path(override) if override else bundled_folder(), *trained, user_folder())


@cache
def _digest_of(path: Path, size: int, modified_ns: int) -> str:
    """Keyed by size and time of change, so that a large file is read once per process."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_digest(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    status = path.stat()
    return _digest_of(path, status.st_size, status.st_mtime_ns)


def find_file(entry: Network, form: Form = "any") -> tuple[Path, WeightsFile] | None:
    """The first file on disk that is a registered one by name, size and digest, or None."""
    for file in entry.files_of(form):
        for folder in weights_folders():
            path = folder / file.file
            if path.is_file() and file.size in (0, path.stat().st_size) and file_digest(path) == file.sha256:
                return path, file
    return None


def find_damaged(entry: Network, form: Form = "any") -> Path | None:
    """A file that has the name of a registered one but other content, or None."""
    paths = [folder / file.file for file in entry.files_of(form) for folder in weights_folders()]
    return next((path for path in paths if path.is_file()), None)


def weights_path(name: str, form: Form = "plain") -> Path:
    """The checked weights file of a network.

    Raises `MissingComponentError` naming file, source, licence and digest when it is missing or has other content.
    """
    entry = network(name)
    found = find_file(entry, form)
    if found is None:
        raise MissingComponentError(missing_message(entry, form))
    return found[0]


def missing_message(entry: Network, form: Form = "plain") -> str:
    """One sentence: which file is missing or damaged, where it belongs, and how to get it."""
    files = entry.files_of(form)
    origin = f"{entry.source}; licence: {entry.licence}"
    damaged = find_damaged(entry, form)
    if damaged is not None:
        expected = " or ".join(file.sha256 for file in files if file.file == damaged.name)
        return (
            f"The network {entry.name!r} cannot be used because {damaged} has the sha256 {file_digest(damaged)} "
            f"and not {expected}: delete the file and {entry.get} ({origin})."
        )
    wanted = " or ".join(f"{file.file} (sha256 {file.sha256})" for file in files)
    folders = " or ".join(str(folder) for folder in weights_folders())
    button = "" if entry.bundled else " (in Blender: Preferences, Add-ons, Understudy)"
    return f"The network {entry.name!r} is missing: {entry.get}{button}; wanted is {wanted} in {folders} ({origin})."
