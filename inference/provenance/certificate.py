"""Whose signature a manifest gets: the user's certificate, or a local one that is made once and proves no identity.

The local one is Ed25519. Its certificate is issued by an authority that exists for that one signature: its key is thrown
away, so nothing else can ever be issued in its name.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from ..errors import InputError
from .folder import VARIABLE, user_data

CERTIFICATE: Final = "UNDERSTUDY_CERTIFICATE"
PRIVATE_KEY: Final = "UNDERSTUDY_PRIVATE_KEY"
"""Environment variables with the paths of the user's PEM files; the preferences in Blender set them."""
LOCAL_NAME: Final = "Understudy local signer"
_LOCAL_FILE: Final = "local_signer.pem"
_VALID: Final = timedelta(days=3650)
Sign = Callable[[bytes, str], bytes]
"""An Ed25519 signature of bytes by a key in PEM."""


@dataclass(frozen=True)
class Credential:
    """What signs a manifest."""

    algorithm: str
    """By its C2PA name."""
    certificates: str
    """PEM: the signer's own, then its issuers."""
    private_key: str
    """PEM."""
    is_local: bool
    """Made here; it says nothing about who signed."""


def credential(sign: Sign) -> Credential:
    """The user's certificate where one is set, else the local one, made now where there is none yet.

    Raises:
        InputError: only one of the two files is named, one cannot be read, or the local one cannot be kept.
    """
    paths = {name: os.environ.get(name, "") for name in (CERTIFICATE, PRIVATE_KEY)}
    if not any(paths.values()):
        return _local(sign)
    for name, path in paths.items():
        if not path:
            raise InputError(f"{name} is not set; name both files, the certificate and its private key.")
    certificates, key = (_read_pem(Path(path)) for path in paths.values())
    return Credential(_algorithm_of(certificates, Path(paths[CERTIFICATE])), certificates, key, is_local=False)


def _local(sign: Sign) -> Credential:
    path = user_data() / _LOCAL_FILE
    if not path.is_file():
        _keep(make_local(sign), path)
    key, mark, certificates = _read_pem(path).partition("-----BEGIN CERTIFICATE-----")
    if not mark or "PRIVATE KEY" not in key:
        raise InputError(f"{path} is damaged; delete it, a new local certificate will be made.")
    return Credential("ed25519", mark + certificates, key, is_local=True)


def _keep(pem: str, path: Path) -> None:
    """Write what nobody else may read."""
    partial = path.with_name(f"{path.stem}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as stream:
            stream.write(pem)
        partial.replace(path)
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror}; make room or choose a folder by {VARIABLE}."
        ) from error


def make_local(sign: Sign) -> str:
    """A fresh private key, its certificate and the certificate of its short-lived authority, as PEM."""
    keys = [secrets.token_bytes(32) for _ in range(2)]
    key, authority = (_pem("PRIVATE KEY", _private_key(seed)) for seed in keys)
    public, issuer = (public_key(seed) for seed in keys)
    name = f"{LOCAL_NAME} {hashlib.sha256(public).hexdigest()[:12]}"
    above = f"{name} authority"
    end = _certificate(name, public, above, issuer, is_authority=False)
    root = _certificate(above, issuer, above, issuer, is_authority=True)
    signed = (_signed(body, sign(body, authority)) for body in (end, root))
    return key + "".join(_pem("CERTIFICATE", one) for one in signed)


def _read_pem(path: Path) -> str:
    try:
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as a PEM file; check the path in the preferences.") from error
    if "-----BEGIN " not in text:
        raise InputError(f"{path} is not a PEM file; convert your certificate and key to PEM.")
    return text


def _algorithm_of(certificates: str, path: Path) -> str:
    """By the kind of the first certificate's key."""
    lines = certificates.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0]
    try:
        der = base64.b64decode(lines)
    except ValueError as error:
        raise InputError(f"{path} is not a PEM certificate; convert it to PEM.") from error
    for kind, name in _KINDS.items():
        if kind in der:
            return name
    raise InputError(f"{path} has a key of a kind that C2PA does not know; use ECDSA, RSA or Ed25519.")


# ------------------------------------------------------------------------------ X.509 in DER (RFC 5280, RFC 8410)
def _tagged(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _sequence(*parts: bytes) -> bytes:
    return _tagged(0x30, *parts)


def _oid(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    encoded = bytes([first * 40 + second])
    for number in rest:
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.insert(0, 0x80 | (number & 0x7F))
        encoded += bytes(septets)
    return _tagged(0x06, encoded)


_EC: Final = _oid("1.2.840.10045.2.1")
_KINDS: Final = {
    _EC + _oid("1.2.840.10045.3.1.7"): "es256",
    _EC + _oid("1.3.132.0.34"): "es384",
    _EC + _oid("1.3.132.0.35"): "es512",
    _oid("1.2.840.113549.1.1.1"): "ps256",
    _oid("1.2.840.113549.1.1.10"): "ps256",
    _oid("1.3.101.112"): "ed25519",
}
"""How a certificate says what kind of key it is for; Ed25519 last, for an issuer may use it on another kind."""
_ED25519: Final = _sequence(_oid("1.3.101.112"))


def _pem(kind: str, der: bytes) -> str:
    text = base64.encodebytes(der).decode("ascii")
    return f"-----BEGIN {kind}-----\n{text}-----END {kind}-----\n"


def _private_key(seed: bytes) -> bytes:
    return _sequence(_tagged(0x02, b"\0"), _ED25519, _tagged(0x04, _tagged(0x04, seed)))


def _named(common_name: str) -> bytes:
    fields = {"2.5.4.10": "Understudy (not verified)", "2.5.4.3": common_name}
    return _sequence(
        *(_tagged(0x31, _sequence(_oid(key), _tagged(0x0C, text.encode()))) for key, text in fields.items())
    )


def _extension(oid: str, *parts: bytes, critical: bool = False) -> bytes:
    mark = _tagged(0x01, b"\xff") if critical else b""
    return _sequence(_oid(oid), mark, _tagged(0x04, *parts))


def _certificate(name: str, public: bytes, issuer: str, issuer_public: bytes, *, is_authority: bool) -> bytes:
    """What the issuer signs."""
    own, above = (hashlib.sha256(key).digest()[:20] for key in (public, issuer_public))
    extensions = [
        _extension("2.5.29.19", _sequence(_tagged(0x01, b"\xff") if is_authority else b""), critical=True),
        # keyCertSign, or digitalSignature
        _extension("2.5.29.15", _tagged(0x03, b"\x02\x04" if is_authority else b"\x07\x80"), critical=True),
        _extension("2.5.29.14", _tagged(0x04, own)),
        _extension("2.5.29.35", _sequence(_tagged(0x80, above))),
    ]
    if not is_authority:
        extensions.append(_extension("2.5.29.37", _sequence(_oid("1.3.6.1.5.5.7.3.4"))))  # what C2PA asks for
    now = datetime.now(UTC)
    return _sequence(
        _tagged(0xA0, _tagged(0x02, b"\x02")),
        _tagged(0x02, b"\x01" + secrets.token_bytes(15)),
        _ED25519,
        _named(issuer),
        _sequence(
            *(_tagged(0x18, f"{time:%Y%m%d%H%M%SZ}".encode()) for time in (now - timedelta(days=1), now + _VALID))
        ),
        _named(name),
        _sequence(_ED25519, _tagged(0x03, b"\0", public)),
        _tagged(0xA3, _sequence(*extensions)),
    )


def _signed(body: bytes, signature: bytes) -> bytes:
    return _sequence(body, _ED25519, _tagged(0x03, b"\0", signature))


# ------------------------------------------------------------------------------ the public half of a key (RFC 8032)
_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_BASE_Y: Final = 4 * pow(5, -1, _P) % _P
_BASE_X: Final = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_Point = tuple[int, int, int, int]


def public_key(seed: bytes) -> bytes:
    """The public key of an Ed25519 key, 32 bytes each."""
    number = bytearray(hashlib.sha512(seed).digest()[:32])
    number[0] &= 248
    number[31] = (number[31] & 127) | 64
    scalar = int.from_bytes(number, "little")
    point, doubled = (0, 1, 1, 0), (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)
    while scalar:
        if scalar & 1:
            point = _added(point, doubled)
        doubled, scalar = _added(doubled, doubled), scalar >> 1
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _added(one: _Point, other: _Point) -> _Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P
