"""What still holds of a delivered file: its manifest, its sidecar and the consent, each in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

from ..errors import InputError
from . import run_log
from .consent import consent_path, read_consent
from .manifest import HOLDERS, Found, NoLibraryError, read
from .sidecar import digest_of, read_sidecar, sidecar_path

Part = Literal["manifest", "sidecar", "consent", "footage", "log"]
_CODES: Final = {
    "assertion.bmffHash.mismatch": "the movie's content is not the one that was signed",
    "assertion.dataHash.mismatch": "the file's content is not the one that was signed",
    "claimSignature.mismatch": "the signature does not fit what it signs",
    "assertion.hashedURI.mismatch": "a statement in the manifest was changed",
}

_NONE: Final = "The movie holds no C2PA manifest: it never had one, or it was re-encoded or repacked since."


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    part: Part
    holds: bool | None
    """None: it could not be looked at, or says nothing for or against the file."""
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """All that was found about a file."""

    findings: tuple[Finding, ...]
    has_provenance: bool
    """There is a manifest of ours or a sidecar at all."""

    @property
    def changed(self) -> bool:
        """Something does not hold."""
        return any(finding.holds is False for finding in self.findings)


def verify(
    output: Path, footage: Path | None = None, consent: Path | None = None, today: date | None = None
) -> Verdict:
    """Look at a movie, or at the folder or pattern of a picture sequence; where `footage` or `consent` are given, they
    are compared with those that the file names.

    Raises:
        InputError: the file, the footage or the consent record cannot be read.
    """
    found, about_manifest = _manifest(output)
    stored, about_sidecar = _sidecar(output, found, was_lost=about_manifest.sentence == _NONE)
    facts = stored if stored is not None else found.facts if found is not None else {}
    findings = [about_manifest, *about_sidecar]
    if facts:
        findings += [*_consent(facts, footage, consent, today or date.today()), *_footage(facts, footage)]
        findings += _log(output)
    ours = found is not None and bool(found.facts)
    return Verdict(tuple(findings), ours or stored is not None or sidecar_path(output).exists())


def _manifest(output: Path) -> tuple[Found | None, Finding]:
    if output.suffix.lower() not in HOLDERS:
        return None, Finding("manifest", None, "A file of this kind holds no C2PA manifest; only the sidecar speaks.")
    try:
        found = read(output)
    except NoLibraryError as error:
        return None, Finding("manifest", None, f"The C2PA manifest cannot be looked at: {error}.")
    except InputError as error:
        return None, Finding("manifest", False, str(error))
    if found is None:
        return None, Finding("manifest", None, _NONE)
    if found.problems:
        why = "; ".join(_CODES.get(code, code) for code in found.problems)
        return found, Finding("manifest", False, f"The C2PA manifest does not hold: {why}.")
    if not found.facts:
        return found, Finding("manifest", None, f"The C2PA manifest holds, but it is of another tool ({found.tool}).")
    who = (
        f"signed with a certificate that C2PA's list of trust knows ({found.signer})"
        if found.trusted
        else f"signed as '{found.signer}', which nobody vouches for: it does not prove who signed"
    )
    return found, Finding("manifest", True, f"The C2PA manifest holds: the movie is as it was signed, {who}.")


def _sidecar(output: Path, found: Found | None, *, was_lost: bool) -> tuple[dict[str, Any] | None, list[Finding]]:
    name = sidecar_path(output).name
    try:
        stored = read_sidecar(output)
    except InputError as error:
        return None, [Finding("sidecar", False, str(error))]
    if stored is None:
        return None, [Finding("sidecar", None, f"There is no sidecar {name} beside the file.")]
    findings = []
    if digest_of(output) == stored["output_sha256"]:
        findings.append(Finding("sidecar", True, f"The file is, bit for bit, the one that {name} was written for."))
    else:
        findings.append(Finding("sidecar", False, f"The file was changed or re-encoded since {name} was written."))
    if was_lost and stored["manifest"].get("embedded") is True:
        findings.append(Finding("manifest", False, "It was delivered with a C2PA manifest, which is gone."))
    if found is not None and found.facts and any(stored.get(key) != value for key, value in found.facts.items()):
        different = sorted(key for key, value in found.facts.items() if stored.get(key) != value)
        findings.append(
            Finding("sidecar", False, f"The sidecar says something else than the manifest: {', '.join(different)}.")
        )
    return stored, findings


def _consent(facts: Mapping[str, Any], footage: Path | None, path: Path | None, today: date) -> Iterator[Finding]:
    named = facts.get("consent") or {}
    kind = named.get("kind", "unknown")
    place = path or (consent_path(footage) if footage is not None else None)
    if place is None or not (path is not None or place.exists()):
        yield Finding(
            "consent", None, f"Consent ({kind}) is named by its digest; give --consent or --footage to compare."
        )
        return
    recorded = read_consent(place)
    if recorded.sha256 != named.get("sha256"):
        yield Finding("consent", False, f"{place.name} is not the consent record that the file names.")
        return
    yield Finding("consent", True, f"{place.name} is the consent record that the file names ({kind}).")
    ends = recorded.consent.expires_on
    if recorded.consent.revoked:
        yield Finding("consent", False, "That consent was taken back.")
    elif ends is not None and ends < today:
        yield Finding(
            "consent", None, f"That consent ended on {ends.isoformat()}, after which nothing new may be made."
        )


def _footage(facts: Mapping[str, Any], footage: Path | None) -> Iterator[Finding]:
    if footage is None:
        return
    from ..media import sha256

    if sha256(footage) == facts.get("inputs_sha256", {}).get("footage"):
        yield Finding("footage", True, f"{footage.name} is the footage that it was made from.")
    else:
        yield Finding("footage", False, f"{footage.name} is not the footage that it was made from.")


def _log(output: Path) -> list[Finding]:
    digest = digest_of(output)
    lines = [line for line in run_log.entries() if line.get("output_sha256") == digest]
    if not lines:
        return [Finding("log", None, "This computer's run log does not know the file.")]
    return [Finding("log", None, f"This computer's run log knows the file, made {lines[-1].get('when')} (UTC).")]
