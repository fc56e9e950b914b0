"""Every sentence that the interface shows, read from the source: what a translation must cover.

`python -m understudy.translations.messages` prints those that a language still lacks and those nobody shows any more.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("operators", "panels")
_REGISTRY = "models/registry.toml"
SHOWN_ATTRIBUTES = frozenset({"bl_label", "bl_description"})
SHOWN_ARGUMENTS = frozenset({"name", "description", "text", "heading", "title", "message", "confirm_text"})
SHOWN_FIRST_ARGUMENTS = frozenset({"poll_message_set", "translated", "pgettext_iface", "pgettext_rpt", "pgettext_tip"})
PROPERTIES = frozenset(
    {"BoolProperty", "IntProperty", "FloatProperty", "StringProperty", "EnumProperty", "PointerProperty"}
    | {"CollectionProperty", "IntVectorProperty", "FloatVectorProperty", "BoolVectorProperty"}
)
LAYOUT = frozenset(
    {"label", "operator", "prop", "menu", "row", "column", "progress", "popover", "prop_search", "panel", "Command"}
    | {"operator_menu_enum", "template_list", "invoke_props_dialog", "invoke_confirm"}
)


def shown_sentences() -> dict[str, str]:
    """Each English sentence with the file that shows it; words without letters are left out."""
    found: dict[str, str] = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for sentence in _of_module(ast.parse(path.read_text("utf-8"))):
                if any(letter.isalpha() for letter in sentence):
                    found.setdefault(sentence, path.relative_to(ROOT).as_posix())
    return found | dict.fromkeys(_purposes_of_offered_models(), _REGISTRY)


def _purposes_of_offered_models() -> Iterator[str]:
    """What the preferences say about the optional models they offer."""
    machine = ast.parse((ROOT / "operators" / "machine.py").read_text("utf-8"))
    offered = next(node.value for node in machine.body if isinstance(node, ast.Assign) and _is_called(node, "OFFERED"))
    names = ast.literal_eval(offered)
    for network in tomllib.loads((ROOT / _REGISTRY).read_text("utf-8"))["networks"]:
        if network["name"] in names:
            yield network["purpose"]


def _is_called(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


def _of_module(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef):
            yield from _of_class(node)
        elif isinstance(node, ast.Call):
            yield from _of_call(node)
        elif isinstance(node, ast.Assign) and _is_items(node.value):
            yield from _of_items(node.value)


def _of_class(node: ast.ClassDef) -> Iterator[str]:
    attributes = {
        target.id: statement.value
        for statement in node.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    for name in SHOWN_ATTRIBUTES & attributes.keys():
        yield from _text(attributes[name])
    if "_OT_" in node.name and "bl_description" not in attributes:
        yield ast.get_docstring(node, clean=False) or ""


def _of_call(node: ast.Call) -> Iterator[str]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in SHOWN_FIRST_ARGUMENTS and node.args:
        yield from _text(node.args[0])
    if name == "fact" and len(node.args) > 1:
        yield from _text(node.args[1])
    if name in PROPERTIES or name in LAYOUT:
        for keyword in node.keywords:
            if keyword.arg in SHOWN_ARGUMENTS:
                yield from _text(keyword.value)
            elif keyword.arg == "items" and _is_items(keyword.value):
                yield from _of_items(keyword.value)


def _text(node: ast.expr) -> Iterator[str]:
    """The sentences an expression may come to: a text, or one of two."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _text(node.body)
        yield from _text(node.orelse)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)


def _is_items(node: ast.expr) -> bool:
    """Whether this is a list of an enum's items: (identifier, name, description, ...)."""
    return (
        isinstance(node, ast.Tuple | ast.List)
        and bool(node.elts)
        and all(
            isinstance(item, ast.Tuple)
            and len(item.elts) >= 3
            and all(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in item.elts[:3])
            for item in node.elts
        )
    )


def _of_items(node: ast.expr) -> Iterator[str]:
    assert isinstance(node, ast.Tuple | ast.List)
    for item in node.elts:
        assert isinstance(item, ast.Tuple)
        for part in item.elts[1:3]:
            yield from _text(part)


def main() -> None:
    """Print what is to be done."""
    from . import languages

    shown = shown_sentences()
    for language, sentences in languages().items():
        for sentence, path in shown.items():
            if sentence not in sentences:
                print(f"{language} missing\t{path}\t{sentence!r}")
        for sentence in sentences.keys() - shown.keys():
            print(f"{language} unused\t\t{sentence!r}")


if __name__ == "__main__":
    main()
