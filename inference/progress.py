"""How long work tells how far it is.

A `Progress` is called as ``progress(stage, done, total)``; it may raise `StoppedError` to end the work.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called after every frame or step; ``total`` is 0 while it is unknown."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` steps of a stage are finished."""


def silent(stage: str, done: int, total: int) -> None:
    """Report to nobody."""
