"""Where what belongs to the user and must outlive every cache is kept: the run log and the local certificate."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

VARIABLE: Final = "UNDERSTUDY_DATA"
"""Environment variable that names another folder."""


def user_data() -> Path:
    """The user's data folder of Understudy on this system."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "understudy"
