"""Understudy: drive 3D avatars from ordinary video and put them back into the shot (Blender extension)."""
# SPDX-License-Identifier: GPL-3.0-or-later


def register() -> None:
    """Add the operators, properties and panels to Blender."""
    from . import operators, panels, translations

    translations.register()
    operators.register()
    panels.register()


def unregister() -> None:
    """Take back everything `register` added."""
    from . import operators, panels, translations

    panels.unregister()
    operators.unregister()
    translations.unregister()
