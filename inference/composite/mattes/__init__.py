"""Mattes: how much of each pixel the avatar replaces, and what stays in front of it."""
