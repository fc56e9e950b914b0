"""Where and from which tree a benchmark's figures come: the first line that each of them prints."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("onnxruntime-gpu", "onnxruntime", "numpy", "opencv-python-headless", "av", "mediapipe")

Facts = dict[str, object]


def facts(benchmark: str) -> Facts:
    """Processor, memory, versions, devices, load of the machine now, date, the tree that is measured; JSON holds all of it."""
    return {
        "benchmark": benchmark,
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "memory_gib": memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **versions(),
        "auto": automatic(),
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "tree": tree(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "command": " ".join(_without_folders(word) for word in sys.argv),
    }


def announce(benchmark: str, out: Path | None = None) -> Facts:
    """Print the facts as a JSON line and hand them back; a benchmark that appends its lines to a file names it."""
    told = facts(benchmark)
    print(json.dumps(told), flush=True)
    if out is not None:
        with out.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(told) + "\n")
    return told


def is_facts(line: Facts) -> bool:
    """Whether a line of a results file is about the machine, not a figure."""
    return "machine" in line and "tree" in line


def processor() -> str:
    """The processor's name as the system tells it."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text("utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def memory_gib() -> int | None:
    """Main memory; None where the system does not tell."""
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)


def _without_folders(word: str) -> str:
    """A file's name alone: where it lies here says nothing elsewhere."""
    return Path(word).name if Path(word).is_absolute() else word


def versions() -> dict[str, str]:
    """Of the packages that do the work, as far as they are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def automatic() -> Facts:
    """What `auto` means here: device, form and threads of the networks, decoder; less where not all is installed."""
    found: Facts = {}
    with suppress(ImportError):
        from understudy.inference.networks.providers import choose

        choice = choose("auto")
        device = f"{choice.device}:{choice.index}" if choice.index else choice.device
        found |= {"device": device, "form": choice.form or "exact", "threads": choice.threads}
    with suppress(ImportError):
        from understudy.inference.media.hardware import chosen_decoder

        found["decoder"] = chosen_decoder()
    return found


def tree() -> str:
    """The commit, with a plus where files that count were changed since; "unknown" outside a checkout."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results", ":!docs")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+" if changed else "")


def _git(*words: str) -> str:
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
