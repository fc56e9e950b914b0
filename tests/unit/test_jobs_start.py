"""What a job loads before it can begin: time from the press of a button to the first face."""

from __future__ import annotations

import subprocess
import sys

import pytest

PRINT = "import sys; print(*(name for name in {names!r} if name in sys.modules))"


def loaded(statement: str, *names: str) -> list[str]:
    """Which of these modules a statement loads in a new Python."""
    code = f"{statement}; {PRINT.format(names=names)}"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.parametrize("room", ["composite", "solve", "photometric", "report", "light"])
def test_tracking_begins_without_the_rooms_that_come_later(room: str) -> None:
    assert loaded("import understudy.inference.jobs.tracking", f"understudy.inference.{room}") == []


def test_tracking_begins_without_most_of_scipy() -> None:
    heavy = ("scipy.signal", "scipy.stats", "scipy.interpolate", "scipy.optimize", "scipy.ndimage")
    assert loaded("import understudy.inference.jobs.tracking", *heavy) == []


def test_the_command_line_alone_loads_nothing_heavy() -> None:
    heavy = ("numpy", "cv2", "av", "onnxruntime", "scipy", "tqdm")
    assert loaded("import understudy.inference.cli, understudy.inference.jobs.console", *heavy) == []


def test_the_check_notices_what_is_loaded() -> None:
    assert loaded("import understudy.inference.jobs.shot", "scipy", "understudy.inference.composite") == [
        "scipy",
        "understudy.inference.composite",
    ]
