"""The sidecar: what a manifest says, and the digest of the finished file, as JSON beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..errors import InputError
from ..files import write_whole
from .facts import SCHEMA, VERSION
from .manifest import Embedded

ENDING: Final = ".provenance.json"


def sidecar_path(output: Path) -> Path:
    """Where the sidecar of a movie, a folder or a pattern of pictures is."""
    return output.with_name(output.name + ENDING)


def digest_of(output: Path) -> str:
    """SHA-256 of a movie, or of the pictures of a sequence; raises `InputError` when one cannot be read."""
    if output.is_file():
        try:
            with output.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"{output} cannot be read: {error.strerror}; check your access to it.") from error
    from ..media import sha256

    return sha256(output)


def write_sidecar(output: Path, facts: Mapping[str, Any], output_sha256: str, embedded: Embedded) -> None:
    """Write it for an output of that name; raises `InputError` when it cannot be written."""
    manifest = {"embedded": embedded.signer is not None, "signer": embedded.signer, "reason": embedded.reason}
    fields = {**facts, "output_sha256": output_sha256, "manifest": manifest}
    write_whole(sidecar_path(output), (json.dumps(fields, indent=1) + "\n").encode())


def read_sidecar(output: Path) -> dict[str, Any] | None:
    """What the sidecar of an output says; None where there is none.

    Raises:
        InputError: it is damaged, or of another version.
    """
    path = sidecar_path(output)
    if not path.is_file():
        return None
    try:
        fields = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: it is not JSON.") from error
    if not isinstance(fields, dict) or (fields.get("schema"), fields.get("version")) != (SCHEMA, VERSION):
        raise InputError(f"{path} is no provenance record of this version of Understudy.")
    if not isinstance(fields.get("output_sha256"), str) or not isinstance(fields.get("manifest"), dict):
        raise InputError(f"{path} is damaged: fields are missing.")
    return fields
