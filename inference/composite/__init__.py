"""Render and footage to composite: swapper, colour matcher, Poisson blender, enhancer; `shot.composite_shot` does it."""
