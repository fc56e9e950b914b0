"""Numbers that several doors offer as their default, so that the window and the command line do the same."""

from __future__ import annotations

from typing import Final

SAMPLES: Final = 4
"""For each pixel of a rendered frame, which is then denoised."""
