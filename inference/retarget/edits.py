"""Changes to a mapping, each as a new mapping: what the list of links in the sidebar does. Links are named by index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .. import arkit
from ..errors import UsageError
from .mapping import Link, Mapping
from .names import mirrored_key
from .regions import REGION_OF, REGIONS


def set_gain(mapping: Mapping, index: int, gain: float) -> Mapping:
    """Change how strongly a link drives its key. Raises `UsageError` for a wrong index or number, as all edits do."""
    return _replaced(mapping, index, _changed(_link(mapping, index), gain=gain))


def set_offset(mapping: Mapping, index: int, offset: float) -> Mapping:
    """Change what a link adds to its key while the coefficient is 0."""
    return _replaced(mapping, index, _changed(_link(mapping, index), offset=offset))


def set_limits(mapping: Mapping, key: str, lower: float, upper: float) -> Mapping:
    """Hold a key's weight within limits, whatever drives it."""
    if key not in mapping.keys:
        raise UsageError(f"Nothing drives the shape key '{key}'; add a link to it first.")
    links = [_changed(link, lower=lower, upper=upper) if link.key == key else link for link in mapping.links]
    return replace(mapping, links=tuple(links))


def scale_region(mapping: Mapping, region: str, factor: float) -> Mapping:
    """Multiply the gains of all links whose coefficient moves a region of the face, one of `REGIONS`."""
    if region not in REGIONS:
        raise UsageError(f"There is no region '{region}'; choose one of {', '.join(REGIONS)}.")
    links = [
        _changed(link, gain=link.gain * factor) if REGION_OF[link.coefficient] == region else link
        for link in mapping.links
    ]
    return replace(mapping, links=tuple(links))


def add_link(mapping: Mapping, coefficient: str, key: str, gain: float = 1.0) -> Mapping:
    """Let a coefficient drive a key, beside whatever drives it already and within the same limits."""
    if any(link.coefficient == coefficient and link.key == key for link in mapping.links):
        raise UsageError(f"'{coefficient}' drives '{key}' already; change the gain of that link.")
    fellows = [link for link in mapping.links if link.key == key]
    try:
        new = (
            replace(fellows[0], coefficient=coefficient, gain=gain, offset=0.0)
            if fellows
            else Link(coefficient, key, gain)
        )
    except ValueError as error:
        raise UsageError(f"The link cannot be added: {error}; choose another value.") from error
    return replace(
        mapping,
        links=(*mapping.links, new),
        unmatched_keys=tuple(name for name in mapping.unmatched_keys if name != key),
    )


def remove_link(mapping: Mapping, index: int) -> Mapping:
    """Take a link away; a key that nothing drives any more is told among the unmatched ones."""
    gone = _link(mapping, index)
    links = mapping.links[:index] + mapping.links[index + 1 :]
    if any(link.key == gone.key for link in links):
        return replace(mapping, links=links)
    groups = [tuple(key for key in group if key != gone.key) for group in mapping.exclusive]
    return replace(
        mapping,
        links=links,
        unmatched_keys=(*mapping.unmatched_keys, gone.key),
        exclusive=tuple(group for group in groups if len(group) > 1),
    )


def mirror(mapping: Mapping, side: str, key_names: Sequence[str]) -> Mapping:
    """Give the links of one side (``Left`` or ``Right``, the actor's) to the other one.

    A key that says no side (one for both eyes) follows both coefficients alike. What the avatar (`key_names`) has no
    key for stays as it is.
    """
    other = {"Left": "Right", "Right": "Left"}[side]
    links = list(mapping.links)
    place = {(link.coefficient, link.key): index for index, link in enumerate(links)}
    for link in mapping.links:
        twin = link.coefficient.removesuffix(side) + other
        key = mirrored_key(link.key, key_names) if link.coefficient.endswith(side) and twin in arkit.INDEX else None
        if key is None:
            continue
        at = place.get((twin, key))
        if at is not None:
            offset = links[at].offset if key == link.key else link.offset  # one key has one offset
            links[at] = replace(link, coefficient=twin, key=key, offset=offset)
        elif key != link.key:
            place[twin, key] = len(links)
            links.append(replace(link, coefficient=twin, key=key))
    driven = {link.key for link in links}
    return replace(
        mapping,
        links=tuple(links),
        unmatched_keys=tuple(name for name in mapping.unmatched_keys if name not in driven),
    )


def _link(mapping: Mapping, index: int) -> Link:
    """A link by index; Python's counting from the end is not meant here."""
    if not 0 <= index < len(mapping.links):
        raise UsageError(f"There is no link {index} among {len(mapping.links)}; choose one from the list.")
    return mapping.links[index]


def _changed(
    link: Link,
    *,
    gain: float | None = None,
    offset: float | None = None,
    lower: float | None = None,
    upper: float | None = None,
) -> Link:
    """A link with other numbers, where any are given."""
    try:
        return Link(
            link.coefficient,
            link.key,
            link.gain if gain is None else gain,
            link.offset if offset is None else offset,
            link.lower if lower is None else lower,
            link.upper if upper is None else upper,
            link.enabled,
        )
    except ValueError as error:
        raise UsageError(f"The link cannot be changed: {error}; choose another value.") from error


def _replaced(mapping: Mapping, index: int, link: Link) -> Mapping:
    return replace(mapping, links=(*mapping.links[:index], link, *mapping.links[index + 1 :]))
