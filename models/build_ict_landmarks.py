"""Builds `inference/face_model/ict_landmarks.npz`: where the 468 skin landmarks lie on the surface of ICT-FaceKit.

usage: python -m understudy.models.build_ict_landmarks ICT-FaceKit.tar.xz [--renders FOLDER] [-o FILE]

The pictures are those of build_face_model.py. Also kept: the 68 classic landmarks of the mean head and how jawOpen
moves them, by which models of other makers are laid over it. About six minutes on
two cores, half a minute when the folder holds the pictures.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..inference.face_model.ict_folder import IctModel
from .landmark_correspondence import Correspondence, found_in_archive

DEFAULT_OUT = Path(__file__).resolve().parent.parent / "inference" / "face_model" / "ict_landmarks.npz"
NOTICE = (
    "Computed from ICT-FaceKit, Copyright (c) 2020 USC Institute for Creative Technologies, under the MIT licence; "
    "the licence text is in models/NOTICE.md."
)


def main() -> int:
    """Command line; 0 on success."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("archive", type=Path, help="the ICT-FaceKit archive")
    parser.add_argument(
        "--renders", type=Path, help="folder that keeps the pictures of posed heads; used again when it holds them"
    )
    parser.add_argument("-o", "--out", type=Path, default=DEFAULT_OUT)
    options = parser.parse_args()
    arrays = build(*found_in_archive(options.archive, options.renders))
    partial = options.out.with_name(options.out.name + ".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    partial.replace(options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes")
    return 0


def build(ict: IctModel, where: Correspondence) -> dict[str, NDArray[np.generic]]:
    """The arrays of the file; corners are vertices of ICT-FaceKit's own numbering."""
    return {
        "schema": np.array(1),
        "corners": where.corners.astype(np.int32),
        "weights": where.weights.astype(np.float32),
        "vertices": np.array(len(ict.neutral_cm)),
        "landmarks68_cm": ict.neutral_cm[ict.landmarks68].astype(np.float32),
        "jaw_open68_cm": ict.shapes_cm["jawOpen"][ict.landmarks68].astype(np.float32),
        "notice": np.array(NOTICE),
    }


if __name__ == "__main__":
    sys.exit(main())
