"""Retargeting: the actor's coefficients become the weights of a given avatar's shape keys."""

from .edits import add_link, mirror, remove_link, scale_region, set_gain, set_limits, set_offset
from .mapping import Link, Mapping, absent_keys, weigher, weights
from .mapping_file import load, save
from .matching import Match, match, match_names
from .regions import REGION_OF, REGIONS

__all__ = [
    "REGIONS",
    "REGION_OF",
    "Link",
    "Mapping",
    "Match",
    "absent_keys",
    "add_link",
    "load",
    "match",
    "match_names",
    "mirror",
    "remove_link",
    "save",
    "scale_region",
    "set_gain",
    "set_limits",
    "set_offset",
    "weigher",
    "weights",
]
