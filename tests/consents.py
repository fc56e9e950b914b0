"""Consent records for films that tests make: nobody real is in them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from understudy.inference.media import sha256
from understudy.inference.provenance.consent import Consent, consent_path, write_consent


def fictional(footage: Path) -> Path:
    """Write the record beside the footage, which is handed back."""
    write_consent(Consent("fictional", (sha256(footage),), date(2026, 1, 1)), consent_path(footage))
    return footage
