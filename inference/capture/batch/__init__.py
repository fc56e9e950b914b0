"""Faces of many frames at once, for devices that are fast only at much work in one go."""
