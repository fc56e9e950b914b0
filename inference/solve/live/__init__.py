"""The live twin of the whole-shot solver: one frame in, the performance of that frame out."""

from .solver import LiveFrame, LiveOptions, LiveSolver

__all__ = ["LiveFrame", "LiveOptions", "LiveSolver"]
