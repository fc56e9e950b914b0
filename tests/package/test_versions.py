"""Blender versions open each other's files: settings, avatar and keys of a shot are the same there, and it can go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FRAMES = 216
# Who saved, who opens. Backwards as far as Blender itself goes: 4.5 reads what 5.0 saved, 4.2 what 4.5 saved,
# but 4.2 nothing of 5.0.
PAIRS = (("4.2", "5.0"), ("4.5", "5.0"), ("4.2", "5.2"), ("5.2", "5.0"), ("5.0", "4.5"), ("4.5", "4.2"))


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]} in {pair[1]}")
def opened(
    request: pytest.FixtureRequest,
    pythons: dict[str, Path],
    perform: Callable[[Path], Any],
    install: Callable[[Path], Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the Blender that saved the file reported, and the one that opened it."""
    writer, reader = request.param
    if not {writer, reader} <= pythons.keys():
        pytest.skip(f"Blender {writer} and {reader} are not both there; use: python3 run.py test package")
    _, saved, folder = perform(pythons[writer])
    blender, _ = install(pythons[reader])
    return saved, blender.run("open_file.py", folder / f"{writer}.blend", FRAMES)


def test_nothing_is_lost(opened: tuple[dict[str, Any], dict[str, Any]]) -> None:
    saved, found = opened
    assert found["blender"] != saved["blender"]
    assert found["settings"] == saved["settings"]
    assert found["baked"].keys() == saved["baked"].keys()
    for name, course in saved["baked"].items():
        np.testing.assert_allclose(found["baked"][name], course, atol=1e-4, err_msg=name)


def test_the_work_goes_on(opened: tuple[dict[str, Any], dict[str, Any]]) -> None:
    saved, found = opened
    assert found["baked_again"].keys() == saved["baked"].keys()
    for name, course in saved["baked"].items():
        np.testing.assert_allclose(found["baked_again"][name], course, atol=1e-3, err_msg=name)
