"""Mappings as JSON files, to keep and to share. The format is described in `docs/mappings.md`."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from ..errors import InputError
from .mapping import Link, Mapping

FORMAT: Final = "understudy mapping"
SCHEMA: Final = 3
"""2 added limits, groups and the kind of avatar; 3 links that are switched off."""

_TOP: Final[frozenset[str]] = frozenset({"format", "schema", "kind", "links", "exclusive", "unmatched_keys"})
_LINK: Final[frozenset[str]] = frozenset(field.name for field in fields(Link))


def save(mapping: Mapping, path: Path) -> None:
    """Write a mapping as JSON, in one piece."""
    partial = path.with_name(path.name + ".partial")
    text = json.dumps({"format": FORMAT, "schema": SCHEMA, **asdict(mapping)}, indent=1, ensure_ascii=False)
    try:
        partial.write_text(text + "\n", "utf-8")
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise InputError(f"Cannot write {path}: {error.strerror}; choose a folder you can write to.") from error


def load(path: Path) -> Mapping:
    """Read a mapping of this version or an earlier one; raises `InputError` for anything that is not one."""
    try:
        stored = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError as error:
        raise InputError(f"There is no mapping at {path}; check the path.") from error
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}; check the path.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a mapping or is damaged; save it again.") from error
    if not isinstance(stored, dict) or stored.get("format", FORMAT) != FORMAT or "links" not in stored:
        raise InputError(f"{path} is not a mapping or is damaged; save it again.")
    schema = stored.get("schema")
    if isinstance(schema, bool) or schema not in range(1, SCHEMA + 1):
        raise InputError(f"{path} has mapping schema {schema}, this version reads 1 to {SCHEMA}; update Understudy.")
    _refuse_unknown(path, "the mapping", stored, _TOP)
    try:
        return Mapping(
            links=tuple(_read_link(path, link) for link in _list(stored["links"])),
            unmatched_keys=_names(stored.get("unmatched_keys", [])),
            exclusive=tuple(_names(group) for group in _list(stored.get("exclusive", []))),
            kind=_text(stored.get("kind", "")),
        )
    except (KeyError, TypeError, OverflowError) as error:
        raise InputError(f"{path} is not a mapping or is damaged; save it again.") from error
    except ValueError as error:
        raise InputError(f"{path} cannot be used: {error}; correct that link or save the mapping again.") from error


def _read_link(path: Path, stored: Any) -> Link:
    if not isinstance(stored, dict):
        raise TypeError("a link is an object")
    _refuse_unknown(path, "a link", stored, _LINK)
    numbers = {name: _number(stored[name]) for name in ("gain", "offset", "lower", "upper") if name in stored}
    enabled = stored.get("enabled", True)
    if not isinstance(enabled, bool):
        raise TypeError("true or false is needed")
    return Link(_text(stored["coefficient"]), _text(stored["key"]), **numbers, enabled=enabled)


def _refuse_unknown(path: Path, what: str, stored: dict[str, Any], known: frozenset[str]) -> None:
    """Nothing is dropped in silence: what this version does not know may have mattered to whoever wrote it."""
    unknown = sorted(set(stored) - known)
    if unknown:
        raise InputError(
            f"{path}: {what} has unknown entries ({', '.join(unknown)}); update Understudy or remove them from the file."
        )


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list is needed")
    return value


def _names(value: Any) -> tuple[str, ...]:
    return tuple(_text(name) for name in _list(value))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is needed")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("a number is needed")
    return float(value)
