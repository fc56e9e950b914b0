"""Render and footage to composite: swapper, colour matcher, Poisson blender, enhancer."""

from .shot import composite_shot
from .types import STAGES, CompositeOptions, CompositeReport

__all__ = ["STAGES", "CompositeOptions", "CompositeReport", "composite_shot"]
