"""Write the networks and say what they are: `python -m benchmarks.architectures [FOLDER]`.

One JSON line per file: parameters, multiply-adds of one item, and what is published beside them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from . import gfpgan, inswapper, scrfd
from .network import Network

FOLDER: Final = Path(__file__).resolve().parent / "graphs"
"""They lie here for machines without the onnx package."""


class Published(NamedTuple):
    """What is known of the network with its true weights."""

    build: Callable[[bool], Network]
    file_bytes: int
    other_parameters: int
    """In the published file, beside those of the layers."""
    note: str


NETWORKS: Final = {
    "inswapper_128": Published(
        inswapper.build,
        554_253_681,
        512 * 512,
        "inswapper_128.onnx with its identity matrix; operations are not published",
    ),
    "gfpgan_clean_512": Published(gfpgan.build, 340_256_690, 0, "GFPGANv1.4.onnx; operations are not published"),
    "scrfd_10g_640": Published(
        scrfd.build,
        16_923_827,
        0,
        "det_10g.onnx; 3.86 M parameters and 9.98 G multiply-adds at 640 x 480 without key points",
    ),
}


def write(folder: Path) -> list[Path]:
    """Write every network in float32 and float16."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, published in NETWORKS.items():
        for half in (False, True):
            path = folder / f"{name}{'.half' if half else ''}.onnx"
            path.write_bytes(published.build(half).model().SerializeToString(deterministic=True))
            paths.append(path)
    return paths


def facts(name: str) -> dict[str, object]:
    """What a network costs, beside what is published."""
    published = NETWORKS[name]
    net = published.build(False)
    known = published.file_bytes / 4
    return {
        "benchmark": "architectures",
        "network": f"{name} (random weights)",
        "parameters": net.parameters,
        "parameters_with_file_s_own": net.parameters + published.other_parameters,
        "published_file_bytes": published.file_bytes,
        "of_published_size": round((net.parameters + published.other_parameters) / known, 4),
        "multiply_adds": net.multiply_adds,
        "published": published.note,
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    folder = parser.parse_args().folder
    for path in write(folder):
        print(json.dumps({"wrote": path.name, "bytes": path.stat().st_size}))
    for name in NETWORKS:
        print(json.dumps(facts(name)))


if __name__ == "__main__":
    main()
