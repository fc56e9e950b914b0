"""Rig-aware solve: faces that are found without names or topology, and weights solved in the avatar's own space."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from understudy.inference import arkit, face_model
from understudy.inference.errors import InputError
from understudy.inference.face_model.rims import EYES, INNER_LIPS, LOWER_LIP, SKIN, UPPER_LIP
from understudy.inference.retarget import weights
from understudy.inference.retarget.by_shape import fit as rig_fit
from understudy.inference.retarget.by_shape import shapes as rig_shapes
from understudy.inference.retarget.by_shape.fit import RigFit, as_mapping, fit
from understudy.inference.retarget.by_shape.place import even, local_frames
from understudy.inference.retarget.by_shape.shapes import RigShapes
from understudy.inference.retarget.by_shape.solve import prepare, solve
from understudy.inference.retarget.by_shape.solver import RigSolver
from understudy.inference.retarget.by_shape.sparse import explained, few_channels

Array = NDArray[np.float64]
PLAIN = [name for name in arkit.NAMES if not name.startswith("eyeLook") and name != "tongueOut"]
UNITS_PER_CM = 0.01


def index(name: str) -> int:
    return arkit.INDEX[name]


def expression(**parts: float) -> Array:
    """(52,) from parts by name."""
    result = np.zeros(len(arkit.NAMES))
    for name, value in parts.items():
        result[index(name)] = value
    return result


def face(channels: list[Array], warp=lambda points: points, **more) -> RigShapes:
    """A rig whose surface is our own face, finer by a third point in each triangle, warped, in metres.

    Each channel is a mix (52,) of our expressions.
    """
    model = face_model.load()
    triangles = model.triangles[(model.triangles < SKIN).all(1)]
    middles = np.arange(len(triangles)) + SKIN
    split = [np.stack([triangles[:, k], triangles[:, (k + 1) % 3], middles], 1) for k in range(3)]

    def finer(values: Array) -> Array:
        return np.concatenate([values[:SKIN], values[triangles].mean(1)])

    rest = finer(model.landmark_mean_cm)
    motions = np.stack([finer(values) for values in model.landmark_expressions_cm])
    surface = UNITS_PER_CM * warp(rest)
    deltas = np.stack([UNITS_PER_CM * warp(rest + np.tensordot(mix, motions, 1)) - surface for mix in channels])
    count = len(channels)
    given = {"unit": np.ones(count), "lower": np.zeros(count), "upper": np.ones(count)} | more
    return RigShapes(
        keys=tuple(f"Blob {number:03d}" for number in range(count)),
        rest=surface,
        deltas=deltas.astype(np.float32),
        triangles=np.concatenate(split).astype(np.int32),
        **given,
    )


def mixes(names: list[str]) -> list[Array]:
    return [expression(**{name: 1.0}) for name in names]


@pytest.fixture(scope="module")
def shuffled() -> tuple[list[str], RigFit]:
    """Our face under nonsense names, in another order."""
    names = list(np.random.default_rng(4).permutation(PLAIN))
    return names, fit(face(mixes(names)), face_model.load())


def test_each_expression_finds_its_own_channel(shuffled):
    names, fitted = shuffled
    units = np.zeros((len(arkit.NAMES), len(names)))
    units[:, fitted.alive] = fitted.links
    strongest = [names[column] for column in np.abs(units).argmax(1)]
    wrong = [name for name in PLAIN if strongest[index(name)] != name]
    assert wrong == []
    assert np.abs(units[[index(name) for name in names], range(len(names))] - 1).max() < 0.2


def test_landmarks_lie_where_they_are(shuffled):
    _, fitted = shuffled
    off_cm = np.linalg.norm(fitted.placed.points / UNITS_PER_CM - face_model.load().landmark_mean_cm[:SKIN], axis=1)
    assert np.median(off_cm) < 0.35
    assert np.median(off_cm[list(INNER_LIPS.upper + INNER_LIPS.lower)]) < 0.25


def test_upper_and_lower_lip_are_told_apart_though_they_touch(shuffled):
    names, fitted = shuffled
    opened = fitted.basis[list(fitted.alive).index(names.index("jawOpen")), :, 1]
    upper, lower = (opened[sorted(lip)] for lip in (UPPER_LIP, LOWER_LIP))
    assert np.median(upper - lower) > 1.5  # centimetres: the lower lip goes down with the jaw


def test_solve_gives_back_the_weights(shuffled):
    names, fitted = shuffled
    rng = np.random.default_rng(0)
    asked = rng.uniform(0, 0.7, (40, len(arkit.NAMES))) * (rng.random((40, len(arkit.NAMES))) < 0.15)
    asked[:, [index(name) for name in arkit.NAMES if name not in PLAIN]] = 0
    asked[:, index("mouthClose")] = 0  # without an open jaw it presses lips through each other
    error = solve(fitted, asked) - asked[:, [index(name) for name in names]]
    assert np.sqrt((error**2).mean()) < 0.05


def test_neutral_stays_neutral_and_limits_hold(shuffled):
    _, fitted = shuffled
    solved = solve(fitted, np.stack([np.zeros(52), np.full(52, 1.5), np.full(52, np.nan)]))
    assert np.abs(solved[[0, 2]]).max() < 1e-6
    assert solved.min() >= 0
    assert solved.max() <= 1


def test_symmetric_expressions_give_symmetric_weights(shuffled):
    names, fitted = shuffled
    asked = expression(mouthSmileLeft=0.6, mouthSmileRight=0.6, eyeBlinkLeft=0.5, eyeBlinkRight=0.5, jawOpen=0.3)
    solved = dict(zip(names, solve(fitted, asked[None])[0], strict=True))
    gaps = [abs(solved[name] - solved[name.replace("Left", "Right")]) for name in PLAIN if name.endswith("Left")]
    assert max(gaps) < 0.08


def test_smooth_stays_smooth(shuffled):
    _, fitted = shuffled
    time_s = np.linspace(0, 1, 90)[:, None]
    asked = expression(jawOpen=0.7, mouthSmileLeft=0.5, browInnerUp=0.8) * np.sin(np.pi * time_s) ** 2
    solved = solve(fitted, asked)
    assert np.abs(np.diff(solved, 2, axis=0)).max() < 3 * np.abs(np.diff(asked, 2, axis=0)).max()


def test_list_of_links_says_the_same(shuffled):
    names, fitted = shuffled
    mapping = as_mapping(fitted)
    keys, driven = weights(mapping, expression(jawOpen=0.5, eyeBlinkLeft=1.0)[None].astype(np.float32))
    values = dict(zip(keys, driven[0], strict=True))
    assert values[f"Blob {names.index('jawOpen'):03d}"] == pytest.approx(0.5, abs=0.1)
    assert values[f"Blob {names.index('eyeBlinkLeft'):03d}"] == pytest.approx(1.0, abs=0.15)
    assert sum(value > 0.1 for value in values.values()) <= 4


def vowels() -> RigShapes:
    """A few whole shapes: an open, a round and a smiling mouth, blinks."""
    return face(
        [
            expression(jawOpen=0.7, mouthLowerDownLeft=0.2, mouthLowerDownRight=0.2),
            expression(mouthPucker=0.8, mouthFunnel=0.3, jawOpen=0.15),
            expression(mouthSmileLeft=0.9, mouthSmileRight=0.9, cheekSquintLeft=0.4, cheekSquintRight=0.4),
            expression(eyeBlinkLeft=1.0),
            expression(eyeBlinkRight=1.0),
        ]
    )


def test_lips_touch_when_the_actors_do():
    fitted = fit(vowels(), face_model.load())
    upper, lower = list(INNER_LIPS.upper[2:-2]), list(INNER_LIPS.lower[2:-2])

    def gap_cm(asked: Array, solved: Array) -> float:
        moved = np.tensordot(solved[fitted.alive], fitted.basis[: len(fitted.alive)], 1)
        return float((moved[upper, 1] - moved[lower, 1]).max())

    shut = expression(jawOpen=0.4, mouthClose=0.4, mouthPucker=0.5)
    _, listed = weights(as_mapping(fitted), shut[None].astype(np.float32))
    assert gap_cm(shut, solve(fitted, shut[None])[0]) < 0.08
    open_ = expression(jawOpen=0.4)
    assert gap_cm(open_, solve(fitted, open_[None])[0]) > 0.6
    assert listed.shape == (1, len(as_mapping(fitted).keys))


def test_bones_keep_their_own_units_and_limits():
    """A jaw that is read at -0.2 radians, because it opens that way, and may go to -0.3."""
    shapes = face(
        mixes(["jawOpen", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "eyeBlinkRight"]),
        unit=np.array([-0.2, 1, 1, 1, 1]),
        lower=np.array([-0.15, 0, 0, 0, 0]),
        upper=np.array([0.0, 1, 1, 1, 1]),
    )
    fitted = fit(shapes, face_model.load())
    half, wide = solve(fitted, np.stack([expression(jawOpen=0.5), expression(jawOpen=1.0)]))
    assert half[0] == pytest.approx(-0.1, abs=0.03)
    assert wide[0] == pytest.approx(-0.15, abs=1e-6)


def test_an_old_face_goes_as_far_as_it_can_and_no_further():
    """Shapes half as large: the actor's whole smile is the avatar's whole smile, and half is half."""
    names = ["jawOpen", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp"]
    half = [0.5 * mix for mix in mixes(names)]
    fitted = fit(face(half), face_model.load())
    asked = np.stack(
        [expression(mouthSmileLeft=0.5, mouthSmileRight=0.5), expression(mouthSmileLeft=1, mouthSmileRight=1)]
    )
    some, whole = solve(fitted, asked)[:, 1]
    assert some == pytest.approx(0.5, abs=0.12)
    assert whole == pytest.approx(1.0, abs=0.12)


def test_pairs_that_are_not_sums_are_solved_together():
    """Two channels whose joint effect cancels one of them: asking for the sum needs more of it."""
    names = ["jawOpen", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "eyeBlinkRight"]
    plain = face(mixes(names))
    less = replace(plain, pairs=((0, 1),), pair_deltas=-0.5 * plain.deltas[1:2])
    asked = expression(jawOpen=0.8, mouthSmileLeft=0.5)[None]
    alone = solve(fit(plain, face_model.load()), asked)[0]
    together = solve(fit(less, face_model.load()), asked)[0]
    assert together[1] > alone[1] + 0.1


def test_solver_travels_as_bytes(shuffled):
    _, fitted = shuffled
    solver = prepare(fitted)
    asked = np.random.default_rng(1).uniform(0, 0.5, (5, 52))
    again = RigSolver.from_bytes(solver.to_bytes())
    assert again.keys == fitted.shapes.keys
    assert np.abs(again.solve(asked) - solver.solve(asked)).max() < 0.01
    with pytest.raises(InputError, match="match the avatar by shape again"):
        RigSolver.from_bytes(b"nothing")


def test_shapes_travel_as_a_file(tmp_path: Path):
    shapes = replace(vowels(), pairs=((0, 1),), pair_deltas=np.zeros((1, len(vowels().rest), 3), np.float32))
    rig_shapes.save(shapes, tmp_path / "shapes.npz")
    again = rig_shapes.load(tmp_path / "shapes.npz")
    assert again.keys == shapes.keys
    assert again.pairs == shapes.pairs
    assert np.array_equal(again.deltas, shapes.deltas)
    (tmp_path / "broken.npz").write_bytes(b"PK")
    for name in ("broken.npz", "absent.npz"):
        with pytest.raises(InputError):
            rig_shapes.load(tmp_path / name)


def test_shapes_that_do_not_fit_together_are_refused():
    shapes = vowels()
    for wrong in (
        {"unit": np.zeros(5)},
        {"lower": np.ones(5), "upper": np.zeros(5)},
        {"deltas": shapes.deltas[:3]},
        {"triangles": shapes.triangles + len(shapes.rest)},
        {"rest": np.full_like(shapes.rest, np.nan)},
    ):
        with pytest.raises(InputError):
            replace(shapes, **wrong)


def test_a_thing_without_a_face_is_refused():
    """A ball whose shapes blow it up and flatten it."""
    angles = np.stack(np.meshgrid(np.linspace(0.1, 3.0, 24), np.linspace(0, 6.28, 48)), -1).reshape(-1, 2)
    ball = np.stack(
        [
            np.sin(angles[:, 0]) * np.cos(angles[:, 1]),
            np.cos(angles[:, 0]),
            np.sin(angles[:, 0]) * np.sin(angles[:, 1]),
        ],
        1,
    )
    from scipy.spatial import ConvexHull

    still = RigShapes(
        ("a",), ball, np.zeros((1, len(ball), 3), np.float32), np.ones(1), np.zeros(1), np.ones(1),
        ConvexHull(ball).simplices.astype(np.int32),
    )  # fmt: skip
    with pytest.raises(InputError, match="None of the avatar's shapes moves"):
        fit(still, face_model.load())


def test_a_face_that_no_network_sees_is_found_by_how_it_moves(monkeypatch):
    monkeypatch.setattr(rig_fit, "find_marks", lambda *_: None)
    names = [
        "mouthSmileLeft",
        "eyeBlinkRight",
        "jawOpen",
        "eyeBlinkLeft",
        "mouthSmileRight",
        "browInnerUp",
        "mouthPucker",
    ]
    wider = face(mixes(names), warp=lambda points: points * [1.2, 0.9, 1.0] + [0.0, 4.0, 0.0])
    fitted = fit(wider, face_model.load())
    right_cm = face_model.load().landmark_mean_cm[:SKIN] * [1.2, 0.9, 1.0] + [0.0, 4.0, 0.0]
    assert np.median(np.linalg.norm(fitted.placed.points / UNITS_PER_CM - right_cm, axis=1)) < 0.5
    strongest = [names[fitted.alive[column]] for column in fitted.links[[index(name) for name in names]].argmax(1)]
    assert strongest == names


def with_parts(shapes: RigShapes, parts: list[tuple[Array, NDArray[np.int32], dict[int, Array]]]) -> RigShapes:
    """A rig with further parts: points, triangles, and the motion (N, 3) that some channels give them."""
    rest, triangles, deltas = [shapes.rest], [shapes.triangles], [shapes.deltas]
    for points, corners, motions in parts:
        triangles.append(corners + sum(map(len, rest)))
        rest.append(points)
        still = np.zeros(points.shape, np.float32)
        deltas.append(np.stack([motions.get(channel, still) for channel in range(len(shapes.keys))]).astype(np.float32))
    return replace(
        shapes, rest=np.concatenate(rest), triangles=np.concatenate(triangles), deltas=np.concatenate(deltas, axis=1)
    )


def ball(centre: Array, radius: float) -> tuple[Array, NDArray[np.int32]]:
    from scipy.spatial import ConvexHull

    points = np.random.default_rng(0).normal(size=(300, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    corners = ConvexHull(points).simplices
    across = np.cross(points[corners[:, 1]] - points[corners[:, 0]], points[corners[:, 2]] - points[corners[:, 0]])
    inward = (across * points[corners[:, 0]]).sum(1) < 0
    corners[inward] = corners[inward, ::-1]
    return centre + radius * points, corners.astype(np.int32)


def test_channels_that_turn_eyes_or_put_the_tongue_out_are_found():
    """Channels 3 and 4 move no skin: one turns both eyes to the avatar's left, one brings a lump out of the mouth."""
    model = face_model.load()
    rig = face([*mixes(["jawOpen", "eyeBlinkLeft", "eyeBlinkRight"]), np.zeros(52), np.zeros(52)])
    parts = []
    for centre in UNITS_PER_CM * model.eye_centres_cm.astype(np.float64):
        points, corners = ball(centre, 0.95 * UNITS_PER_CM * model.eye_radius_cm)
        away = points - centre
        turned = away @ np.array([[np.cos(0.5), 0, -np.sin(0.5)], [0, 1, 0], [np.sin(0.5), 0, np.cos(0.5)]])
        parts.append((points, corners, {3: turned - away}))
    mouth = UNITS_PER_CM * (model.landmark_mean_cm[list(INNER_LIPS.upper)].mean(0) - [0, 0.3, 3.0])
    points, corners = ball(mouth, 0.008)
    parts.append((points, corners, {4: np.tile([0.0, 0.0, 0.03], (len(points), 1))}))
    fitted = fit(with_parts(rig, parts), model)
    solved = solve(fitted, np.stack([expression(eyeLookOutLeft=0.8, eyeLookInRight=0.8), expression(tongueOut=1.0)]))
    assert solved[0, 3] > 0.5
    assert solved[0, [0, 4]].max() < 0.1
    assert solved[1, 4] == pytest.approx(1.0, abs=0.1)
    assert solved[1, [0, 3]].max() < 0.1


def test_few_channels_takes_two_halves_over_a_rough_whole():
    rng = np.random.default_rng(0)
    left, right, noise = np.zeros(60), np.zeros(60), rng.normal(size=60)
    left[:30], right[30:] = rng.normal(size=30), rng.normal(size=30)
    basis = np.stack([left + right + 0.6 * noise, left, right])
    found = few_channels(basis, (left + right)[None], np.zeros(3), np.ones(3), 0.05)
    assert np.allclose(found, [[0, 1, 1]], atol=1e-2)
    assert explained(basis, (left + right)[None], found)[0] > 0.999


def test_local_frames_are_exact_for_a_uniform_stretch():
    ours = face_model.load().landmark_mean_cm[:SKIN]
    stretch = np.array([[1.3, 0.1, 0], [0, 0.8, 0], [0, 0, 1.1]])
    assert np.allclose(local_frames(ours, ours @ stretch.T, stretch), stretch, atol=1e-6)


def test_noise_is_evened_out_and_a_crooked_face_stays_crooked():
    ours = face_model.load().landmark_mean_cm[:SKIN]
    noisy = ours + 0.1 * np.random.default_rng(0).normal(size=ours.shape)
    assert np.abs(even(noisy, ours) - ours).mean() < 0.8 * np.abs(noisy - ours).mean()
    leaning = ours + np.stack([0.05 * ours[:, 1], 0 * ours[:, 1], 0 * ours[:, 1]], 1)
    lids = [i for eye in EYES for i in eye.upper]
    chin = 152
    lean = (even(leaning, ours) - ours)[:, 0]
    assert lean[lids].mean() - lean[chin] > 0.3
