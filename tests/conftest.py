"""What every test may ask for, and a clean end of the process after bpy was used."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

# As the command line has it: sums of another number of threads differ in their last bits. Before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _own_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes into the user's run log, makes the user a certificate or takes the devices that the user measured."""
    patch = pytest.MonkeyPatch()
    patch.setenv("UNDERSTUDY_DATA", str(tmp_path_factory.mktemp("user_data")))
    patch.delenv("UNDERSTUDY_DECODER", raising=False)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared clips and models beside the checkout; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("UNDERSTUDY_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs the shared material at {folder}")
    return folder


@pytest.fixture(scope="module")
def benchmarks() -> Iterator[Callable[[str], ModuleType]]:
    """Imports modules of `benchmarks/`, which is no package: they find each other as when one is started."""
    folder = str(ROOT / "benchmarks")
    sys.path.insert(0, folder)
    yield importlib.import_module
    sys.path.remove(folder)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave without the interpreter's teardown once bpy is loaded: bpy 4.5 hangs there when classes are registered."""
    if "bpy" in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(getattr(config, "understudy_exit_status", 0)))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remember the result for `pytest_unconfigure`."""
    session.config.understudy_exit_status = exitstatus  # type: ignore[attr-defined]
