"""Sentences in lines: Blender's labels do not wrap, and some languages have no spaces to wrap at."""

from __future__ import annotations

import unicodedata

_NEVER_FIRST = "，。；：！？、）”》,.;:!?)"
_NEVER_LAST = "（“《("


def wrapped(sentence: str, letters: int) -> list[str]:
    """A sentence in lines of at most `letters` letters; a Chinese character is as wide as two.

    Words are longer only where they do not fit a line at all.
    """
    lines = [""]
    for part in _parts(sentence):
        if lines[-1] and width(lines[-1] + part.rstrip(" ")) > letters:
            lines[-1] = lines[-1].rstrip(" ")
            lines.append("")
        lines[-1] += part
    lines[-1] = lines[-1].rstrip(" ")
    return lines


def width(text: str) -> int:
    """How many Latin letters take the room of a text."""
    return sum(2 if _is_wide(letter) else 1 for letter in text)


def _parts(sentence: str) -> list[str]:
    """What stays together: words with the spaces behind them, single characters with their punctuation."""
    parts = [""]
    for letter in sentence:
        before = parts[-1][-1:]
        may_break = before == " " or ((_is_wide(letter) or _is_wide(before)) and before not in _NEVER_LAST)
        if before and may_break and letter not in _NEVER_FIRST + " ":
            parts.append("")
        parts[-1] += letter
    return parts


def _is_wide(letter: str) -> bool:
    return bool(letter) and (unicodedata.east_asian_width(letter) in "WF" or letter in "“”")
