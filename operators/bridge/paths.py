"""The one place that knows where this add-on may write its own files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import bpy

from ... import __package__ as base_package


def user_folder(name: str) -> Path:
    """The add-on's own writable folder `name`; a folder for temporary files when it does not run as an extension."""
    try:
        return Path(bpy.utils.extension_path_user(base_package, path=name, create=True))
    except ValueError:  # not installed as an extension: tests, the command line
        folder = Path(tempfile.gettempdir()) / "understudy" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def absolute(path: str) -> Path:
    """A path as typed in Blender (`//` is the folder of the .blend) as a real one."""
    return Path(bpy.path.abspath(path))
