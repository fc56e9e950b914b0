"""All frames of a shot refined together: the pixels' evidence beside the landmarks', coarse to fine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..capture.pipeline import AHEAD
from ..capture.types import ShotTracks
from ..face_model.skin import skin_points
from ..media.reader import read_glimpses
from ..overlap import ahead
from ..progress import Progress, silent
from ..solve.certainty import spreads
from ..solve.geometry import Array, Poses
from ..solve.lids import BLINKS, closing_blinks
from ..solve.performance import POSE_FREEDOM, Performance, PerformanceSolver, Refined
from ..solve.pose import limited, smooth_step
from .camera import CameraFinder, farther
from .crops import FaceCrops, read_crops
from .evidence import State, average, misfit, normal_equations, pictures, take_samples
from .skin import ActorSkin, actor_skin

log = logging.getLogger(__name__)

SIZES_CM = (0.2, 0.1, 0.07)
ROUNDS = (3, 2, 2)
"""Structure that is looked at, from coarse to fine, and how often. Coarser than this there is mostly shading."""
CAMERA_ROUNDS = range(1, 4)
"""The camera is looked for when poses have found their place roughly, and settled when the finest structure is looked at."""
SHADING_PULL = 0.4
"""Changing light looks a little like every shape, so pixels must pull a coefficient away from zero by more than so many
standard deviations of what noise in them would pull: the better a shape is seen, the more of it light can feign."""
HEAD_PART = 0.03
"""Beside the smoothness of a head's way pixels count so much: light that moves over a face pulls all of it along. Points
have no say: the errors of all of them go together and last, and what they say of the head is in the pose at the start."""
LEAST_SIGNAL = 0.6
"""Skin that differs from point to point by less, in units of what frames differ by, says nothing: the average of eight
frames of pure noise comes to 0.35."""
LEAST_FRAMES = 8
"""The average of fewer frames mostly is each frame itself."""


@dataclass(frozen=True)
class PixelReport:
    """What came of the refinement."""

    signal_to_noise: float
    used: bool
    kept_frames: int
    """Frames that pixels and landmarks together fitted better before."""


class PixelRefiner:
    """Refines performances of one shot's faces; give `refine` to `solve_shot`."""

    def __init__(self, shot: ShotTracks, progress: Progress = silent) -> None:
        self.shot = shot
        self.progress = progress
        self.report: PixelReport | None = None

    def refine(self, solver: PerformanceSolver, found: Performance, seen: NDArray[np.int64]) -> Performance:
        """A performance that agrees with the pixels too; `found` itself where the skin says too little."""
        frames, steps = len(seen), sum(ROUNDS)
        total = frames * (1 + steps)
        index = self.shot.frame_index[seen]
        decoded = read_glimpses(self.shot.info.path, int(index[0]), int(index[-1]) + 1)
        with closing(decoded), closing(ahead(decoded, AHEAD)) as video:
            crops = read_crops(video, index, solver.points_px, lambda done: self.progress("refine", done, total))
        work = Refinement(solver, found, crops)
        result = work.run(lambda done: self.progress("refine", frames * (1 + done), total))
        self.report = work.report
        tell(work.report, frames)
        return result


def tell(report: PixelReport, frames: int) -> None:
    """Say in the log what came of it."""
    if not report.used or report.kept_frames == frames:
        log.warning(
            "the skin is too smooth, too blurred or seen too briefly to refine the performance by its pixels "
            "(signal to noise %.1f in %d frames): the landmarks alone count", report.signal_to_noise, frames,
        )  # fmt: skip
    else:
        log.info(
            "refined by the pixels of the skin (signal to noise %.1f); %d of %d frames fitted better before and were kept",
            report.signal_to_noise, report.kept_frames, frames,
        )  # fmt: skip


class Refinement:
    """The rounds on one face; holds what they share."""

    def __init__(self, solver: PerformanceSolver, found: Performance, crops: FaceCrops) -> None:
        self.solver, self.found, self.crops = solver, found, crops
        self.actor = found.actor
        self.skin: ActorSkin = actor_skin(skin_points(solver.model), solver.model, found.actor)
        self.closing = closing_blinks(found.actor.points_cm, solver.expressions)
        self.report = PixelReport(0.0, False, 0)

    def run(self, step_done: Callable[[int], None]) -> Performance:
        """Rounds from coarse to fine; then every frame keeps what fits it better."""
        solver = self.solver
        coefficients = self.found.coefficients.copy()
        coefficients[:, BLINKS] *= self.closing
        start = state = State(coefficients, self.found.poses)
        self.level = solver.shot_level(start.poses, self.actor, coefficients)
        finder = CameraFinder(solver.model, self.skin, start.poses)
        done = 0
        for sigma_cm, rounds in zip(SIZES_CM, ROUNDS, strict=True):
            px_per_cm = self.actor.camera.focal_px / -state.poses.translation_cm[:, 2]
            layer = pictures(self.crops, sigma_cm, px_per_cm)
            for _ in range(rounds):
                samples = take_samples(self.crops, layer, self.skin, state)
                texture = average(samples)
                if texture.signal_to_noise < LEAST_SIGNAL or len(coefficients) < LEAST_FRAMES:
                    self.report = PixelReport(texture.signal_to_noise, False, 0)
                    return self.found
                shared = finder.step(samples, texture, self.skin, state) if done in CAMERA_ROUNDS else None
                state, refined = self.step(*normal_equations(samples, texture, self.skin, state), state)
                if shared is not None:
                    self.skin, state = finder.stepped(shared, self.skin, state)
                    self.actor = self.skin.actor
                done += 1
                step_done(done)
        start = farther(start, self.actor.camera.focal_px / self.found.actor.camera.focal_px)
        better, signal = self.judge(layer, start, state)
        self.report = PixelReport(signal, True, int((~better).sum()))
        return self.performance(start, state, refined, better)

    def step(self, hessian: Array, gradient: Array, state: State) -> tuple[State, Refined]:
        """Coefficients of all frames with the pose eliminated, then the poses that go with them."""
        solver, before, poses = self.solver, state.coefficients, state.poses
        size = before.shape[1]
        cross = hessian[:, :size, size:]
        own = hessian[:, size:, size:] + np.diag(1 / POSE_FREEDOM**2)
        by_pose = np.linalg.solve(own, np.concatenate([np.swapaxes(cross, 1, 2), gradient[:, size:, None]], -1))
        alone = hessian[:, :size, :size] - cross @ by_pose[..., :-1]
        pull = gradient[:, :size] - (cross @ by_pose[..., -1:])[..., 0] + (alone @ before[..., None])[..., 0]
        pull -= SHADING_PULL * np.sqrt(np.diagonal(alone, axis1=1, axis2=2))
        refined = solver.refine(slice(None), poses, self.actor, before, solver.timeline, self.level, (alone, pull))
        turn = gradient[:, size:] - (np.swapaxes(cross, 1, 2) @ (refined.coefficients - before)[..., None])[..., 0]
        head, turn = HEAD_PART * hessian[:, size:, size:] + 1e-3 * np.eye(6), HEAD_PART * turn
        moved = smooth_step(head, turn, poses, solver.timeline)
        return State(refined.coefficients, poses.moved(limited(moved))), refined

    def judge(self, layer: NDArray[np.int8], start: State, end: State) -> tuple[NDArray[np.bool_], float]:
        """(T,) where pixels and landmarks together fit the end no worse than the start; the skin's signal to noise."""
        now = take_samples(self.crops, layer, self.skin, end)
        texture = average(now)
        then = take_samples(self.crops, layer, self.skin, start)
        before = misfit(then, texture) + self.landmark_misfit(start, start)
        after = misfit(now, texture) + self.landmark_misfit(end, start)
        return after <= before, texture.signal_to_noise

    def landmark_misfit(self, state: State, reference: State) -> Array:
        """(T,) half the weighted squares of what the landmarks are off by, weighted as at the reference."""
        found, usual = ((each.poses, each.coefficients) for each in (state, reference))
        return self.solver.misfit(found, usual, self.actor, self.level)

    def performance(self, start: State, end: State, refined: Refined, better: NDArray[np.bool_]) -> Performance:
        """The refined performance; frames that were better before stay as they were."""
        mine = better[:, None]
        values = np.where(mine, end.coefficients, start.coefficients)
        poses = Poses(
            np.where(mine[..., None], end.poses.rotation, start.poses.rotation),
            np.where(mine, end.poses.translation_cm, start.poses.translation_cm),
        )
        residual = self.solver.residuals(slice(None), poses, self.actor, values)
        values[:, BLINKS] = np.minimum(values[:, BLINKS] / self.closing, 1.0)
        sigma = spreads(refined.hessian)
        sigma[:, BLINKS] /= self.closing
        return replace(
            self.found,
            actor=self.actor,
            poses=poses,
            coefficients=values,
            gaze=np.where(mine[..., None], refined.gaze, self.found.gaze),
            sigma=np.where(mine, sigma, self.found.sigma),
            residual_cm=np.sqrt((residual**2).mean((1, 2))),
        )
