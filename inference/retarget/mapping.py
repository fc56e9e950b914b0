"""From the actor's coefficients to the weights of an avatar's shape keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import arkit
from ..errors import InputError
from .names import COEFFICIENTS, spelling

SCHEMA = 1


@dataclass(frozen=True)
class Link:
    """One coefficient driving one shape key: ``weight = gain * coefficient + offset``."""

    coefficient: str
    key: str
    gain: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Mapping:
    """How an avatar follows the 52 coefficients. A key with several links follows their sum."""

    links: tuple[Link, ...]
    unmatched_keys: tuple[str, ...] = ()
    """Shape keys of the avatar that nothing drives."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Coefficients that drive nothing."""
        used = {link.coefficient for link in self.links}
        return tuple(name for name in arkit.NAMES if name not in used)


def match_names(key_names: Sequence[str]) -> Mapping:
    """Link keys to coefficients by name: ARKit, ICT-FaceKit and their variants in case, separators and prefixes."""
    links: list[Link] = []
    unmatched: list[str] = []
    for key in key_names:
        coefficients = COEFFICIENTS.get(spelling(key), ())
        links += [Link(coefficient, key, gain=1 / len(coefficients)) for coefficient in coefficients]
        if not coefficients:
            unmatched.append(key)
    return Mapping(tuple(links), tuple(unmatched))


def weights(mapping: Mapping, coefficients: NDArray[np.float32]) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Names of the driven keys, and their weights (T, K) from coefficients (T, 52).

    Weights are never negative; a gain above 1 may drive a key past 1, which exaggerates as asked.
    """
    keys = tuple(dict.fromkeys(link.key for link in mapping.links))
    column = {key: index for index, key in enumerate(keys)}
    result = np.zeros((len(coefficients), len(keys)), np.float32)
    for link in mapping.links:
        result[:, column[link.key]] += link.gain * coefficients[:, arkit.INDEX[link.coefficient]] + link.offset
    return keys, np.maximum(result, 0)


def save(mapping: Mapping, path: Path) -> None:
    """Write a mapping as JSON, in one piece."""
    partial = path.with_name(path.name + ".partial")
    text = json.dumps({"schema": SCHEMA, **asdict(mapping)}, indent=1)
    try:
        partial.write_text(text, "utf-8")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise InputError(f"Cannot write {path}: {error.strerror}; choose a folder you can write to.") from error


def load(path: Path) -> Mapping:
    """Read a mapping; raises `InputError` for anything that is not one."""
    try:
        stored = json.loads(path.read_text("utf-8"))
        if stored["schema"] != SCHEMA:
            raise InputError(f"{path} has mapping schema {stored['schema']}, this version reads schema {SCHEMA}.")
        links = tuple(
            Link(str(link["coefficient"]), str(link["key"]), float(link["gain"]), float(link["offset"]))
            for link in stored["links"]
        )
        unmatched = tuple(str(key) for key in stored["unmatched_keys"])
    except FileNotFoundError as error:
        raise InputError(f"There is no mapping at {path}; check the path.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a mapping or is damaged; save it again.") from error
    for link in links:
        if link.coefficient not in arkit.INDEX or not np.isfinite([link.gain, link.offset]).all():
            raise InputError(f"{path}: the link to '{link.key}' is wrong; each needs an ARKit name and finite numbers.")
    return Mapping(links, unmatched)
