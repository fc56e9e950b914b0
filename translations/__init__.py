"""The interface in other languages than English.

Another language is a folder like `zh_hans`, named after Blender's name of the language, that has `SENTENCES` (the
English sentence -> the other one), and a line in `languages()`. `python -m understudy.translations.messages` prints
what is missing; placeholders such as {count} stay as they are. Names of shapes, files and products are not translated,
nor are the sentences of the worker.
"""

from __future__ import annotations

# bpy is imported when Blender registers the add-on: the package itself can be imported without.

CONTEXT = "Understudy"
"""Blender's own translations come first; of a word that means something else to us ("Face", "Clip", "Log") ours is
found by this context."""


def register() -> None:
    """Give Blender the sentences; it shows those of the language that the user chose in the preferences."""
    import bpy

    sentences = {language: in_all_contexts(found) for language, found in languages().items()}
    bpy.app.translations.register(__package__, sentences)


def unregister() -> None:
    """Take them back."""
    import bpy

    bpy.app.translations.unregister(__package__)


def languages() -> dict[str, dict[str, str]]:
    """The sentences of each language, by Blender's name of it."""
    from . import zh_hans

    return {"zh_HANS": zh_hans.SENTENCES}


def in_all_contexts(sentences: dict[str, str]) -> dict[tuple[str, str], str]:
    """Blender looks descriptions and names up under "*", buttons of Blender's own operators under "Operator"."""
    return {(context, english): other for english, other in sentences.items() for context in ("*", "Operator", CONTEXT)}


def translated(sentence: str) -> str:
    """A sentence in the language of the interface, for texts that are put together from parts."""
    import bpy

    return str(bpy.app.translations.pgettext_iface(sentence, CONTEXT))
