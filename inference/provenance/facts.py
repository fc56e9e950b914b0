"""What is told of an export: what made it, from what, with whose consent. No face, no path, no name of a person."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .consent import Recorded

if TYPE_CHECKING:
    from ..composite.types import CompositeOptions

SCHEMA: Final = "understudy.provenance"
VERSION: Final = 1
SOURCE_TYPE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic"
"""IPTC's term: a mix of several elements, of which at least one is synthetic."""
_ROOT: Final = Path(__file__).resolve().parents[2]
_LIBRARIES: Final = {"numpy": "numpy", "onnxruntime": "onnxruntime", "av": "av", "cv2": "opencv", "scipy": "scipy"}
_NOT_THE_PICTURES: Final = ("report_dir", "device")


@dataclass(frozen=True)
class Inputs:
    """What an export is made from."""

    footage: Path
    take: Path
    renders: Path
    """The folder of rendered frames."""
    blend: Path | None = None
    """The scene that was rendered, where it is known."""


def facts_of(inputs: Inputs, options: CompositeOptions, consent: Recorded, models: Iterable[Path]) -> dict[str, Any]:
    """The facts of an export, as manifest, sidecar and run log hold them; `models` are the network files in use.

    Raises:
        InputError: an input cannot be read.
    """
    from ..media import sha256

    digests = {
        "footage": sha256(inputs.footage),
        "take": sha256(inputs.take),
        "renders": folder_digest(inputs.renders),
    }
    if inputs.blend is not None:
        digests["blend"] = sha256(inputs.blend)
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "what": "composite",
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "digital_source_type": SOURCE_TYPE,
        "tool": {"name": "Understudy", "version": tool_version()},
        "versions": versions(),
        "models": {path.name: sha256(path) for path in sorted(models)},
        "inputs_sha256": digests,
        "settings_sha256": settings_digest(options),
        "consent": {"kind": consent.consent.kind, "sha256": consent.sha256},
    }


def settings_digest(options: CompositeOptions) -> str:
    """SHA-256 of all settings that the pictures depend on."""
    chosen = {name: value for name, value in asdict(options).items() if name not in _NOT_THE_PICTURES}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True, default=str).encode()).hexdigest()


def folder_digest(folder: Path) -> str:
    """SHA-256 of the pictures in a folder: of one line for each, its digest and its name, as ``sha256sum *.png`` prints."""
    whole = hashlib.sha256()
    for path in sorted(folder.glob("*.png")):
        with path.open("rb") as stream:
            whole.update(f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  {path.name}\n".encode())
    return whole.hexdigest()


def tool_version() -> str:
    """Ours, from the extension's manifest or the installed package."""
    manifest = _ROOT / "blender_manifest.toml"
    if manifest.is_file():
        return str(tomllib.loads(manifest.read_text("utf-8"))["version"])
    return importlib.metadata.version("understudy")


def versions() -> Mapping[str, str]:
    """Of Python, the system, and of the libraries that took part so far."""
    found = {"python": platform.python_version(), "system": platform.system()}
    for module, name in _LIBRARIES.items():
        if module in sys.modules:
            found[name] = str(getattr(sys.modules[module], "__version__", "unknown"))
    return found
