"""The steps of training the landmark network by their names: `python3 run.py train STEP ARGS...` (README.md beside this)."""

from __future__ import annotations

import runpy
import sys

STEPS = {
    "render": ("training.render_faces", "faces drawn by OpenGL, with labels"),
    "cycles": ("training.cycles_faces", "pictures and clips that Cycles rendered, with labels of their truth"),
    "real": ("training.real_faces", "faces of films, with the points that MediaPipe's network can be believed"),
    "fit": ("training.train", "trains the network on shards, goes on where it was stopped"),
    "export": ("training.export", "writes a checkpoint as ONNX"),
    "adopt": ("models.trained", "takes an ONNX file into the project, and its digest into the registry"),
}


def main(arguments: list[str]) -> int:
    """Run a step as if it had been started itself; without a name, tell what there is."""
    if not arguments or arguments[0] not in STEPS:
        for name, (_, purpose) in STEPS.items():
            print(f"{name:8}{purpose}")
        return 0 if not arguments or arguments[0] in ("-h", "--help") else 2
    step, *rest = arguments
    sys.argv = [f"run.py train {step}", *rest]
    runpy.run_module(f"{(__package__ or '').partition('.')[0]}.{STEPS[step][0]}", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
