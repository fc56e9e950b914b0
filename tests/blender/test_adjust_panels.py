"""The panels of steps 3 and 4 draw in every state, and name only what there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import bpy
from understudy.inference import take as takes
from understudy.inference.take import Take
from understudy.panels import adjust, mapping, perform
from understudy.panels import avatar as avatars

MakeTake = Callable[..., Take]
PANELS = (
    avatars.UNDERSTUDY_PT_avatar,
    avatars.UNDERSTUDY_PT_new_avatar,
    avatars.UNDERSTUDY_PT_companions,
    mapping.UNDERSTUDY_PT_mapping,
    mapping.UNDERSTUDY_MT_links,
    mapping.UNDERSTUDY_PT_understood,
    perform.UNDERSTUDY_PT_perform,
    adjust.UNDERSTUDY_PT_adjust,
    adjust.UNDERSTUDY_PT_neutral,
)


class Layout:
    """A layout that checks what is drawn and remembers the words."""

    def __init__(self, words: list[str]) -> None:
        self._words = words

    def __getattr__(self, name: str) -> Callable[..., Layout]:
        return lambda *_, **__: self

    def prop(self, data: bpy.types.bpy_struct, name: str, **_: object) -> None:
        assert name in data.bl_rna.properties, name

    def prop_search(
        self, data: bpy.types.bpy_struct, name: str, source: bpy.types.bpy_struct, items: str, **_: object
    ) -> None:
        assert name in data.bl_rna.properties
        assert items in source.bl_rna.properties

    def template_list(
        self, kind: str, _: str, data: object, name: str, active: object, index: str, **__: object
    ) -> None:
        assert name in data.bl_rna.properties
        assert index in active.bl_rna.properties

    def operator(self, idname: str, text: str = "", **_: object) -> SimpleNamespace:
        getattr(bpy.ops.understudy, idname.removeprefix("understudy.")).get_rna_type()
        self._words.append(text)
        return SimpleNamespace()

    def label(self, text: str = "", **_: object) -> None:
        self._words.append(text)


def drawn(cls: type) -> str:
    """The words that a panel shows now; nothing where it is not shown."""
    words: list[str] = []
    context = SimpleNamespace(
        scene=bpy.context.scene,
        object=bpy.context.object,
        preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1.0)),
        region=SimpleNamespace(width=2000),
    )
    if hasattr(cls, "poll") and not cls.poll(context):
        return ""
    # Blender alone may make a panel; its own functions are all that is asked here
    own = {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items() if name[:2] != "__"}
    panel = type("Drawn", (), {name: value for name, value in own.items() if name not in ("layout", "bl_rna")})()
    panel.layout = Layout(words)
    panel.draw(context)
    if hasattr(panel, "draw_header"):
        panel.draw_header(context)
    return " ".join(words)


def everything() -> str:
    return " ".join(drawn(cls) for cls in PANELS)


def test_nothing_is_there_yet(addon, scene) -> None:
    words = everything()
    assert "There is no avatar; choose one in step 3, or press Add Avatar" in words
    assert "Neutral" not in words


def test_every_state_draws(addon, scene, avatar, make_take: MakeTake, tmp_path: Path) -> None:
    path = tmp_path / "d18.take.npz"
    takes.save(make_take(), path)
    bpy.context.view_layer.update()
    scene.understudy.avatar = avatar
    kept = avatar.understudy
    for kind in ("default", "ict"):
        scene.understudy.avatar_kind = kind
        assert "52 on 2 meshes" in everything()
    assert "Everything is at work" in everything()
    kept.links[0].key = "gone"
    assert "The avatar has no such key" in everything()
    kept.links.remove(3)
    assert "shown by no key: eyeLookOutLeft" in everything().replace("  ", " ")
    assert "Go to a frame in which" in everything()
    scene.understudy.take = str(path)
    bpy.ops.understudy.set_neutral()
    assert "coefficients are taken off" in everything()
    bpy.ops.understudy.bake()
    bpy.ops.understudy.preview()
    assert "The preview hides the keys" in everything()
    path.unlink()
    scene.understudy.use_head = False
    words = everything()
    assert "There is no take at" in words


def test_rows_of_the_lists_draw(addon, scene, avatar) -> None:
    bpy.context.view_layer.update()
    scene.understudy.avatar = avatar
    kept, words = avatar.understudy, []
    context = SimpleNamespace(
        region=SimpleNamespace(width=250), preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1.0))
    )
    kept.links[1].key = "gone"
    for link in kept.links[:3]:
        mapping.UNDERSTUDY_UL_links.draw_item(None, context, Layout(words), kept, link, 0, kept, "active_link")
    assert words == ["eyeBlinkLeft", "eyeLookDownLeft", "gone", "eyeLookInLeft"]
    kept.also.add().object = bpy.data.objects["Teeth"]
    avatars.UNDERSTUDY_UL_companions.draw_item(
        None, bpy.context, Layout(words), kept, kept.also[0], 0, kept, "active_companion"
    )
