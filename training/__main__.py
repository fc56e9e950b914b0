"""The steps of training the landmark network by their names: `python3 run.py train STEP ARGS...` (README.md beside this)."""

from __future__ import annotations

import runpy
import sys

from ..inference.errors import UnderstudyError

STEPS = {
    "render": ("training.render_faces", "faces drawn by OpenGL, with labels"),
    "cycles": ("training.cycles_faces", "pictures and clips that Cycles rendered, with labels of their truth"),
    "real": ("training.real_faces", "faces of films, with the points that MediaPipe's network can be believed"),
    "fit": ("training.train", "trains the network on shards, goes on where it was stopped"),
    "export": ("training.export", "writes a checkpoint as ONNX"),
    "response": ("training.measure_response", "measures for the solver how a network filters what it sees"),
    "adopt": ("models.trained", "takes an ONNX file into the project, and its digest into the registry"),
}


def main(arguments: list[str]) -> int:
    """Run a step as if it had been started itself; without a name, tell what there is."""
    if not arguments or arguments[0] not in STEPS:
        for name, (_, purpose) in STEPS.items():
            print(f"{name:12}{purpose}")
        return 0 if not arguments or arguments[0] in ("-h", "--help") else 2
    step, *rest = arguments
    sys.argv = [f"run.py train {step}", *rest]
    package = (__package__ or "").partition(".")[0]
    try:
        runpy.run_module(f"{package}.{STEPS[step][0]}", run_name="__main__", alter_sys=True)
    except UnderstudyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
