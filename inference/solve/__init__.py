"""From the landmarks of a shot to a take: `solve_shot`."""

from .shot import solve_shot

__all__ = ["solve_shot"]
