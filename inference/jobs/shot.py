"""The whole job on one shot: track, bake, render, composite, report. Resumable: nothing finished is done twice."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from .. import livelink
from .. import take as takes
from ..capture.shot import CaptureOptions
from ..composite.shot import composite_shot
from ..composite.types import CompositeOptions
from ..defaults import SAMPLES
from ..errors import InputError
from ..face_model import check as check_face_model
from ..face_model import load as load_face_model
from ..light.estimate import estimate_light
from ..light.types import save_light
from ..media import probe, sha256
from ..networks.sessions import opened_files
from ..progress import Progress, silent
from ..provenance.consent import Recorded, agreed
from ..provenance.export import Export
from ..provenance.facts import Inputs
from ..report.page import Story, write_report
from ..take import Take
from .blender import bake_arguments, render_arguments, run_blender
from .journal import Journal, exclusive, key_of
from .tracking import track_video, unfinished


@dataclass(frozen=True)
class ShotOptions:
    """What the user may choose for a run."""

    capture: CaptureOptions = field(default_factory=CaptureOptions)
    face: int = 0
    """Which of the tracked faces performs; 0 is the most prominent."""
    face_model: str = "default"
    neutral: tuple[int, int] | None = None
    """First and last frame of the source in which the face is known to be neutral."""
    avatar: str = "default"
    """``default``, ``ict:DIR`` or a .blend file."""
    object_name: str | None = None
    engine: str = "cycles"
    samples: int = SAMPLES
    composite: CompositeOptions = field(default_factory=CompositeOptions)
    truth: Path | None = None
    """Known performance to score against."""
    consent: Path | None = None
    """Consent record of the video; None looks for it beside it."""


@dataclass(frozen=True)
class ShotFiles:
    """Where a run puts its results."""

    folder: Path

    @property
    def take(self) -> Path:
        """The performance."""
        return self.folder / "take.npz"

    @property
    def csv(self) -> Path:
        """The same for Live Link Face users."""
        return self.folder / "take.csv"

    @property
    def blend(self) -> Path:
        """The avatar with its keys, camera and lights."""
        return self.folder / "avatar.blend"

    @property
    def light(self) -> Path:
        """How the actor was lit."""
        return self.folder / "light.json"

    @property
    def render(self) -> Path:
        """One RGBA picture per frame."""
        return self.folder / "render"

    @property
    def composite(self) -> Path:
        """The avatar's face in the footage."""
        return self.folder / "composite.mp4"

    @property
    def report(self) -> Path:
        """What happened, on one page."""
        return self.folder / "report.html"


@dataclass(frozen=True)
class ShotResult:
    """What a run made, and its figures."""

    files: ShotFiles
    figures: dict[str, object]
    notes: tuple[str, ...]
    """Sentences the user should read."""


def run_shot(video: Path, folder: Path, options: ShotOptions, progress: Progress = silent) -> ShotResult:
    """Do the whole job on one video, going on where an earlier run of the same folder stopped."""
    probe(video)  # What is no video gets no folder, nor does a wish that cannot be.
    check_face_model(options.face_model)
    source = sha256(video)
    consent = agreed(video, source, options.consent)
    files = ShotFiles(folder)
    with exclusive(folder) as journal:
        take = _make(video, source, files, options, journal, progress)
        notes = _composite(video, take, files, options, consent, journal, progress)
        made = _composite_report(options.composite.report_dir)
        story = Story(video, take, files.render, files.composite, options.truth, made.figures, (*made.notes, *notes))
        figures = write_report(story, files.report, progress)
    return ShotResult(files, figures, (*made.notes, *notes))


def _make(
    video: Path, source: str, files: ShotFiles, options: ShotOptions, journal: Journal, progress: Progress
) -> Take:
    """Do every stage up to the rendered frames that is not done yet; `source` is the digest of the video."""
    track_key = key_of(source, options.capture, options.face, options.face_model, options.neutral, takes.SCHEMA)
    if not journal.is_done("track", track_key, files.take):
        journal.begin("track", track_key)
        with unfinished(video, options.capture) as work:
            take = track_video(
                video, options.capture, options.face, options.face_model, progress, options.neutral, work=work
            )
            takes.save(take, files.take)
        livelink.write_csv(take, files.csv)
        journal.finish("track", track_key)
    take = takes.load(files.take)

    # A network's face is given its expression in the composite.
    factor = options.composite.expression_factor if options.composite.swapper == "render" else 1.0
    bake_key = key_of(track_key, options.avatar, options.object_name, _blend_digest(options.avatar), factor)
    if not journal.is_done("bake", bake_key, files.blend):
        journal.begin("bake", bake_key)
        light = _shot_light(take, video, files, options, progress)
        arguments = bake_arguments(files.take, files.blend, options.avatar, video, options.object_name, light, factor)
        run_blender(arguments, progress)
        journal.finish("bake", bake_key)

    render_key = key_of(bake_key, options.engine, options.samples)
    if not journal.is_done("render", render_key, files.render):
        if not journal.begun_with("render", render_key):
            shutil.rmtree(files.render, ignore_errors=True)
        journal.begin("render", render_key)
        arguments = render_arguments(files.take, files.blend, files.render, options.engine, options.samples)
        run_blender(arguments, progress)
        journal.finish("render", render_key)
    return take


def _composite(
    video: Path,
    take: Take,
    files: ShotFiles,
    options: ShotOptions,
    consent: Recorded,
    journal: Journal,
    progress: Progress,
) -> tuple[str, ...]:
    """The last stage, where it is not done yet, with its provenance; sentences for the user."""
    key = key_of(journal.key_of_done("render"), options.composite, consent.sha256)
    if journal.is_done("composite", key, files.composite):
        return ()
    journal.begin("composite", key)
    inputs = Inputs(video, files.take, files.render, files.blend)
    export = Export(files.composite, inputs, options.composite, consent, opened_files)
    composite_shot(video, take, files.render, files.composite, options.composite, progress, seal=export.seal)
    notes = export.finish()
    journal.finish("composite", key)
    return notes


def _shot_light(take: Take, video: Path, files: ShotFiles, options: ShotOptions, progress: Progress) -> Path | None:
    """The actor's light for an avatar of ours; None for a user's file, which has its own, and where the face tells none."""
    if options.avatar.endswith(".blend"):
        return None
    try:
        save_light(estimate_light(take, video, load_face_model(options.face_model), progress), files.light)
    except InputError:
        return None
    return files.light


@dataclass(frozen=True)
class _CompositeRecord:
    """What the composite stage wrote down, in this run or in an earlier one."""

    figures: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _composite_report(folder: Path | None) -> _CompositeRecord:
    """The composite's own record; an absent or damaged one only leaves the page shorter."""
    if folder is None:
        return _CompositeRecord()
    try:
        stored = json.loads((folder / "composite.json").read_text("utf-8"))
        figures = {str(name): float(value) for name, value in stored["figures"].items()}
        return _CompositeRecord(figures, tuple(str(note) for note in stored["notes"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return _CompositeRecord()


def _blend_digest(avatar: str) -> str:
    """A changed avatar file is baked and rendered again."""
    return sha256(Path(avatar)) if avatar.endswith(".blend") else ""
