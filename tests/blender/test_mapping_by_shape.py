"""An avatar whose keys are called nonsense: matched by its shapes in the worker, performed by the solver, corrected by
hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
import understudy
from understudy.inference import arkit
from understudy.inference import take as takes
from understudy.inference.errors import InputError
from understudy.inference.take import Take
from understudy.operators.avatar import links
from understudy.operators.perform.performance import performed, solved_weights

MakeTake = Callable[..., Take]
LEAST_RIGHT = 40
"""Of 52 keys, those whose strongest link is the coefficient that they were made for."""


@pytest.fixture(scope="module")
def matched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with our avatar, its keys renamed, after Match by Shape."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    understudy.register()
    try:
        bpy.ops.understudy.add_avatar()
        scene = bpy.context.scene
        avatar = scene.understudy.avatar
        for mesh in (ob for ob in avatar.children_recursive if ob.type == "MESH" and ob.data.shape_keys):
            for block in mesh.data.shape_keys.key_blocks[1:]:
                block.name = f"key{arkit.INDEX[block.name]:02d}"
        bpy.ops.understudy.solve_rig()
        path = tmp_path_factory.mktemp("rig") / "matched.blend"
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
    finally:
        understudy.unregister()
    return path


@pytest.fixture
def avatar(matched: Path) -> Iterator[bpy.types.Object]:
    understudy.register()
    bpy.ops.wm.open_mainfile(filepath=str(matched))
    yield bpy.context.scene.understudy.avatar
    understudy.unregister()


def key_of(coefficient: str) -> str:
    return f"key{arkit.INDEX[coefficient]:02d}"


def test_the_list_says_what_the_keys_do(avatar) -> None:
    strongest: dict[str, tuple[float, str]] = {}
    for item in avatar.understudy.links:
        strongest[item.key] = max(strongest.get(item.key, (0.0, "")), (abs(item.gain), item.coefficient))
    right = [name for name in arkit.NAMES if strongest.get(key_of(name), (0, ""))[1] == name]
    assert len(right) >= LEAST_RIGHT
    assert avatar.understudy.use_solver
    assert {item.name for item in avatar.understudy.key_names} >= {key_of(name) for name in arkit.NAMES}


def test_the_solver_performs_and_corrections_in_the_list_count(avatar, make_take: MakeTake) -> None:
    coefficients = np.zeros((3, 52), np.float32)
    coefficients[1, arkit.INDEX["jawOpen"]] = 0.8
    coefficients[2, arkit.INDEX["eyeBlinkLeft"]] = 1.0
    take = make_take(frames=3, coefficients=coefficients)

    def weights() -> dict[str, np.ndarray]:
        performance, mapping = performed(avatar, take)
        keys, solved = solved_weights(avatar, performance, mapping)
        return dict(zip(keys, solved.T, strict=True))

    before = weights()
    jaw = key_of("jawOpen")
    assert before[jaw][1] == pytest.approx(0.8, abs=0.15)
    assert before[key_of("eyeBlinkLeft")][2] == pytest.approx(1.0, abs=0.15)
    assert max(abs(values[0]) for values in before.values()) < 0.02, "a neutral face stays neutral"
    link = next(item for item in avatar.understudy.links if (item.coefficient, item.key) == ("jawOpen", jaw))
    link.gain -= 0.5
    assert weights()[jaw][1] == pytest.approx(max(before[jaw][1] - 0.4, 0), abs=1e-4)
    for item in avatar.understudy.links:
        item.enabled = item.key != jaw
    assert jaw not in weights(), "what was switched off rests"
    avatar.understudy.use_solver = False
    performance, mapping = performed(avatar, take)
    assert solved_weights(avatar, performance, mapping) is None


def test_preview_and_bake_show_the_solved_weights(avatar, make_take: MakeTake, tmp_path: Path) -> None:
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 25, 1
    take = make_take(frames=120)
    takes.save(take, tmp_path / "take.npz")
    scene.understudy.take = str(tmp_path / "take.npz")
    scene.understudy.keying.use_reduction = False
    performance, mapping = performed(avatar, take)
    keys, solved = solved_weights(avatar, performance, mapping)
    blocks = bpy.data.objects["Understudy Face"].data.shape_keys.key_blocks
    bpy.ops.understudy.preview()
    for frame in (1, 20, 60, 119, 2):
        scene.frame_set(frame)
        shown = [blocks[key].value for key in keys if key in blocks]
        assert shown == pytest.approx([solved[frame - 1, n] for n, key in enumerate(keys) if key in blocks], abs=0.03)
    bpy.ops.understudy.bake()
    scene.frame_set(60)
    baked = [blocks[key].value for key in keys if key in blocks]
    assert baked == pytest.approx([solved[59, n] for n, key in enumerate(keys) if key in blocks], abs=1e-4)


def test_a_link_is_reset_to_what_the_shapes_said_and_names_take_over_when_asked(avatar, tmp_path: Path) -> None:
    kept = avatar.understudy
    made = links.mapping_of(kept)
    for item in kept.links:
        item.gain = 0.123
    assert bpy.ops.understudy.reset_link(every=True) == {"FINISHED"}
    assert links.mapping_of(kept).links == made.links
    bpy.ops.understudy.save_mapping(filepath=str(tmp_path / "list.json"))
    bpy.ops.understudy.load_mapping(filepath=str(tmp_path / "list.json"))
    assert not kept.use_solver, "the list is meant as it is"
    kept.use_solver = True
    with pytest.raises(RuntimeError, match="say nothing; match by shape"):
        bpy.ops.understudy.match_shapes()
    assert kept.use_solver
    assert links.mapping_of(kept).links == made.links


def test_damage_to_what_is_kept_is_told(avatar, make_take: MakeTake) -> None:
    avatar.understudy.fit = avatar.understudy.fit.replace("UEsD", "AAAA", 1)
    take = make_take()
    with pytest.raises(InputError, match="match the avatar by shape again"):
        solved_weights(avatar, take, links.mapping_of(avatar.understudy))
