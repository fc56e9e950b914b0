"""The avatar made from an actor, the light of a shot, and results in sequencer and compositor."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
import understudy
from mathutils import Matrix, Vector
from painted_shot import PaintedShot, painted_shot, painted_take
from understudy.inference import arkit
from understudy.inference import take as takes
from understudy.inference.errors import InputError, UsageError
from understudy.inference.face_model import load
from understudy.inference.light import ShotLight
from understudy.inference.media.images import write_png
from understudy.operators.bridge import compat, paths
from understudy.operators.bridge.avatars.actor import add_actor_avatar, is_bald
from understudy.operators.bridge.avatars.face_topology import NOSTRIL_LEFT, NOSTRIL_RIGHT
from understudy.operators.bridge.keys.bake import bake_take
from understudy.operators.bridge.stage import lights
from understudy.operators.bridge.stage.camera import load_footage
from understudy.operators.bridge.stage.results import add_movie, add_nodes
from understudy.operators.bridge.stage.shot import setup_shot

NONE = (0.0, 0.0, 0.0)
FROM_LEFT = ShotLight((0.3, 0.3, 0.3), (NONE, NONE, NONE), (0.7, 0.6, 0.5), (-0.8, 0.36, 0.48))


@pytest.fixture
def skin_picture(tmp_path: Path) -> Path:
    path = tmp_path / "skin.png"
    write_png(path, np.full((64, 64, 3), (180, 130, 110), np.uint8))
    notes = {"skin": [0.45, 0.22, 0.16], "hair": [0.3, 0.2, 0.05], "iris": [0.05, 0.1, 0.02], "white": None}
    path.with_suffix(".json").write_text(json.dumps(notes))
    return path


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> PaintedShot:
    return painted_shot(tmp_path_factory.mktemp("painted"), FROM_LEFT, frames=5)


@pytest.fixture
def addon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(paths, "user_folder", lambda name: tmp_path)
    understudy.register()
    yield
    understudy.unregister()


def part(avatar: bpy.types.Object, name: str) -> bpy.types.Object:
    return next(child for child in avatar.children if child.name.startswith(f"{avatar.name} {name}"))


def points(ob: bpy.types.Object) -> np.ndarray:
    found = np.empty(3 * len(ob.data.vertices), np.float32)
    ob.data.vertices.foreach_get("co", found)
    return found.reshape(-1, 3)


def at(avatar: bpy.types.Object, cm: np.ndarray) -> np.ndarray:
    return np.array(avatar["understudy_origin_m"]) + 0.01 * np.stack([cm[:, 0], -cm[:, 2], cm[:, 1]], 1)


def test_the_avatar_has_the_actors_face_and_the_contract(scene: bpy.types.Scene) -> None:
    take = painted_take(identity=1.5)
    avatar = add_actor_avatar(scene, take)
    face = part(avatar, "Face")
    marks = points(face)[np.array(face["understudy_landmarks"])]
    off_cm = 100 * np.linalg.norm(marks - at(avatar, take.neutral_cm.astype(float)), axis=1)
    assert np.median(off_cm) < 0.02
    assert np.percentile(off_cm, 90) < 0.3
    assert np.delete(off_cm, NOSTRIL_LEFT + NOSTRIL_RIGHT).max() < 0.8
    mean_off_cm = 100 * np.linalg.norm(marks - at(avatar, load("default").mean_cm.astype(float)), axis=1)
    assert np.median(mean_off_cm) > 0.1
    assert [key.name for key in face.data.shape_keys.key_blocks] == ["Basis", *arkit.NAMES]
    assert {bone.name for bone in avatar.pose.bones} == {"neck", "head", "eye.L", "eye.R"}
    assert avatar["understudy_avatar"] == 1
    assert {child.name.removeprefix(f"{avatar.name} ") for child in avatar.children} >= {
        "Teeth",
        "Tongue",
        "Hair",
        "Shirt",
    }


def test_the_rest_of_the_head_follows_a_wider_face(scene: bpy.types.Scene) -> None:
    mean = replace(painted_take(), neutral_cm=load("default").mean_cm)
    wide = replace(mean, neutral_cm=mean.neutral_cm * np.array([1.15, 1.0, 1.0], np.float32))
    one, other = (add_actor_avatar(scene, take, name=name) for take, name in ((mean, "Mean"), (wide, "Wide")))

    def width(avatar: bpy.types.Object, name: str) -> float:
        return float(np.ptp(points(part(avatar, name))[:, 0]))

    for name in ("Face", "Hair", "Shirt"):
        assert width(other, name) / width(one, name) == pytest.approx(1.15, abs=0.03)
    assert width(other, "Teeth") / width(one, "Teeth") == pytest.approx(1.15, abs=0.02)
    eyes = [np.array(avatar.data.bones["eye.L"].head_local) for avatar in (one, other)]
    assert eyes[1][0] / eyes[0][0] == pytest.approx(1.15, abs=0.03)


def test_an_unchanged_face_gives_the_default_head(scene: bpy.types.Scene) -> None:
    take = replace(painted_take(), neutral_cm=load("default").mean_cm)
    avatar = add_actor_avatar(scene, take)
    default = add_actor_avatar.__globals__["add_default_avatar"](scene)
    for name in ("Face", "Hair", "Teeth", "Shirt"):
        assert np.abs(points(part(avatar, name)) - points(part(default, name))).max() < 2e-4


def test_the_skin_shows_the_picture(scene: bpy.types.Scene, skin_picture: Path) -> None:
    avatar = add_actor_avatar(scene, painted_take(), skin_picture)
    face = part(avatar, "Face")
    uv = np.empty(2 * len(face.data.loops), np.float32)
    face.data.uv_layers["UVMap"].data.foreach_get("uv", uv)
    assert ((uv >= 0) & (uv <= 1)).all()
    material = face.data.materials[0]
    images = [node.image for node in material.node_tree.nodes if node.type == "TEX_IMAGE"]
    assert len(images) == 1
    assert images[0].packed_file is not None
    assert not [child for child in avatar.children if "Brows" in child.name]
    assert part(avatar, "Hair")


def test_a_bald_actor_gets_no_hair(scene: bpy.types.Scene, skin_picture: Path) -> None:
    skin_picture.with_suffix(".json").write_text(json.dumps({"skin": [0.5, 0.3, 0.2], "hair": [0.4, 0.24, 0.16]}))
    avatar = add_actor_avatar(scene, painted_take(), skin_picture)
    assert not [child for child in avatar.children if "Hair" in child.name]
    assert not is_bald({"skin": (0.45, 0.22, 0.16), "hair": (0.32, 0.28, 0.25)})


def test_other_takes_and_damaged_pictures_are_refused(scene: bpy.types.Scene, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="flame"):
        add_actor_avatar(scene, replace(painted_take(), face_model="flame"))
    with pytest.raises(InputError, match="no texture"):
        add_actor_avatar(scene, painted_take(), tmp_path / "none.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="no picture"):
        add_actor_avatar(scene, painted_take(), tmp_path / "bad.png")
    assert not scene.objects


def test_the_sun_shines_from_where_the_lamp_was(scene: bpy.types.Scene) -> None:
    own = scene.world = bpy.data.worlds.new("Mine")
    view = Matrix.Rotation(0.7, 3, "Z") @ Matrix.Rotation(np.pi / 2, 3, "X")
    lights.light_head(scene, Vector(), view, 0.01)
    sun = lights.light_as_shot(scene, FROM_LEFT, view)
    assert [ob.name for ob in scene.objects if ob.type == "LIGHT"] == [sun.name]
    shines = sun.rotation_euler.to_matrix() @ Vector((0, 0, 1))
    assert (shines - view @ Vector(FROM_LEFT.key_from)).length < 1e-4
    assert scene.world != own
    assert own.use_fake_user
    lights.light_as_shot(scene, FROM_LEFT, view)
    assert len([world for world in bpy.data.worlds if lights.PROPERTY in world]) == 1
    lights.light_head(scene, Vector(), view, 0.01)
    assert scene.world == own
    assert len([ob for ob in scene.objects if ob.type == "LIGHT"]) == 3


def test_a_white_ball_shows_what_the_light_says(scene: bpy.types.Scene, tmp_path: Path) -> None:
    light = replace(FROM_LEFT, gradient=((0.1, 0.0, 0.0), (0.0, 0.1, 0.0), (0.0, 0.0, 0.05)))
    bpy.ops.mesh.primitive_uv_sphere_add(segments=64, ring_count=32, radius=1.0)
    ball = bpy.context.object
    ball.data.shade_smooth()
    white = bpy.data.materials.new("White")
    if white.node_tree is None:
        white.use_nodes = True
    white.node_tree.nodes.clear()
    surface = white.node_tree.nodes.new("ShaderNodeBsdfDiffuse")
    surface.inputs["Color"].default_value = (1, 1, 1, 1)
    output = white.node_tree.nodes.new("ShaderNodeOutputMaterial")
    white.node_tree.links.new(surface.outputs[0], output.inputs[0])
    ball.data.materials.append(white)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    camera.data.type, camera.data.ortho_scale = "ORTHO", 2.0
    view = Matrix.Rotation(np.pi / 2, 3, "X")
    camera.matrix_world = Matrix.Translation((0, -5, 0)) @ view.to_4x4()
    scene.camera = camera
    lights.light_as_shot(scene, light, view)
    scene.render.engine, scene.cycles.samples = "CYCLES", 64
    scene.render.resolution_x = scene.render.resolution_y = side = 32
    scene.view_settings.view_transform = "Raw"
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.filepath = str(tmp_path / "ball.exr")
    bpy.ops.render.render(write_still=True)
    picture = np.array(bpy.data.images.load(scene.render.filepath).pixels).reshape(side, side, 4)[..., :3]
    y, x = (np.mgrid[:side, :side] + 0.5) / side * 2 - 1
    inside = x**2 + y**2 < 0.6
    normals = np.stack([x, y, np.sqrt(np.maximum(1 - x**2 - y**2, 0))], -1)[inside]
    off = np.abs(picture[inside] - light.shading(normals))
    assert off.mean() < 0.03
    assert picture[16, 6].mean() > picture[16, 25].mean() + 0.2  # lit from the left


def test_the_worker_lights_the_scene_and_makes_the_avatar(
    scene: bpy.types.Scene, shot: PaintedShot, tmp_path: Path, addon: None
) -> None:
    settings = scene.understudy
    settings.footage, settings.take = str(shot.film), str(tmp_path / "painted.take.npz")
    takes.save(shot.take, Path(settings.take))
    assert bpy.ops.understudy.add_actor_avatar() == {"FINISHED"}
    avatar = settings.avatar
    assert avatar["understudy_avatar"] == 1
    assert part(avatar, "Face").data.materials[0].node_tree.nodes.active.image.packed_file is not None
    assert bpy.ops.understudy.setup_shot() == {"FINISHED"}
    assert bpy.ops.understudy.light_from_shot() == {"FINISHED"}
    sun = next(ob for ob in scene.objects if ob.type == "LIGHT")
    shines = scene.camera.matrix_world.to_3x3().inverted() @ (sun.matrix_world.to_3x3() @ Vector((0, 0, 1)))
    assert np.degrees(shines.angle(Vector(FROM_LEFT.key_from))) < 15
    assert not settings.add_lights


def test_buttons_say_what_is_missing(scene: bpy.types.Scene, addon: None) -> None:
    for name in ("add_actor_avatar", "light_from_shot", "import_movie", "setup_compositor"):
        with pytest.raises(RuntimeError, match="There is no"):
            getattr(bpy.ops.understudy, name)()


def test_the_actor_fits_into_the_frame(scene: bpy.types.Scene) -> None:
    take = painted_take()
    avatar = add_actor_avatar(scene, take)
    camera = setup_shot(scene, avatar, take, name="painted")
    bake_take(avatar, take, scene=scene, name="painted")
    scene.frame_set(scene.frame_start + 2)
    face = part(avatar, "Face")
    graph = bpy.context.evaluated_depsgraph_get()
    evaluated = face.evaluated_get(graph)
    found = np.array(
        [evaluated.matrix_world @ evaluated.data.vertices[i].co for i in face["understudy_landmarks"][:468]]
    )
    local = (np.c_[found, np.ones(468)] @ np.array(camera.matrix_world.inverted()).T)[:, :3] * 100
    expected = take.neutral_cm[:468] @ take.rotation[2].T + take.translation_cm[2]
    assert np.median(np.linalg.norm(local - expected, axis=1)) < 0.05


def test_the_movie_goes_above_what_is_there(
    scene: bpy.types.Scene, footage: Path, make_take: Callable[..., takes.Take]
) -> None:
    take = make_take(frames=2, frame_index=np.array([1, 2]))
    strips = compat.sequencer_strips(scene.sequence_editor_create())
    strips.new_effect("Mine", "COLOR", 3, 1, **({"length": 50} if bpy.app.version >= (5, 0, 0) else {"frame_end": 51}))
    strip = add_movie(scene, footage, take)
    assert strip.channel == 4
    assert strip.frame_final_start == 0
    assert {other.name for other in strips} == {"Mine", strip.name}
    with pytest.raises(InputError, match="cannot read"):
        add_movie(scene, footage.with_name("none.mp4"), take)


@pytest.mark.parametrize("own", [False, True])
def test_nodes_are_added_beside_what_is_there(
    scene: bpy.types.Scene, footage: Path, make_take: Callable[..., takes.Take], tmp_path: Path, own: bool
) -> None:
    pictures = [tmp_path / f"frame_{number:06d}.png" for number in (3, 4)]
    for picture in pictures:
        write_png(picture, np.full((36, 64, 4), 255, np.uint8))
    if own:
        tree, _ = compat.compositor_tree(scene)
        mine = tree.nodes.new("CompositorNodeBlur")
        mine.name = "Mine"
    take = make_take(frames=2, frame_index=np.array([3, 4]))
    assert add_nodes(scene, load_footage(footage), pictures, take) is not own
    tree, is_new = compat.compositor_tree(scene)
    assert not is_new
    kinds = [node.bl_idname for node in tree.nodes]
    assert kinds.count("CompositorNodeAlphaOver") == 1
    assert ("Mine" in tree.nodes) == own
    outputs = [node for node in tree.nodes if node.bl_idname in ("CompositorNodeComposite", "NodeGroupOutput")]
    assert len([node for node in outputs if node.inputs["Image"].is_linked]) == (0 if own else 1)
    image = next(node for node in tree.nodes if node.bl_idname == "CompositorNodeImage")
    assert (image.frame_start, image.frame_offset, image.frame_duration) == (1, 2, 2)


def test_the_compositor_lays_the_render_over_the_footage(
    scene: bpy.types.Scene, footage: Path, make_take: Callable[..., takes.Take], tmp_path: Path
) -> None:
    for number, red in ((0, 255), (1, 0)):
        picture = np.zeros((36, 64, 4), np.uint8)
        picture[:, :32] = (red, 0, 255 - red, 255)
        write_png(tmp_path / f"frame_{number:06d}.png", picture)
    take = make_take(frames=2)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x, scene.render.resolution_y = 64, 36
    scene.view_settings.view_transform = "Standard"
    add_nodes(scene, load_footage(footage), sorted(tmp_path.glob("frame_*.png")), take)
    for frame, expected, grey in ((1, (1, 0, 0), 40), (2, (0, 0, 1), 200)):
        scene.frame_set(frame)
        scene.render.filepath = str(tmp_path / f"out{frame}.png")
        bpy.ops.render.render(write_still=True)
        seen = np.array(bpy.data.images.load(scene.render.filepath).pixels).reshape(36, 64, 4)
        assert np.allclose(seen[18, 10, :3], expected, atol=0.05)
        assert np.allclose(seen[18, 54, :3], grey / 255, atol=0.06)


def test_results_are_added_by_buttons_and_undone(
    scene: bpy.types.Scene, make_take: Callable[..., takes.Take], tmp_path: Path, addon: None
) -> None:
    sample = Path(understudy.__file__).parent / "samples" / "performance.mp4"
    take = tmp_path / "shot.take.npz"
    takes.save(make_take(frames=3), take)
    write_png(tmp_path / "frame_000000.png", np.zeros((36, 64, 4), np.uint8))
    bpy.ops.ed.undo_push(message="Before")
    settings = scene.understudy
    settings.footage = settings.output = str(sample)
    settings.take, settings.render_dir = str(take), str(tmp_path)
    bpy.ops.ed.undo_push(message="Chosen")
    assert bpy.ops.understudy.import_movie() == {"FINISHED"}
    bpy.ops.ed.undo_push(message="Add to Sequencer")
    kinds = sorted(strip.type for strip in compat.sequencer_strips(bpy.context.scene.sequence_editor))
    assert kinds == ["MOVIE", *(["SOUND"] if bpy.app.build_options.audaspace else [])]
    assert bpy.ops.understudy.setup_compositor() == {"FINISHED"}
    bpy.ops.ed.undo_push(message="Add to Compositor")
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    editor = bpy.context.scene.sequence_editor
    assert editor is None or not len(compat.sequencer_strips(editor))
    assert bpy.context.scene.understudy.output == str(sample)
    bpy.context.scene.understudy.output = str(tmp_path / "gone.mp4")
    with pytest.raises(RuntimeError, match="There is no movie"):
        bpy.ops.understudy.import_movie()
