"""C2PA manifests in movies: written into the finished file before it gets its name, and read back. The one place of c2pa."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from ..errors import InputError
from .certificate import credential
from .facts import SOURCE_TYPE

HOLDERS: Final = {".mp4": "video/mp4", ".mov": "video/quicktime"}
"""The movies that can hold a manifest, by their ending."""
LABEL: Final = "org.understudy.provenance"
_INSTALL: Final = "install c2pa-python"


@dataclass(frozen=True)
class Embedded:
    """Whether a movie got its manifest."""

    signer: str | None
    """``local`` or ``user``: whose certificate; None when there is no manifest."""
    reason: str = ""
    """Why there is none."""


@dataclass(frozen=True)
class Found:
    """What a movie's manifest says."""

    facts: dict[str, Any]
    """Ours; empty in a manifest of another tool."""
    tool: str
    signer: str
    problems: tuple[str, ...]
    """C2PA's codes for what does not hold; an unknown signer is none."""
    trusted: bool
    """The signer's certificate is on C2PA's own list."""


class NoLibraryError(Exception):
    """c2pa-python is not there or does not run here; the message says which."""


def embed(movie: Path, footage: Path, facts: Mapping[str, Any]) -> Embedded:
    """Put a signed manifest into a finished movie; pictures and sound stay as they are, bit for bit.

    Where it cannot be, the movie stays as it is and the result says why.

    Raises:
        InputError: the user's certificate cannot be used.
        OSError: the disk is full or gone.
    """
    kind = HOLDERS.get(movie.suffix.lower())
    if kind is None:
        return Embedded(None, f"{movie.suffix.lstrip('.') or 'a picture sequence'} files hold none")
    try:
        c2pa = _library()
    except NoLibraryError as error:
        return Embedded(None, str(error))
    chosen = credential(c2pa.c2pa.ed25519_sign)
    signed = movie.with_name(f"{movie.stem}.signed{movie.suffix}")
    try:
        signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(chosen.algorithm, chosen.certificates.encode(), chosen.private_key.encode(), None)
        )
        plate = HOLDERS.get(footage.suffix.lower()) if footage.is_file() else None
        with c2pa.Builder(json.dumps(_manifest(facts, with_footage=plate is None))) as builder, signer:
            if plate is not None:
                with footage.open("rb") as stream:  # the manifest that a camera gave it is kept
                    builder.add_ingredient(json.dumps(_footage(facts, plate)), plate, stream)
            with movie.open("rb") as source, signed.open("w+b") as target:
                builder.sign(signer, kind, source, target)
        signed.replace(movie)
    except c2pa.C2paError as error:
        if not chosen.is_local:
            raise InputError(
                f"The movie cannot be signed with your certificate: {error}; check certificate and key in the preferences."
            ) from error
        return Embedded(None, f"c2pa could not write it: {error}")
    finally:
        signed.unlink(missing_ok=True)
    return Embedded("local" if chosen.is_local else "user")


def read(movie: Path) -> Found | None:
    """The manifest of a movie; None when it holds none.

    Raises:
        NoLibraryError: it cannot be read here.
        InputError: the file is damaged so that nothing can be read of it.
    """
    c2pa = _library()
    kind = HOLDERS.get(movie.suffix.lower())
    if kind is None:
        return None
    try:
        with movie.open("rb") as stream, c2pa.Reader(kind, stream) as reader:
            store = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        raise InputError(f"The manifest in {movie} cannot be read: {error}.") from error
    active = store.get("manifests", {}).get(store.get("active_manifest"))
    if active is None:
        raise InputError(f"The manifest in {movie} is damaged: it does not hold what it names.")
    ours = [one.get("data") for one in active.get("assertions", []) if one.get("label") == LABEL]
    failures = {one["code"] for one in store.get("validation_results", {}).get("activeManifest", {}).get("failure", [])}
    signature = active.get("signature_info", {})
    return Found(
        facts=dict(ours[0]) if ours and isinstance(ours[0], dict) else {},
        tool=" ".join(str(one.get("name", "")) for one in active.get("claim_generator_info", [])),
        signer=str(signature.get("common_name") or signature.get("issuer") or "unknown"),
        problems=tuple(sorted(failures - {"signingCredential.untrusted"})),
        trusted="signingCredential.untrusted" not in failures,
    )


def _library() -> ModuleType:
    try:
        import c2pa
        import c2pa.c2pa  # the part with Ed25519
    except ImportError as error:
        raise NoLibraryError(f"c2pa-python is not installed here ({_INSTALL})") from error
    except (OSError, RuntimeError, AttributeError) as error:
        raise NoLibraryError(f"c2pa-python does not run on this machine: {error}") from error
    return c2pa  # type: ignore[no-any-return]


def _manifest(facts: Mapping[str, Any], with_footage: bool) -> dict[str, Any]:
    """What is signed; `with_footage` where the plate is not added from its file."""
    tool, digests = dict(facts["tool"]), facts["inputs_sha256"]
    created = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE, "when": facts["when"], "softwareAgent": tool}
    placed = {"action": "c2pa.placed", "parameters": {"ingredientIds": ["footage"]}}
    ingredients = [_footage(facts, "application/octet-stream")] if with_footage else []
    if "blend" in digests:
        ingredients.append(
            _ingredient("blend", "Scene with the avatar", "inputTo", "application/x-blender", digests["blend"])
        )
    return {
        "claim_generator_info": [tool],
        "title": "Avatar composited into footage",
        "ingredients": ingredients,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created, placed]}},
            {"label": LABEL, "data": dict(facts)},
        ],
    }


def _footage(facts: Mapping[str, Any], kind: str) -> dict[str, str]:
    return _ingredient("footage", "Footage", "componentOf", kind, facts["inputs_sha256"]["footage"])


def _ingredient(label: str, title: str, relationship: str, kind: str, digest: str) -> dict[str, str]:
    """By its digest; titles say what it is, not what its file is called, for that may be somebody's name."""
    instance = f"urn:sha256:{digest}"
    return {"label": label, "title": title, "relationship": relationship, "format": kind, "instance_id": instance}
