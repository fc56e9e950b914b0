"""The real worker sees the sample film and an avatar of ours follows it; what is recorded can be baked and tracked again."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from live_stage import begin, finish, tick_until
from understudy.inference import arkit
from understudy.inference import take as takes
from understudy.inference.media import sha256
from understudy.operators.live import session

pytestmark = pytest.mark.usefixtures("addon_with_own_folder")
PATIENCE_S = 120.0


@pytest.fixture
def film(shared: Path) -> Path:
    return shared / "data" / "clips" / "d18.mp4"


def jaw() -> float:
    return float(bpy.data.objects["Understudy Face"].data.shape_keys.key_blocks["jawOpen"].value)


def test_an_actor_in_a_film_moves_the_avatar_and_the_recording_joins(scene, film: Path, tmp_path: Path) -> None:
    bpy.ops.understudy.add_avatar()
    head = scene.understudy.avatar.pose.bones["head"]
    choice = scene.understudy.live
    choice.source, choice.file, choice.record_to = "file", str(film), str(tmp_path / "recorded.mkv")
    live, jaws = begin(), list[float]()
    tick_until(lambda: live.sees_face or session.current() is None, PATIENCE_S)
    assert live.size == (480, 480), session.problem()
    session.record()
    while session.current() is live and len(jaws) < 20:
        before = live.sample.frame
        tick_until(lambda before=before: session.current() is None or live.sample.frame > before, PATIENCE_S)
        jaws.append(jaw())
    assert np.ptp(jaws) > 0.05
    assert tuple(head.rotation_quaternion) != (1.0, 0.0, 0.0, 0.0)
    if session.current() is not None:
        finish(PATIENCE_S)
    assert session.problem() == ""
    assert jaw() == 0.0
    assert tuple(head.rotation_quaternion) == (1.0, 0.0, 0.0, 0.0)

    take = takes.load(Path(scene.understudy.take))
    assert Path(scene.understudy.footage) == tmp_path / "recorded.mkv"
    assert take.source_sha256 == sha256(tmp_path / "recorded.mkv"), "Track Again knows that it is the same shot"
    assert (take.confidence > 0).sum() > 10
    scene.understudy.keying.use_reduction = False
    assert bpy.ops.understudy.bake() == {"FINISHED"}
    scene.frame_set(round(1 + take.time_s[-1] * float(take.fps)))
    assert jaw() == pytest.approx(take.coefficients[-1, arkit.INDEX["jawOpen"]], abs=0.25)
