"""Makes `understudy` importable from this checkout where nothing was installed, whatever the checkout's folder is called."""

from __future__ import annotations

import importlib.util
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "understudy"


def make_importable() -> None:
    """Where the package is not installed, a package of its name whose modules are those of the checkout."""
    if PACKAGE in sys.modules or importlib.util.find_spec(PACKAGE) is not None:
        return
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(ROOT)]
    package.__spec__ = ModuleSpec(PACKAGE, None, is_package=True)
    sys.modules[PACKAGE] = package
