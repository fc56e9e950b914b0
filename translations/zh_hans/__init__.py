"""The interface in simplified Chinese, a file for what stands together in the sidebar."""

from __future__ import annotations

from typing import Final

from . import (
    avatar_and_mapping,
    composite_settings,
    footage_and_track,
    jobs_and_preferences,
    live,
    perform_and_keys,
    scene_and_composite,
)

PARTS: Final = (
    footage_and_track,
    avatar_and_mapping,
    perform_and_keys,
    scene_and_composite,
    composite_settings,
    live,
    jobs_and_preferences,
)
SENTENCES: Final[dict[str, str]] = {english: chinese for part in PARTS for english, chinese in part.SENTENCES.items()}
"""English sentence -> Chinese sentence; a test sees that no sentence is in two parts."""
