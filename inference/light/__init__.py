"""The light of a shot, estimated from the actor's face."""

from .types import ShotLight, load_light, save_light

__all__ = ["ShotLight", "load_light", "save_light"]
