"""``understudy consent``: records that the person in some footage agrees to a composite."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..provenance.consent import Consent, Kind, consent_path, read_consent, summary, write_consent
from .words import Commands, add_command, add_overwrite, need_footage, refuse_existing

if TYPE_CHECKING:
    from ..jobs.console import Console


def add(commands: Commands) -> None:
    """Its words."""
    consent = add_command(commands, "consent", run, "record who agreed to a composite of their face")
    consent.add_argument("footage", type=Path, nargs="+", help="the footage that it is for")
    consent.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: beside each footage")
    who = consent.add_mutually_exclusive_group(required=True)
    who.add_argument("--performer", metavar="NAME", help="who agreed; --purpose says to what")
    who.add_argument("--own-face", action="store_true", help="the footage shows yourself")
    who.add_argument("--fictional", action="store_true", help="the footage shows no real person")
    who.add_argument("--revoke", action="store_true", help="a consent that was recorded is taken back")
    consent.add_argument("--purpose", default="", metavar="WHAT", help="what the composite is for")
    consent.add_argument("--expires", type=_day, metavar="YYYY-MM-DD", help="last day on which it holds")
    add_overwrite(consent)


def run(options: argparse.Namespace, console: Console) -> None:
    """Write the record."""
    for footage in options.footage:
        need_footage(footage, "footage")
    places = [consent_path(path) for path in options.footage] if options.output is None else [options.output]
    if options.revoke:
        for place in places:
            write_consent(replace(read_consent(place).consent, revoked=True), place)
            console.say("consent", f"{place}: taken back", path=place)
        return
    if options.performer is not None and not (options.performer.strip() and options.purpose.strip()):
        raise UsageError("--performer needs a name, and --purpose with what the performer agreed to.")
    for place in places:
        refuse_existing(place, options.overwrite)
    from ..media import sha256

    consent = Consent(
        kind=_kind(options),
        footage_sha256=tuple(sha256(path) for path in options.footage),
        given_on=date.today(),
        performer=options.performer or "",
        purpose=options.purpose,
        expires_on=options.expires,
    )
    for place in places:
        write_consent(consent, place)
        console.say("consent", f"{place}: {summary(consent)}", path=place, kind=consent.kind)


def _kind(options: argparse.Namespace) -> Kind:
    if options.performer is not None:
        return "performer"
    return "own face" if options.own_face else "fictional"


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a day like 2027-12-31") from error
