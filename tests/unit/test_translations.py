"""The interface in other languages: every sentence is covered, and none is broken by its translation."""

from __future__ import annotations

import string

from understudy.translations import in_both_contexts, messages, zh_hans


def placeholders(sentence: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None)


def test_the_source_is_read() -> None:
    shown = messages.shown_sentences()
    assert shown["Add Avatar"] == "operators/avatar.py"
    assert "There is no avatar; choose one in step 3, or press Add Avatar" in shown


def test_labels_of_operators_and_of_everything_else_are_covered() -> None:
    assert in_both_contexts({"Bake": "烘焙"}) == {("*", "Bake"): "烘焙", ("Operator", "Bake"): "烘焙"}


def test_no_translation_loses_a_placeholder() -> None:
    lost = {a: b for a, b in zh_hans.SENTENCES.items() if placeholders(a) != placeholders(b)}
    assert lost == {}


def test_translations_keep_the_rules_of_the_interface() -> None:
    for english, chinese in zh_hans.SENTENCES.items():
        assert chinese.strip() == chinese != "", english
        assert not chinese.endswith(("。", ".")), english
