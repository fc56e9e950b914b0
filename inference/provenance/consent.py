"""The consent record: that the person whose face is in some footage agreed to what is made of it.

A small JSON file beside the footage (``clip.mp4.consent.json``), which the command line and Blender's dialog write and
both look for. It is the user's word; what it proves is said in docs/provenance.md.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal, get_args

from ..errors import InputError
from ..files import write_whole

SCHEMA: Final = "understudy.consent"
VERSION: Final = 1
ENDING: Final = ".consent.json"
Kind = Literal["performer", "own face", "fictional"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True)
class Consent:
    """Who agreed to what, for which footage and until when."""

    kind: Kind
    """A performer agreed; or it is the user's own face; or nobody's, because the footage shows no real person."""
    footage_sha256: tuple[str, ...]
    given_on: date
    performer: str = ""
    purpose: str = ""
    expires_on: date | None = None
    """The last day on which it holds; None is without end."""
    revoked: bool = False


@dataclass(frozen=True)
class Recorded:
    """A record as it lies on the disk."""

    consent: Consent
    sha256: str
    """Of the file: all that manifests and logs tell of it."""


def consent_path(footage: Path) -> Path:
    """Where the record of some footage is looked for."""
    return footage.with_name(footage.name + ENDING)


def write_consent(consent: Consent, path: Path) -> None:
    """Write a record; raises `InputError` when it says too little, or cannot be written."""
    _check(consent, path)
    fields = {
        "schema": SCHEMA,
        "version": VERSION,
        "kind": consent.kind,
        "performer": consent.performer,
        "purpose": consent.purpose,
        "footage_sha256": list(consent.footage_sha256),
        "given_on": consent.given_on.isoformat(),
        "expires_on": None if consent.expires_on is None else consent.expires_on.isoformat(),
        "revoked": consent.revoked,
    }
    write_whole(path, (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode())


def read_consent(path: Path) -> Recorded:
    """Read a record back.

    Raises:
        InputError: it is not there, not a record, of a later version, or says too little.
    """
    try:
        content = path.read_bytes()
        fields = json.loads(content.decode("utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check the path of the consent record.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: it is not JSON; record the consent again.") from error
    if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
        raise InputError(f"{path} is not a consent record of Understudy; write one with 'understudy consent'.")
    if fields.get("version") != VERSION:
        raise InputError(f"{path} is a consent record of another version of Understudy; record the consent again.")
    consent = _consent_of(fields, path)
    _check(consent, path)
    return Recorded(consent, hashlib.sha256(content).hexdigest())


def check_consent(recorded: Recorded, path: Path, footage: Path, footage_sha256: str, today: date) -> None:
    """Whether a record holds for some footage on a day.

    Raises:
        InputError: it was taken back, has ended, or is for other footage; the sentence says what to do.
    """
    consent = recorded.consent
    if consent.revoked:
        raise InputError(f"The consent in {path} was taken back; nothing may be made of {footage.name} with it.")
    if consent.expires_on is not None and consent.expires_on < today:
        raise InputError(
            f"The consent in {path} ended on {consent.expires_on.isoformat()}; ask the performer and record it again."
        )
    if footage_sha256 not in consent.footage_sha256:
        raise InputError(
            f"The consent in {path} is for other footage than {footage.name}, or that file was changed since; "
            f"record it again: {command_for(footage)} --overwrite"
        )


def agreed(footage: Path, footage_sha256: str, path: Path | None = None, today: date | None = None) -> Recorded:
    """The record that lets footage be composited: the one of `path`, or the one beside the footage.

    Raises:
        InputError: there is none, it is damaged, or it does not hold; the sentence says what to do.
    """
    place = consent_path(footage) if path is None else path
    if path is None and not place.exists():
        raise InputError(
            f"Nobody recorded whose face {footage.name} shows, and that they agree to a composite. For your own face: "
            f"{command_for(footage)} (for others: --performer NAME --purpose WHAT, or --fictional)"
        )
    recorded = read_consent(place)
    check_consent(recorded, place, footage, footage_sha256, today or date.today())
    return recorded


def command_for(footage: Path) -> str:
    """The line that records consent, to be copied."""
    return f"understudy consent {shlex.quote(str(footage))} --own-face"


def summary(consent: Consent) -> str:
    """One line for people."""
    who = {"performer": consent.performer, "own face": "the user's own face", "fictional": "no real person"}
    parts = [who[consent.kind], consent.purpose]
    if consent.expires_on is not None:
        parts.append(f"until {consent.expires_on.isoformat()}")
    if consent.revoked:
        parts.append("taken back")
    return ", ".join(part for part in parts if part)


def _consent_of(fields: Mapping[str, Any], path: Path) -> Consent:
    try:
        kind = fields["kind"]
        if kind not in KINDS:
            raise ValueError(kind)
        ends = fields["expires_on"]
        return Consent(
            kind=kind,
            footage_sha256=tuple(_texts(fields["footage_sha256"])),
            given_on=date.fromisoformat(fields["given_on"]),
            performer=_text(fields["performer"]),
            purpose=_text(fields["purpose"]),
            expires_on=None if ends is None else date.fromisoformat(ends),
            revoked=_flag(fields["revoked"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged: {_missing(error)}; record the consent again.") from error


def _missing(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else "a field has a value that it cannot have"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _texts(value: object) -> Sequence[str]:
    if not isinstance(value, list):
        raise TypeError(value)
    return [_text(one) for one in value]


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _check(consent: Consent, path: Path) -> None:
    """What every record must say."""
    if consent.kind == "performer" and not (consent.performer.strip() and consent.purpose.strip()):
        raise InputError(f"{path}: a performer's consent needs a name and a purpose; give --performer and --purpose.")
    if not consent.footage_sha256 or not all(_is_digest(one) for one in consent.footage_sha256):
        raise InputError(f"{path} names no footage by its SHA-256; record the consent again for the footage.")
    if consent.expires_on is not None and consent.expires_on < consent.given_on:
        raise InputError(f"{path}: the consent ends before the day it was given; correct the date.")


def _is_digest(text: str) -> bool:
    return len(text) == 64 and set(text) <= set("0123456789abcdef")
