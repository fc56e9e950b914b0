"""The interface in other languages than English: one file of sentences for each."""

from __future__ import annotations

# bpy is imported when Blender registers the add-on: the package itself can be imported without.


def register() -> None:
    """Give Blender the sentences; it shows those of the language that the user chose in the preferences."""
    import bpy

    from . import zh_hans

    bpy.app.translations.register(__package__, {"zh_HANS": in_both_contexts(zh_hans.SENTENCES)})


def unregister() -> None:
    """Take them back."""
    import bpy

    bpy.app.translations.unregister(__package__)


def in_both_contexts(sentences: dict[str, str]) -> dict[tuple[str, str], str]:
    """Blender looks labels of operators up under "Operator" and everything else under "*"; ours mean the same in both."""
    return {(context, english): other for english, other in sentences.items() for context in ("*", "Operator")}


def translated(sentence: str) -> str:
    """A sentence in the language of the interface, for texts that are put together from parts."""
    import bpy

    return str(bpy.app.translations.pgettext_iface(sentence))
