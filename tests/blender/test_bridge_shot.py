"""The shot: the Blender camera sees the avatar's points exactly where the take's own camera maths puts them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector
from understudy.inference.errors import InputError
from understudy.inference.take import Take
from understudy.operators.bridge.keys.bake import bake_take
from understudy.operators.bridge.stage.shot import setup_shot

MakeTake = Callable[..., Take]
ORIGIN_M = np.array((0.0, -0.01, 1.6))


def expected_px(take: Take, position: int, points_cm: np.ndarray) -> np.ndarray:
    """Points in face-model axes through R, t and K."""
    camera = points_cm @ take.rotation[position].astype(float).T + take.translation_cm[position]
    (fx, _, cx), (_, fy, cy), _ = take.camera_matrix
    return np.stack([cx + fx * camera[:, 0] / -camera[:, 2], cy - fy * camera[:, 1] / -camera[:, 2]], 1)


def rendered_px(scene: bpy.types.Scene, ob: bpy.types.Object, vertices: list[int]) -> np.ndarray:
    """Vertices of the evaluated mesh through Blender's own camera."""
    evaluated = ob.evaluated_get(bpy.context.evaluated_depsgraph_get())
    seen = [
        world_to_camera_view(scene, scene.camera, evaluated.matrix_world @ evaluated.data.vertices[v].co)
        for v in vertices
    ]
    width, height = scene.render.resolution_x, scene.render.resolution_y
    return np.array([(view.x * width, (1 - view.y) * height) for view in seen])


def rest_points_cm(ob: bpy.types.Object, vertices: list[int]) -> np.ndarray:
    """Unposed vertices in face-model axes, from the avatar contract."""
    points = np.array([tuple(ob.data.vertices[v].co) for v in vertices]) - ORIGIN_M
    return np.stack([points[:, 0], points[:, 2], -points[:, 1]], 1) * 100


def still(take: Take) -> Take:
    """The same head motion without expression, so that the points are rigid."""
    return replace(take, coefficients=np.zeros_like(take.coefficients))


CAMERAS = {
    "landscape": ((640, 360), [[610.0, 0, 330.0], [0, 610.0, 168.0], [0, 0, 1]]),
    "portrait": ((270, 480), [[500.0, 0, 120.0], [0, 500.0, 260.0], [0, 0, 1]]),
    "tall pixels": ((320, 320), [[400.0, 0, 160.0], [0, 440.0, 150.0], [0, 0, 1]]),
    "wide pixels": ((320, 200), [[420.0, 0, 170.0], [0, 400.0, 110.0], [0, 0, 1]]),
}


@pytest.mark.parametrize("kind", CAMERAS)
def test_camera_and_avatar_reproduce_the_takes_projection(scene, avatar, make_take: MakeTake, kind: str) -> None:
    size, matrix = CAMERAS[kind]
    take = still(make_take(frame_size=size, camera_matrix=np.array(matrix)))
    setup_shot(scene, avatar, take)
    bake_take(avatar, take, scene=scene)
    assert (scene.render.resolution_x, scene.render.resolution_y) == size
    vertices = [0, 22, 240, 241, 460, 482]
    for position in (0, 4, 11):
        scene.frame_set(1 + position)
        face = bpy.data.objects["Face"]
        error = rendered_px(scene, face, vertices) - expected_px(take, position, rest_points_cm(face, vertices))
        assert np.abs(error).max() < 0.02


def test_a_placed_and_scaled_avatar_stays_where_it_stands(scene, avatar, make_take: MakeTake) -> None:
    parent = bpy.data.objects.new("Stage", None)
    scene.collection.objects.link(parent)
    parent.matrix_world = Matrix.Translation((3, -2, 0.5)) @ Matrix.Rotation(0.4, 4, "Z")
    avatar.parent = parent
    avatar.location = (1.0, 2.0, 0.0)
    avatar.rotation_euler = (0.0, 0.0, 1.1)
    avatar.scale = (2.0, 2.0, 2.0)
    bpy.context.view_layer.update()
    stood = avatar.matrix_world @ Vector(ORIGIN_M)
    take = still(make_take())
    for _ in range(2):  # setting up again must not make it wander
        camera = setup_shot(scene, avatar, take)
    bake_take(avatar, take, scene=scene)
    face = bpy.data.objects["Face"]
    vertices = [0, 22, 240, 460, 482]
    for position in range(12):
        scene.frame_set(1 + position)
        error = rendered_px(scene, face, vertices) - expected_px(take, position, rest_points_cm(face, vertices))
        assert np.abs(error).max() < 0.05
    distance = (camera.matrix_world.translation - stood).length
    assert distance == pytest.approx(float(np.linalg.norm(np.median(take.translation_cm, axis=0))) * 0.02, rel=1e-4)
    assert np.allclose(camera.matrix_world.to_3x3() @ Vector((0, 1, 0)), (0, 0, 1), atol=1e-6)
    assert len([ob for ob in scene.objects if ob.type == "CAMERA"]) == 1
    assert len([ob for ob in scene.objects if ob.type == "LIGHT"]) == 3


def test_a_bare_mesh_is_put_where_the_actor_was(scene, make_take: MakeTake) -> None:
    """A face mesh without a rig, imported with Y up and in other units, has the actor's place, size and turn."""
    take = still(make_take())
    mesh = bpy.data.meshes.new("Head")
    mesh.from_pydata((take.neutral_cm.astype(float) * 3 + (5, 6, 7)).tolist(), [], [[0, 1, 24, 23]])
    head = bpy.data.objects.new("Head", mesh)
    scene.collection.objects.link(head)
    head.rotation_euler = (np.pi / 2, 0, 0)
    head.shape_key_add(name="Basis")
    block = head.shape_key_add(name="jawOpen")
    for point in block.data:
        point.co.y -= 0.1
    bpy.context.view_layer.update()
    setup_shot(scene, head, take)
    bake_take(head, take, scene=scene)
    vertices = [0, 22, 200, 400, 477]
    for position in (0, 6, 11):
        scene.frame_set(1 + position)
        error = rendered_px(scene, head, vertices) - expected_px(
            take, position, take.neutral_cm[vertices].astype(float)
        )
        assert np.abs(error).max() < 0.05


def test_the_scene_gets_the_takes_rate_range_and_transparent_film(scene, avatar, make_take: MakeTake) -> None:
    setup_shot(scene, avatar, make_take(frames=30, fps=Fraction(30000, 1001)))
    assert scene.render.fps == 30
    assert scene.render.fps_base == pytest.approx(1.001, abs=1e-6)
    assert (scene.frame_start, scene.frame_end) == (1, 30)
    assert scene.render.film_transparent
    assert scene.view_settings.view_transform == "Standard"


def test_footage_is_behind_the_camera_in_step_with_the_take(
    scene, avatar, make_take: MakeTake, footage: Path, tmp_path: Path
) -> None:
    take = make_take(frame_index=np.arange(12) + 5)
    camera = setup_shot(scene, avatar, take, footage)
    background = camera.data.background_images[0]
    assert camera.data.show_background_images
    assert Path(bpy.path.abspath(background.clip.filepath)) == footage
    assert background.clip.frame_start == -4  # its sixth frame is shown at scene frame 1
    broken = tmp_path / "missing.mp4"
    with pytest.raises(InputError, match=r"missing\.mp4"):
        setup_shot(scene, avatar, take, broken)


def test_the_footages_own_rate_keeps_avatar_and_picture_together(scene, avatar, make_take: MakeTake, footage) -> None:
    """The mean rate of a telephone's footage is not the one at which Blender plays it (25 in this footage)."""
    setup_shot(scene, avatar, make_take(fps=Fraction(20)), footage)
    assert scene.render.fps / scene.render.fps_base == pytest.approx(25)
    setup_shot(scene, avatar, make_take(fps=Fraction(20)))
    assert scene.render.fps / scene.render.fps_base == pytest.approx(20)
