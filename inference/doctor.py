"""What runs on this machine and what does not, with reasons: the report that users and bug reports start from."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import asdict, dataclass
from typing import Any

from .files import masked
from .networks.registry import weights_folders

_NO_RUNTIME = "the package onnxruntime is not installed"


@dataclass(frozen=True)
class DoctorReport:
    """The findings: ``text`` for people, ``facts`` (plain JSON types) for programs."""

    text: str
    facts: dict[str, Any]


def doctor() -> DoctorReport:
    """Look at Python, ONNX Runtime and its devices, the networks, Blender, and the video libraries."""
    facts = {
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "onnxruntime": _onnxruntime(),
        "models": _models(),
        "blender": _blender(),
        "video": _video(),
    }
    return DoctorReport(masked("\n".join(_lines(facts))), facts)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _onnxruntime() -> dict[str, Any]:
    """Its version, each provider with the reason why it is not used, and what "auto" chose."""
    if importlib.util.find_spec("onnxruntime") is None:
        return {"version": None, "device": None, "reason": _NO_RUNTIME, "tuned": None, "providers": []}
    import onnxruntime

    from .networks.providers import choose, providers_report, tuned_here
    from .networks.tuned import tuned_file

    choice = choose("auto")
    tuned, stale = tuned_here()
    return {
        "version": onnxruntime.__version__,
        "device": choice.device,
        "threads": choice.threads,
        "reason": choice.reason,
        "tuned": asdict(tuned) if tuned is not None else None,
        "tuned_file": str(tuned_file()),
        "tuned_ignored": stale,
        "providers": [asdict(provider) for provider in providers_report()],
    }


def _models() -> dict[str, Any]:
    from .networks.store import list_models

    return {
        "folders": [str(folder) for folder in weights_folders()],
        "networks": [
            {"name": model.entry.name, "state": model.state, "bundled": model.entry.bundled, "get": model.entry.get}
            for model in list_models()
        ],
    }


def _blender() -> dict[str, Any]:
    """How Blender can be started: as a module of this Python, or as a program."""
    module = importlib.util.find_spec("bpy") is not None
    program = shutil.which(os.environ.get("UNDERSTUDY_BLENDER") or "blender")
    return {"bpy": (_version("bpy") or "in Blender") if module else None, "program": program}


def _video() -> dict[str, Any]:
    """PyAV and the FFmpeg libraries inside it."""
    if importlib.util.find_spec("av") is None:
        return {"pyav": None, "ffmpeg": {}}
    import av

    libraries = {name: ".".join(map(str, version)) for name, version in sorted(av.library_versions.items())}
    return {"pyav": av.__version__, "ffmpeg": libraries}


def _measured(runtime: dict[str, Any]) -> str:
    """What was measured here, and how to do without it."""
    tuned = runtime["tuned"]
    if tuned is None:
        return "not measured: `understudy doctor --tune` finds the fastest device"
    if runtime["tuned_ignored"]:
        return f"measured on {tuned['date']}, but {runtime['tuned_ignored']}: run `understudy doctor --tune` again"
    figures = [
        f"{one['device']} {'half ' if one['form'] == 'half' else ''}{one['face_ms']:.2f}"
        for one in tuned["measured"]
        if one["face_ms"] and one["threads"] == 1
    ]
    threads = f", {runtime['threads']} threads" if runtime["threads"] > 1 else ""
    return (
        f"measured on {tuned['date']}, ms a face: {', '.join(figures)}; taken: {runtime['device']}{threads} "
        f"(delete {runtime['tuned_file']} to choose without)"
    )


def _lines(facts: dict[str, Any]) -> list[str]:
    runtime, models, blender, video = (facts[key] for key in ("onnxruntime", "models", "blender", "video"))
    lines = [f"Python      {facts['python']}", f"System      {facts['system']}, {facts['processors']} processors"]
    lines.append(f"Networks    ONNX Runtime {runtime['version']}, used device: {runtime['device'] or 'none'}")
    if not runtime["providers"]:
        lines.append(f"            {runtime['reason']}")
    else:
        lines.append(f"  {_measured(runtime)}")
    for provider in runtime["providers"]:
        state = "used" if provider["used"] else f"not used: {provider['reason']}"
        lines.append(f"  {provider['device']:<9} {state}")
    lines.append(f"Models      in {' and '.join(models['folders'])}")
    for model in models["networks"]:
        note = "" if model["state"] == "ready" else f": {model['get']}"
        kind = "" if model["bundled"] else " (optional)"
        lines.append(f"  {model['name']}{kind} {model['state']}{note}")
    found = [f"module bpy {blender['bpy']}" if blender["bpy"] else "", f"program {blender['program']}"]
    found = [text for text in found if text and not text.endswith("None")]
    lines.append(f"Blender     {', '.join(found) or 'not found: install Blender 4.2 or newer and put it on the path'}")
    libraries = ", ".join(f"{name} {version}" for name, version in video["ffmpeg"].items())
    pyav = f"PyAV {video['pyav']}" if video["pyav"] else "PyAV is not installed"
    lines.append(f"Video       {pyav} {libraries}".rstrip())
    return lines
