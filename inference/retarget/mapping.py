"""From the actor's coefficients to the weights of an avatar's shape keys."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .. import arkit

UPPER: Final = 10.0
"""The most that Blender lets a shape key's slider reach; the least is the same, negative."""


@dataclass(frozen=True)
class Link:
    """One coefficient driving one shape key: ``weight = gain * coefficient + offset``, held within the limits.

    A key with several links follows their sum, held within the tightest limits among them. Raises `ValueError` for
    an unknown coefficient, for numbers that are not finite and for a lower limit above the upper one.
    """

    coefficient: str
    key: str
    gain: float = 1.0
    offset: float = 0.0
    lower: float = 0.0
    upper: float = UPPER
    enabled: bool = True
    """A link that is switched off keeps its numbers and drives nothing."""

    def __post_init__(self) -> None:
        if self.coefficient not in arkit.INDEX:
            raise ValueError(f"'{self.coefficient}' is not an ARKit coefficient")
        if not all(math.isfinite(number) for number in (self.gain, self.offset, self.lower, self.upper)):
            raise ValueError(f"the numbers of '{self.key}' must be finite")
        if self.lower > self.upper:
            raise ValueError(f"the lower limit of '{self.key}' is above its upper limit")


@dataclass(frozen=True)
class Mapping:
    """How an avatar follows the 52 coefficients."""

    links: tuple[Link, ...]
    unmatched_keys: tuple[str, ...] = ()
    """Shape keys of the avatar that nothing drives."""
    exclusive: tuple[tuple[str, ...], ...] = ()
    """Groups of whole-mouth keys: when the weights of a group add up to more than 1, all are scaled down together."""
    kind: str = ""
    """What kind of avatar it was made for; told to people, decides nothing."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that something drives, in the order of the links."""
        return tuple(dict.fromkeys(link.key for link in self.links if link.enabled))

    @property
    def driving(self) -> tuple[str, ...]:
        """Coefficients that move a key; one that only holds keys back does not."""
        used = {
            link.coefficient
            for link in self.links
            if link.enabled and (link.gain > 0 or (link.gain < 0 and link.lower < 0))
        }
        return tuple(name for name in arkit.NAMES if name in used)

    @property
    def missing(self) -> tuple[str, ...]:
        """Coefficients that move nothing: what the actor does there is lost on this avatar."""
        driving = set(self.driving)
        return tuple(name for name in arkit.NAMES if name not in driving)


def weights(mapping: Mapping, coefficients: NDArray[np.float32]) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Names of the driven keys, and their weights (T, K) from coefficients (T, 52).

    With the limits that links have by default weights are never negative; a gain above 1 may drive a key past 1, which
    exaggerates as asked.
    """
    return mapping.keys, weigher(mapping)(coefficients)


def weigher(mapping: Mapping) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """What gives the weights (T, K) of the driven keys from coefficients (T, 52): for who asks frame by frame."""
    keys = mapping.keys
    column = {key: index for index, key in enumerate(keys)}
    gains = np.zeros((len(arkit.NAMES), len(keys)), np.float32)
    offsets, lower, upper = np.zeros((3, len(keys)), np.float32)
    lower[:], upper[:] = -UPPER, UPPER
    for link in mapping.links:
        if not link.enabled:
            continue
        index = column[link.key]
        gains[arkit.INDEX[link.coefficient], index] += link.gain
        offsets[index] += link.offset
        lower[index] = max(lower[index], link.lower)
        upper[index] = min(upper[index], link.upper)
    groups = [[column[key] for key in group if key in column] for group in mapping.exclusive]

    def weigh(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
        driven = np.clip(coefficients @ gains + offsets, lower, np.maximum(lower, upper))
        result: NDArray[np.float32] = driven.astype(np.float32)
        for members in groups:
            total = result[:, members].sum(axis=1, keepdims=True)
            result[:, members] /= np.maximum(total, 1)
        return result

    return weigh


def absent_keys(mapping: Mapping, key_names: Iterable[str]) -> tuple[str, ...]:
    """Keys that a mapping drives and an avatar does not have: it was made for another avatar, or keys were renamed."""
    present = set(key_names)
    return tuple(key for key in mapping.keys if key not in present)
