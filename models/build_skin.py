"""Builds `inference/face_model/default_skin.npz`, points all over the skin of the default face model.

usage: python -m understudy.models.build_skin ICT-FaceKit [-o FILE]

ICT-FaceKit is the official folder or archive. Run it again whenever `default.npz` was built anew: the skin is stored in
terms of the default model's identity modes. Half a minute.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..inference.face_model.default import load_default
from ..inference.face_model.ict import build_ict
from ..inference.face_model.rims import SKIN
from ..inference.face_model.skin import DEFAULT_SKIN_FILE, chosen_points
from ..inference.face_model.surface import carried
from .build_face_model import NOTICE, save
from .ict_archive import unpack_ict


def main() -> int:
    """Command line; 0 on success."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path, help="ICT-FaceKit's folder or archive")
    parser.add_argument("-o", "--out", type=Path, default=DEFAULT_SKIN_FILE)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.source if options.source.is_dir() else unpack_ict(options.source, Path(scratch))
        save(build(folder), options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes")
    return 0


def build(folder: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of the file: ICT-FaceKit's skin, moved onto the default model where the landmarks say that they differ."""
    default, dense = load_default(), build_ict(folder)
    skin = chosen_points(dense)
    own, theirs = default.landmark_modes_cm[:, :SKIN], dense.landmark_modes_cm[:, :SKIN]
    turn, *_ = np.linalg.lstsq(theirs.reshape(len(theirs), -1).T, own.reshape(len(own), -1).T, rcond=1e-6)
    modes = np.einsum("ji,jsc->isc", turn, skin.identity_modes_cm)
    remainder = own - np.einsum("ji,jpc->ipc", turn, theirs)
    print(f"identity: {10 * np.sqrt((remainder**2).mean()):.3f} mm of {10 * np.sqrt((own**2).mean()):.3f} mm remain")
    shift = default.landmark_mean_cm[:SKIN] - dense.landmark_mean_cm[:SKIN]
    moved = np.concatenate([shift[None], remainder]).transpose(1, 0, 2)
    spread = carried(moved, dense.landmark_mean_cm[:SKIN], skin.mean_cm.astype(np.float64)).transpose(1, 0, 2)
    return {
        "schema": np.array(1),
        "mean_cm": (skin.mean_cm + spread[0]).astype(np.float32),
        "identity_modes_cm": (modes + spread[1:]).astype(np.float16),
        "expressions_cm": skin.expressions_cm.astype(np.float16),
        "normals": skin.normals.astype(np.float16),
        "notice": np.array(NOTICE),
    }


if __name__ == "__main__":
    sys.exit(main())
