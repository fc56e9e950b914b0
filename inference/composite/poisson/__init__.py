"""The Poisson blender: the smooth correction that closes the seam."""
