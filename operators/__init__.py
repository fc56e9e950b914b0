"""The verbs: operators, the properties they work on, preferences. Everything that writes Blender's data."""

from __future__ import annotations

# bpy and the modules that need it are imported when Blender registers the add-on: the package itself can be imported
# without.


def register() -> None:
    """Add the properties, preferences and operators to Blender."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Take back everything `register` added."""
    from . import registration

    registration.unregister()
