"""A take as keyframes: curves, thinned or not, strips, markers, sound, and what was changed by hand."""
