"""Retargeting: the actor's coefficients become the weights of a given avatar's shape keys."""

from .mapping import Link, Mapping, load, match_names, save, weights

__all__ = ["Link", "Mapping", "load", "match_names", "save", "weights"]
