"""What all our operators share: one sentence for the user when something is wrong, and a progress display."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..inference.errors import UnderstudyError
from ..inference.progress import Progress
from ..translations import translated
from .bridge import paths


class Work:
    """Mix-in of operators that work through a method they write: `work` does it and returns the sentence to report.

    `work` raises an `UnderstudyError` before it changes anything, so an error always means that nothing was changed.
    """

    # Declared for type checkers only: Blender's metaclass rules out an abstract base class.
    if TYPE_CHECKING:
        work: Callable[[bpy.types.Context], str]

    @classmethod
    def poll_message_set(cls, message: str) -> None:
        """Say in the user's language why the button is grey; Blender itself would show the sentence as it is."""
        super().poll_message_set(translated(message))  # type: ignore[misc]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Blender's entry: run `work` and report its outcome."""
        try:
            sentence = self.work(context)
        except UnderstudyError as error:
            self.report({"ERROR"}, str(error))  # type: ignore[attr-defined]
            return {"CANCELLED"}
        self.report({"INFO"}, sentence)  # type: ignore[attr-defined]
        return {"FINISHED"}


@contextmanager
def shown_progress(context: bpy.types.Context) -> Iterator[Progress]:
    """A `Progress` that shows at the mouse pointer while the window is busy."""
    manager = context.window_manager

    def show(stage: str, done: int, total: int) -> None:
        manager.progress_update(done / total if total else 0.0)

    manager.progress_begin(0.0, 1.0)
    try:
        yield show
    finally:
        manager.progress_end()


def default_path(footage: str, ending: str) -> Path:
    """Where a new result goes when the user named no place: beside the .blend, or in the add-on's own folder before it
    is saved; under a free name, so that footage of the same name elsewhere never costs an earlier result.
    """
    stem = Path(footage).stem if footage else "shot"
    folder = Path(bpy.data.filepath).parent if bpy.data.filepath else paths.user_folder("shots")
    numbers = itertools.chain([""], (f"-{count}" for count in itertools.count(2)))
    named = (folder / f"{stem}{number}{ending}" for number in numbers)
    return next(path for path in named if not path.exists())


def is_object_mode(cls: type, context: bpy.types.Context) -> bool:
    """Poll of operators that change objects."""
    if context.mode != "OBJECT":
        cls.poll_message_set("This works in Object Mode only; leave the current mode first")
        return False
    return True
