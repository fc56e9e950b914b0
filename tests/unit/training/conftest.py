"""What tests of training share: ICT-FaceKit, unpacked once."""

from __future__ import annotations

from pathlib import Path

import pytest
from understudy.models.ict_archive import unpack_ict


@pytest.fixture(scope="session")
def face_x_model(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The FaceXModel folder of ICT-FaceKit; tests that need it are skipped without the shared material."""
    return unpack_ict(shared / "data" / "ict_facekit" / "ICT-FaceKit.tar.xz", tmp_path_factory.mktemp("ict"))
