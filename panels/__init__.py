"""The nouns shown: the sidebar of the 3D view. Panels only draw."""

from __future__ import annotations

# bpy is imported when Blender registers the add-on: the package itself can be imported without.


def register() -> None:
    """Show the panels."""
    from . import sidebar

    sidebar.register()


def unregister() -> None:
    """Take the panels away."""
    from . import sidebar

    sidebar.unregister()
