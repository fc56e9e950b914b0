"""The interface in other languages: every sentence is covered, and none is broken by its translation."""

from __future__ import annotations

import ast
import string
from unicodedata import category

import pytest
from understudy.translations import CONTEXT, in_all_contexts, languages, messages, zh_hans
from understudy.translations.lines import width, wrapped

LANGUAGES = languages()


def placeholders(sentence: str) -> list[tuple[str, str | None]]:
    return sorted((name, form) for _, name, form, _ in string.Formatter().parse(sentence) if name is not None)


def test_the_source_is_read() -> None:
    shown = messages.shown_sentences()
    assert shown["Add Avatar"] == "operators/avatar/choice.py"
    assert shown["1 Footage"] == "panels/footage.py"
    assert "There is no avatar; choose one in step 3, or press Add Avatar" in shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_that_is_shown_has_a_translation(language: str) -> None:
    """Add what is missing to a file of translations/LANGUAGE."""
    shown = messages.shown_sentences()
    missing = {sentence: path for sentence, path in shown.items() if sentence not in LANGUAGES[language]}
    assert missing == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_of_a_sentence_that_nobody_shows_is_kept(language: str) -> None:
    unused = LANGUAGES[language].keys() - messages.shown_sentences().keys()
    assert unused == set()


def test_no_sentence_stands_in_two_files_of_a_language() -> None:
    assert sum(len(part.SENTENCES) for part in zh_hans.PARTS) == len(zh_hans.SENTENCES)


def test_a_sentence_is_found_wherever_blender_looks_it_up() -> None:
    found = in_all_contexts({"Bake": "烘焙"})
    assert found == {("*", "Bake"): "烘焙", ("Operator", "Bake"): "烘焙", (CONTEXT, "Bake"): "烘焙"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_loses_a_placeholder(language: str) -> None:
    sentences = LANGUAGES[language].items()
    lost = {english: other for english, other in sentences if placeholders(english) != placeholders(other)}
    assert lost == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_the_rules_of_the_interface(language: str) -> None:
    for english, other in LANGUAGES[language].items():
        assert other.strip() == other != "", english
        assert not other.endswith(("。", ".")), english


@pytest.mark.parametrize(
    "button", ["Track", "Add Avatar", "Set Up Shot", "Render", "Composite", "Find Faces", "Resume"]
)
def test_sentences_call_a_button_by_the_name_it_has_in_chinese(button: str) -> None:
    asking = [other for english, other in zh_hans.SENTENCES.items() if f"press {button}" in english]
    assert asking
    assert [other for other in asking if f"“{zh_hans.SENTENCES[button]}”" not in other] == []


def test_panels_show_no_sentence_that_is_put_together_before_it_is_translated() -> None:
    for path in sorted((messages.ROOT / "panels").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "text" and isinstance(node.value, ast.JoinedStr):
                words = [part.value for part in node.value.values if isinstance(part, ast.Constant)]
                assert not any(letter.isalpha() for letter in "".join(map(str, words))), f"{path}:{node.value.lineno}"


def test_long_sentences_become_lines() -> None:
    assert wrapped("There is no take; press Track", 14) == ["There is no", "take; press", "Track"]
    assert wrapped("extraordinarily long", 5) == ["extraordinarily", "long"]
    assert wrapped("", 5) == [""]


def test_chinese_sentences_become_lines_without_spaces() -> None:
    sentence = zh_hans.SENTENCES["There is no take; press Track in step 2, or choose a take there"]
    lines = wrapped(sentence, 16)
    assert "".join(lines).replace(" ", "") == sentence.replace(" ", "")
    assert len(lines) >= 4
    assert all(width(line) <= 18 for line in lines)  # punctuation may stand out
    assert not any(category(line[0]) in {"Po", "Pf"} or category(line[-1]) == "Pi" for line in lines)
