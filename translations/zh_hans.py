"""The interface in simplified Chinese."""

from __future__ import annotations

from typing import Final

SENTENCES: Final[dict[str, str]] = {
    "Understudy": "Understudy",
}
"""English sentence -> Chinese sentence."""
