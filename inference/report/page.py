"""The report of a run: one self-contained page with the contact sheet, the curves and the figures."""

from __future__ import annotations

import base64
import html
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .. import arkit
from ..files import write_whole
from ..progress import Progress, silent
from ..take import Take
from .accuracy import known_coefficients, score
from .contact_sheet import contact_sheet

CONTACT_SHEET = "contact_sheet.png"
CURVES: tuple[tuple[str, ...], ...] = (
    ("jawOpen", "mouthFunnel", "mouthPucker"),
    ("eyeBlinkLeft", "eyeBlinkRight"),
    ("mouthSmileLeft", "mouthSmileRight"),
    ("browInnerUp", "browOuterUpLeft", "browOuterUpRight", "browDownLeft"),
)
_COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#9a6700")
_IN_USE = 0.1
"""Channels that never reach this are not spoken of."""
_WIDTH, _HEIGHT = 900, 120
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:1060px;margin:2rem auto;padding:0 1rem;color:#222}
img{max-width:100%}table{border-collapse:collapse}td{padding:.15rem 1.2rem .15rem 0}svg{width:100%;background:#f6f8fa}
h2{margin-top:2rem}.key{margin-right:1rem}"""


@dataclass(frozen=True)
class Story:
    """What a run has to tell."""

    footage: Path
    take: Take
    render_dir: Path
    composite: Path
    truth: Path | None = None
    """The known performance, where the footage is a rendering."""
    composite_figures: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """Sentences the user should read."""


def write_report(story: Story, page: Path, progress: Progress = silent) -> dict[str, object]:
    """Write the page and, beside it, the contact sheet as a picture; returns the figures the page shows."""
    progress("report", 0, 1)
    sheet = contact_sheet(story.footage, story.take, story.render_dir, story.composite)
    encoded = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes()
    figures = take_figures(story.take)
    if story.truth is not None:
        known = asdict(score(story.take, story.truth))
        figures |= {f"truth: {name}": value for name, value in known.items() if not np.isnan(value)}
    figures |= {f"composite: {name}": value for name, value in story.composite_figures.items()}
    text = _page(story, encoded, figures)
    write_whole(page.with_name(CONTACT_SHEET), encoded)
    write_whole(page, text.encode())
    progress("report", 1, 1)
    return figures


def take_figures(take: Take) -> dict[str, object]:
    """What can be said of a take by itself."""
    seen = take.confidence > 0
    jitter = np.abs(np.diff(take.coefficients[seen], n=2, axis=0)).mean() if seen.sum() > 2 else 0.0
    focal_px = take.camera_matrix[0, 0]
    return {
        "frames": len(take),
        "frames with a face": f"{int(seen.sum())} ({100 * seen.mean():.1f} %)",
        "field of view (longer side)": f"{np.degrees(2 * np.arctan(max(take.frame_size) / (2 * focal_px))):.1f} degrees",
        "distance of the head (median)": f"{-np.median(take.translation_cm[seen, 2]):.0f} cm",
        "mean second difference of the coefficients": f"{jitter:.4f}",
        "face model": take.face_model,
    } | least_certain(take)


def least_certain(take: Take) -> dict[str, object]:
    """The three channels in use of which the least is known, where a take says it."""
    seen = take.confidence > 0
    used = np.flatnonzero(take.coefficients[seen].max(0, initial=0.0) > _IN_USE)
    if take.sigma is None or not len(used):
        return {}
    sigma = np.median(take.sigma[seen], axis=0)
    worst = used[np.argsort(-sigma[used], kind="stable")][:3]
    return {"least certain channels": ", ".join(f"{take.names[n]} (+- {sigma[n]:.2f})" for n in worst)}


def _page(story: Story, sheet_png: bytes, figures: dict[str, object]) -> str:
    """The page's HTML."""
    name = html.escape(story.footage.name)
    known = known_coefficients(story.truth) if story.truth is not None else {}
    rows = "".join(f"<tr><td>{html.escape(key)}<td>{html.escape(_shown(value))}" for key, value in figures.items())
    notes = "".join(f"<p>{html.escape(note)}" for note in story.notes)
    charts = "".join(_chart(story.take, group, known) for group in CURVES) + _head_chart(story.take)
    picture = base64.b64encode(sheet_png).decode()
    return (
        f"<!doctype html><meta charset=utf-8><title>{name} - Understudy</title><style>{_STYLE}</style>"
        f"<h1>{name}</h1><img alt='contact sheet' src='data:image/png;base64,{picture}'>"
        f"<h2>Figures</h2><table>{rows}</table>{notes}"
        f"<h2>Curves</h2><p>Solid: the take{'; dashed: the known performance' if known else ''}.</p>{charts}"
    )


def _shown(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _chart(take: Take, names: tuple[str, ...], known: dict[str, NDArray[np.float64]]) -> str:
    """Coefficients over time, the known performance dashed."""
    lines, keys = [], []
    for colour, name in zip(_COLOURS, names, strict=False):
        curve = np.where(take.confidence > 0, take.coefficients[:, arkit.INDEX[name]], np.nan)
        lines.append(_polyline(take.time_s, curve, colour))
        if name in known:
            frames = min(len(take), len(known[name]))
            lines.append(_polyline(take.time_s[:frames], known[name][:frames], colour, "stroke-dasharray='5 4'"))
        keys.append(f"<span class=key style='color:{colour}'>{name}</span>")
    return _svg(keys, lines)


def _head_chart(take: Take) -> str:
    """Yaw, pitch and roll, drawn with 45 degrees as full scale about the middle."""
    turn = take.rotation.astype(float)
    angles = {
        "head yaw": np.arctan2(turn[:, 0, 2], turn[:, 2, 2]),
        "head pitch": np.arcsin(np.clip(turn[:, 1, 2], -1, 1)),
        "head roll": np.arctan2(turn[:, 1, 0], turn[:, 1, 1]),
    }
    lines, keys = [], []
    for colour, (name, angle) in zip(_COLOURS, angles.items(), strict=False):
        curve = np.where(take.confidence > 0, 0.5 + np.degrees(angle) / 90, np.nan)
        lines.append(_polyline(take.time_s, curve, colour))
        keys.append(f"<span class=key style='color:{colour}'>{name}</span>")
    return _svg([*keys, "<span>(middle line: 0; top and bottom: 45 degrees)</span>"], lines)


def _svg(keys: list[str], lines: list[str]) -> str:
    middle = f"<line x1=0 x2={_WIDTH} y1={_HEIGHT / 2} y2={_HEIGHT / 2} stroke='#d0d7de'/>"
    return f"<p>{''.join(keys)}</p><svg viewBox='0 -4 {_WIDTH} {_HEIGHT + 8}'>{middle}{''.join(lines)}</svg>"


def _polyline(time_s: NDArray[np.float64], values: NDArray[np.floating[Any]], colour: str, style: str = "") -> str:
    """A curve of values 0..1 over the whole width, broken where values are missing."""
    span_s = max(float(np.ptp(time_s)), 1e-9)
    x = (time_s - time_s[0]) / span_s * _WIDTH
    y = (1 - np.clip(values, 0, 1)) * _HEIGHT
    gaps = np.flatnonzero(np.isnan(values))
    pieces = [piece[~np.isnan(y[piece])] for piece in np.split(np.arange(len(x)), gaps)]
    return "".join(
        f"<polyline fill=none stroke='{colour}' stroke-width=1.6 {style} points='"
        + " ".join(f"{x[i]:.1f},{y[i]:.1f}" for i in piece)
        + "'/>"
        for piece in pieces
        if len(piece)
    )
