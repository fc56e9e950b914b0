"""Refines a solved performance by the pixels of the skin: `PixelRefiner`."""

from .shot import PixelRefiner

__all__ = ["PixelRefiner"]
