"""The nouns shown: the sidebar, one file for each step. Panels only draw."""

from __future__ import annotations

# bpy is imported when Blender registers the add-on: the package itself can be imported without.


def register() -> None:
    """Show the panels."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Take the panels away."""
    from . import registration

    registration.unregister()
