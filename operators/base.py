"""What all our operators share: one sentence for the user when something is wrong, and a place for results."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..inference.errors import InputError, UnderstudyError
from ..inference.files import masked
from ..translations import CONTEXT, translated
from .bridge import paths


class Work:
    """Mix-in of operators that work through a method they write: `work` does it and returns the sentence to report.

    `work` raises an `UnderstudyError` before it changes anything, so an error always means that nothing was changed.
    """

    # Declared for type checkers only: Blender's metaclass rules out an abstract base class.
    if TYPE_CHECKING:
        work: Callable[[bpy.types.Context], str]
    bl_translation_context = CONTEXT

    @classmethod
    def poll_message_set(cls, message: str) -> None:
        """Say in the user's language why the button is grey; Blender itself would show the sentence as it is."""
        super().poll_message_set(translated(message))  # type: ignore[misc]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Blender's entry: run `work` and report its outcome."""
        try:
            sentence = self.work(context)
        except UnderstudyError as error:
            self.report({"ERROR"}, masked(str(error)))  # type: ignore[attr-defined]
            return {"CANCELLED"}
        self.report({"INFO"}, masked(sentence))  # type: ignore[attr-defined]
        return {"FINISHED"}


def default_path(footage: str, ending: str) -> Path:
    """Where a new result goes when the user named no place: beside the .blend, or in the add-on's own folder before it
    is saved; under a free name, so that footage of the same name elsewhere never costs an earlier result.
    """
    stem = Path(footage).stem if footage else "shot"
    folder = Path(bpy.data.filepath).parent if bpy.data.filepath else paths.user_folder("shots")
    numbers = itertools.chain([""], (f"-{count}" for count in itertools.count(2)))
    named = (folder / f"{stem}{number}{ending}" for number in numbers)
    return next(path for path in named if not path.exists())


def put_in_place(written: Path, target: Path, ending: str, companion: str = "") -> Path:
    """Give a new result the name of an earlier one, which is kept beside it under a name that says so; `ending` is what
    such names end with. A file that is called like a result with `companion` behind goes with it.
    """
    stem = target.name.removesuffix(ending)
    names = (target.with_name(f"{stem}_earlier_{count}{ending}") for count in itertools.count(1))
    try:
        earlier = next(name for name in names if not name.exists())
        target.replace(earlier)
        for old, new in ((target, earlier), (written, target)) if companion else ():
            beside = old.with_name(old.name + companion)
            if beside.is_file():
                beside.replace(new.with_name(new.name + companion))
        return Path(shutil.move(written, target))
    except OSError as error:
        raise InputError(
            f"The result is at {written}, because {target} cannot be replaced: {error.strerror or error}; choose it in"
            " the panel."
        ) from error


def is_object_mode(cls: type, context: bpy.types.Context) -> bool:
    """Poll of operators that change objects."""
    if context.mode != "OBJECT":
        cls.poll_message_set("This works in Object Mode only; leave the current mode first")
        return False
    return True
