"""The list of links on an avatar: filled by names, corrected, mirrored, saved and loaded; and who the avatar is."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest
import understudy
from understudy.inference import arkit, retarget
from understudy.inference import take as takes
from understudy.inference.retarget import Link, Mapping
from understudy.operators.avatar import keeping, links
from understudy.operators.bridge import paths
from understudy.panels.mapping import UNDERSTUDY_UL_links


@pytest.fixture
def kept(addon, scene, avatar) -> bpy.types.PropertyGroup:
    """What is kept with the small avatar once it was chosen."""
    bpy.context.view_layer.update()
    scene.understudy.avatar = avatar
    return avatar.understudy


def mesh_with(scene: bpy.types.Scene, name: str, *names: str) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(x, y, z) for x in (-1, 1) for y in (0, 0.5) for z in (-1, 1)], [], [[0, 1, 3, 2]])
    ob = bpy.data.objects.new(name, mesh)
    scene.collection.objects.link(ob)
    for key in ("Basis", *names):
        block = ob.shape_key_add(name=key, from_mix=False)
        block.value = 0
        block.data[0].co.z += 0.1
    bpy.context.view_layer.update()
    return ob


def test_choosing_an_avatar_fills_its_list_and_says_what_it_is(kept) -> None:
    assert [item.key for item in kept.links] == list(arkit.NAMES)
    assert all(item.enabled and item.gain == 1 for item in kept.links)
    assert {item.name for item in kept.key_names} >= set(arkit.NAMES)
    found = links.understood(kept)
    assert (found.keys, found.meshes, found.kinds, found.idle, found.unknown) == (52, 2, ("ARKit",), (), ())
    assert (found.head, found.eyes) == ("head", "eye.L, eye.R")
    assert kept.kind == "ARKit"


def test_any_object_of_the_avatar_may_be_picked(addon, scene, avatar) -> None:
    bpy.context.view_layer.update()
    scene.understudy.avatar = bpy.data.objects["Teeth"]
    assert scene.understudy.avatar == avatar
    assert len(avatar.understudy.links) == 52
    scene.understudy.avatar = None
    with bpy.context.temp_override(object=bpy.data.objects["Face"]):
        assert bpy.ops.understudy.use_selected() == {"FINISHED"}
    assert scene.understudy.avatar == avatar


def test_a_list_that_was_corrected_is_kept_when_the_avatar_is_chosen_again(kept, scene, avatar) -> None:
    kept.links[3].gain = 0.5
    scene.understudy.avatar = None
    scene.understudy.avatar = avatar
    assert kept.links[3].gain == 0.5
    bpy.ops.understudy.match_shapes()
    assert kept.links[3].gain == 1.0


def test_the_list_is_the_mapping_and_back(kept) -> None:
    mapping = Mapping(
        (Link("jawOpen", "あ", 1.5, -0.25, -0.3, 0.7), Link("mouthPucker", "う", -0.1, enabled=False)),
        unmatched_keys=tuple(arkit.NAMES),
        exclusive=(("あ", "う"), ('quote "x"', "\\")),
        kind="MMD",
    )
    keeping.keep_mapping(kept, mapping)
    assert links.mapping_of(kept) == mapping
    kept.links.clear()
    assert links.mapping_of(kept) is None


def test_limits_push_each_other(kept) -> None:
    link = kept.links[0]
    link.upper = -0.5
    assert link.lower == -0.5
    link.lower = 0.75
    assert link.upper == 0.75


def test_links_come_and_go(kept) -> None:
    kept.active_link = 2
    gone = kept.links[2].key
    assert bpy.ops.understudy.remove_link() == {"FINISHED"}
    assert gone not in [item.key for item in kept.links]
    assert bpy.ops.understudy.add_link() == {"FINISHED"}
    added = kept.links[kept.active_link]
    assert (added.coefficient, added.key) == (gone, gone), "what nothing drives, and what drives nothing"
    assert bpy.ops.understudy.add_link(coefficient="mouthPucker", key="jawOpen") == {"FINISHED"}
    with pytest.raises(RuntimeError, match="drives 'jawOpen' already; change the gain of that link"):
        bpy.ops.understudy.add_link(coefficient="mouthPucker", key="jawOpen")
    with pytest.raises(RuntimeError, match="use one of the 52 ARKit names"):
        bpy.ops.understudy.add_link(coefficient="grin", key="jawOpen")


def test_a_link_is_reset_to_what_the_matching_said(kept) -> None:
    for item in kept.links:
        item.gain, item.offset, item.upper, item.enabled = 0.5, 0.1, 0.8, False
    kept.active_link = 4
    bpy.ops.understudy.reset_link()
    assert [item.gain for item in kept.links].count(1.0) == 1
    assert links.mapping_of(kept).links[4] == Link(arkit.NAMES[4], arkit.NAMES[4])
    bpy.ops.understudy.reset_link(every=True)
    assert links.mapping_of(kept).links == retarget.match_names(arkit.NAMES).links


def test_one_side_mirrors_the_other(kept) -> None:
    left = kept.links[arkit.INDEX["mouthSmileLeft"]]
    left.gain, left.upper, left.enabled = 0.6, 0.9, False
    assert bpy.ops.understudy.mirror_links(side="Left") == {"FINISHED"}
    right = links.mapping_of(kept).links[arkit.INDEX["mouthSmileRight"]]
    assert right == Link("mouthSmileRight", "mouthSmileRight", 0.6, upper=0.9, enabled=False)
    assert len(kept.links) == 52


def test_a_mapping_is_saved_and_loaded(kept, tmp_path: Path) -> None:
    kept.links[0].gain, kept.links[1].enabled = 0.3, False
    mapping = links.mapping_of(kept)
    assert bpy.ops.understudy.save_mapping(filepath=str(tmp_path / "mine")) == {"FINISHED"}
    assert retarget.load(tmp_path / "mine.json") == mapping
    bpy.ops.understudy.match_shapes()
    assert bpy.ops.understudy.load_mapping(filepath=str(tmp_path / "mine.json")) == {"FINISHED"}
    assert links.mapping_of(kept) == mapping


def test_keys_that_an_avatar_lacks_are_told_and_marked(kept, tmp_path: Path, capfd) -> None:
    mapping = Mapping((Link("jawOpen", "jawOpen"), Link("mouthPucker", "Kiss"), Link("tongueOut", "Tongue")))
    retarget.save(mapping, tmp_path / "other.json")
    assert bpy.ops.understudy.load_mapping(filepath=str(tmp_path / "other.json")) == {"FINISHED"}
    assert [item.key in kept.key_names for item in kept.links] == [True, False, False]
    assert "Mini has no Kiss, Tongue; choose other keys for these links or remove them" in capfd.readouterr().out


def test_what_is_no_mapping_changes_nothing(kept, tmp_path: Path) -> None:
    before = links.mapping_of(kept)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(RuntimeError, match="is not a mapping or is damaged; save it again"):
        bpy.ops.understudy.load_mapping(filepath=str(tmp_path / "bad.json"))
    with pytest.raises(RuntimeError, match="choose a mapping"):
        bpy.ops.understudy.load_mapping()
    with pytest.raises(RuntimeError, match="choose where the mapping goes"):
        bpy.ops.understudy.save_mapping()
    assert links.mapping_of(kept) == before


def test_blender_asks_before_a_file_is_written_over() -> None:
    assert bpy.types.Operator.bl_rna_get_subclass_py("UNDERSTUDY_OT_save_mapping") is None  # not registered here
    understudy.register()
    try:
        rna = bpy.ops.understudy.save_mapping.get_rna_type()
        assert rna.properties["check_existing"].default is True
        assert rna.properties["filepath"].subtype == "FILE_PATH"
    finally:
        understudy.unregister()
    assert paths.user_folder("mappings").is_dir()


def test_the_list_is_searched_filtered_and_sorted(kept) -> None:
    class List:
        bitflag_filter_item = 1

    def shown() -> list[str]:
        flags, places = UNDERSTUDY_UL_links.filter_items(List(), bpy.context, kept, "links")
        order = sorted(range(len(kept.links)), key=lambda index: places[index]) if places else range(len(kept.links))
        return [kept.links[index].key for index in order if flags[index]]

    assert shown() == list(arkit.NAMES)
    kept.search = "SMILE"
    assert shown() == ["mouthSmileLeft", "mouthSmileRight"]
    kept.search, kept.region = "", "BROWS"
    assert shown() == ["browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"]
    kept.order = "GAIN"
    kept.links[arkit.INDEX["browInnerUp"]].gain = -2
    assert shown()[0] == "browInnerUp"
    kept.region, kept.order = "ALL", "KEY"
    assert shown() == sorted(arkit.NAMES, key=str.casefold)


def test_names_that_say_nothing_are_told(addon, scene) -> None:
    ob = mesh_with(scene, "Nonsense", "k1", "k2")
    scene.understudy.avatar = ob
    assert len(ob.understudy.links) == 0
    assert links.understood(ob.understudy).unknown == ("k1", "k2")
    with pytest.raises(RuntimeError, match="The names of the keys of Nonsense say nothing; match by shape"):
        bpy.ops.understudy.match_shapes()
    with pytest.raises(RuntimeError, match="The avatar has no links yet; press Match by Name"):
        bpy.ops.understudy.save_mapping(filepath="x.json")
    assert bpy.ops.understudy.add_link() == {"FINISHED"}
    assert ob.understudy.links[0].key == "k1"


def test_more_objects_follow_the_same_take(kept, scene, avatar) -> None:
    beard = mesh_with(scene, "Beard", "jawOpen", "fuzz")
    for ob in scene.objects:
        ob.select_set(ob == beard)
    bpy.context.view_layer.objects.active = avatar
    removed = kept.links[2].key
    kept.links.remove(2)
    kept.links[0].gain = 0.3
    rows = len(kept.links)
    assert bpy.ops.understudy.add_companions() == {"FINISHED"}
    assert (len(kept.links), kept.links[0].gain) == (rows, pytest.approx(0.3))  # corrections stay
    assert removed not in [item.key for item in kept.links]
    assert links.understood(kept).meshes == 3
    assert links.understood(kept).unknown == ("fuzz",)
    with pytest.raises(RuntimeError, match="select what shall follow the same take"):
        bpy.ops.understudy.add_companions()
    assert bpy.ops.understudy.remove_companion() == {"FINISHED"}
    with pytest.raises(RuntimeError, match="there is nothing to remove"):
        bpy.ops.understudy.remove_companion()


def test_links_are_added_for_keys_that_only_a_further_object_has(addon, scene) -> None:
    face, tongue = mesh_with(scene, "A", "jawOpen", "mouthPucker"), mesh_with(scene, "B", "jawOpen", "tongueOut")
    scene.understudy.avatar = face
    assert [item.key for item in face.understudy.links] == ["jawOpen", "mouthPucker"]
    face.understudy.links[0].gain = 0.3
    for ob in (face, tongue):
        ob.select_set(ob == tongue)
    assert bpy.ops.understudy.add_companions() == {"FINISHED"}
    assert [item.key for item in face.understudy.links] == ["jawOpen", "mouthPucker", "tongueOut"]
    assert face.understudy.links[0].gain == pytest.approx(0.3)


def test_selected_meshes_perform_together(addon, scene) -> None:
    face, teeth = mesh_with(scene, "A", "jawOpen", "eyeBlinkLeft", "mouthPucker"), mesh_with(scene, "B", "jawOpen")
    for ob in (face, teeth):
        ob.select_set(True)
    bpy.context.view_layer.objects.active = face
    assert bpy.ops.understudy.use_selected() == {"FINISHED"}
    assert scene.understudy.avatar == face
    assert [row.object for row in face.understudy.also] == [teeth]
    assert links.understood(face.understudy).meshes == 2
    bpy.context.view_layer.objects.active = None
    with pytest.raises(RuntimeError, match="click a mesh with shape keys"):
        bpy.ops.understudy.use_selected()


def test_a_linked_character_performs_once_it_is_made_editable(kept, scene, avatar, make_take, tmp_path: Path) -> None:
    """As productions have it: the character in a file of its own, linked into the shot."""
    for mesh in ("Face", "Teeth"):
        for block in bpy.data.objects[mesh].data.shape_keys.key_blocks:
            block.value = 0
    scene.understudy.avatar = None
    group = bpy.data.collections.new("Character")
    scene.collection.children.link(group)
    for ob in (avatar, *avatar.children_recursive):
        scene.collection.objects.unlink(ob)
        group.objects.link(ob)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "character.blend"))
    takes.save(make_take(), tmp_path / "take.npz")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(tmp_path / "character.blend"), link=True) as (_, wanted):
        wanted.collections = ["Character"]
    scene = bpy.context.scene
    scene.collection.children.link(wanted.collections[0])
    bpy.context.view_layer.update()
    settings = scene.understudy
    settings.avatar, settings.take = bpy.data.objects["Mini"], str(tmp_path / "take.npz")
    with pytest.raises(RuntimeError, match="is linked from another file; make it local or a library override first"):
        bpy.ops.understudy.preview()
    assert bpy.ops.understudy.make_editable() == {"FINISHED"}
    assert settings.avatar.library is None
    assert all(ob.library is None for ob in bpy.context.view_layer.objects), "the linked one gave its place to it"
    assert len(bpy.context.view_layer.objects) == 3
    with pytest.raises(RuntimeError, match="there is nothing to do"):
        bpy.ops.understudy.make_editable()
    settings.avatar.understudy.links[17].gain = 0.5
    settings.avatar.understudy.adjustments.strength = 0.75
    assert bpy.ops.understudy.preview() == {"FINISHED"}
    assert bpy.ops.understudy.bake() == {"FINISHED"}
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    again = bpy.context.scene.understudy.avatar.understudy
    assert (again.links[17].gain, again.adjustments.strength, len(again.links)) == (0.5, 0.75, 52)
    face = next(ob for ob in again.id_data.children if ob.name.startswith("Face"))
    bpy.context.scene.frame_set(5)
    assert max(block.value for block in face.data.shape_keys.key_blocks) > 0.3
