"""What `understudy doctor --tune` measured on this machine, in one file of the user's, and whether it still holds.

The file is JSON. What is not exactly as written here is not believed, and what was measured on another machine or with
another ONNX Runtime is not used; both only mean that devices are chosen as without the file.
"""

from __future__ import annotations

import json
import os
import platform
import warnings
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..provenance.folder import VARIABLE
from .registry import user_folder

_SCHEMA = 1
_BUSY = 1.15
SOFTWARE = "software"


@dataclass(frozen=True)
class Measured:
    """One way to run the networks: a device, a form of their files, a number of CPU threads."""

    device: str
    """As users name it: cpu, cuda:1 ..."""
    form: str
    threads: int
    face_ms: float | None
    """Wall time for one face, landmarks and our own points side by side; None when it did not come to that."""
    processor_ms: float | None
    """Processor time for one face, of all threads."""
    start_s: float | None
    """From the start of a process to its first face."""
    deviation: float | None
    """The largest difference from the exact form on the CPU, as a share of each output's largest value."""
    networks_ms: dict[str, dict[str, float]]
    """By network, by batch: wall time of one item."""
    problem: str = ""
    """Why there are no figures."""


@dataclass(frozen=True)
class Decoded:
    """One way to decode video."""

    decoder: str
    frame_ms: float | None
    """Wall time of a frame of 1920 x 1080; None when it did not come to that."""
    processor_ms: float | None
    """Processor time of it, of all threads."""
    digest: str = ""
    """Of the pictures."""
    problem: str = ""
    """Why there are no figures."""


@dataclass(frozen=True)
class Tuned:
    """The content of the file."""

    date: str
    machine: str
    onnxruntime: str
    providers: tuple[str, ...]
    """Those that ONNX Runtime was built with: its builds for different devices share their version."""
    device: str
    form: str
    """cpu or plain, which are exact, or half."""
    threads: int
    decoder: str
    measured: tuple[Measured, ...]
    decoded: tuple[Decoded, ...] = ()

    @property
    def busy(self) -> bool:
        """Whether so much else ran that the figures say little: the clock went on while the plainest way had to wait."""
        plain = self.measured[0] if self.measured else None
        plain = next((one for one in self.measured if one.device == "cpu" and one.threads == 1), plain)
        return plain is not None and (plain.face_ms or 0.0) > _BUSY * (plain.processor_ms or 0.0)

    @property
    def chosen(self) -> Measured | None:
        """The figures of what was chosen."""
        wanted = (self.device, self.form, self.threads)
        return next((one for one in self.measured if (one.device, one.form, one.threads) == wanted), None)


def tuned_file() -> Path:
    """Where it is kept: beside the user's models, or in the folder that UNDERSTUDY_DATA names."""
    named = os.environ.get(VARIABLE)
    return (Path(named) if named else user_folder().parent) / "devices.json"


def this_machine() -> str:
    """The machine in words: what figures depend on and a change of which makes them worthless."""
    return f"{platform.system()} {platform.machine()}, {_processor()}, {os.cpu_count()} threads"


@cache
def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except (OSError, UnicodeDecodeError):
        pass
    return platform.processor() or "unknown processor"


def write_tuned(tuned: Tuned) -> Path:
    """Replace the file; raises `OSError` when that cannot be."""
    path = tuned_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"schema": _SCHEMA, **asdict(tuned)}, indent=1), "utf-8")
    partial.replace(path)
    return path


def read_tuned() -> Tuned | None:
    """What was measured, wherever that was; None without a file, and with a warning when the file is none of ours."""
    path = tuned_file()
    try:
        return tuned_of(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        warnings.warn(
            f"{path} is ignored because it cannot be read ({error}): run understudy doctor --tune again, or delete it.",
            stacklevel=2,
        )
        return None


def why_stale(tuned: Tuned, onnxruntime: str, providers: tuple[str, ...]) -> str:
    """Why the figures say nothing about this machine and this ONNX Runtime; empty when they do."""
    if tuned.machine != this_machine():
        return f"it was measured on another machine ({tuned.machine})"
    if (tuned.onnxruntime, sorted(tuned.providers)) != (onnxruntime, sorted(providers)):
        return f"it was measured with another ONNX Runtime ({tuned.onnxruntime}: {', '.join(tuned.providers)})"
    return ""


def tuned_decoder() -> str:
    """The way to decode video that was fastest on this machine; "software" when nobody measured."""
    tuned = read_tuned()
    return tuned.decoder if tuned is not None and tuned.machine == this_machine() else SOFTWARE


def tuned_of(table: Any) -> Tuned:
    """The content of a file; `ValueError` for anything else."""
    fields = _fields(table, "the file", {"schema", *Tuned.__dataclass_fields__})
    if fields.pop("schema") != _SCHEMA:
        raise ValueError("it has another schema")
    texts = {
        name: _text(fields[name], name) for name in ("date", "machine", "onnxruntime", "device", "form", "decoder")
    }
    return Tuned(
        **texts,
        providers=tuple(_text(one, "providers") for one in _list(fields["providers"], "providers")),
        threads=_count(fields["threads"]),
        measured=tuple(measured_of(one) for one in _list(fields["measured"], "measured")),
        decoded=tuple(decoded_of(one) for one in _list(fields["decoded"], "decoded")),
    )


def measured_of(table: Any) -> Measured:
    """The figures in a plain table; `ValueError` for anything else."""
    fields = _fields(table, "measured", set(Measured.__dataclass_fields__))
    networks = fields["networks_ms"]
    if not isinstance(networks, dict) or not all(isinstance(batches, dict) for batches in networks.values()):
        raise ValueError("networks_ms is no table of tables")
    return Measured(
        device=_text(fields["device"], "device"),
        form=_text(fields["form"], "form"),
        threads=_count(fields["threads"]),
        face_ms=_number(fields["face_ms"], "face_ms"),
        processor_ms=_number(fields["processor_ms"], "processor_ms"),
        start_s=_number(fields["start_s"], "start_s"),
        deviation=_number(fields["deviation"], "deviation"),
        networks_ms={
            name: {batch: _figure(value, name) for batch, value in batches.items()}
            for name, batches in networks.items()
        },
        problem=_text(fields["problem"], "problem"),
    )


def decoded_of(table: Any) -> Decoded:
    """The figures in a plain table; `ValueError` for anything else."""
    fields = _fields(table, "decoded", set(Decoded.__dataclass_fields__))
    return Decoded(
        decoder=_text(fields["decoder"], "decoder"),
        frame_ms=_number(fields["frame_ms"], "frame_ms"),
        processor_ms=_number(fields["processor_ms"], "processor_ms"),
        digest=_text(fields["digest"], "digest"),
        problem=_text(fields["problem"], "problem"),
    )


def _fields(table: Any, what: str, wanted: set[str]) -> dict[str, Any]:
    if not isinstance(table, dict) or set(table) != wanted:
        raise ValueError(f"{what} has not the fields {', '.join(sorted(wanted))}")
    return dict(table)


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{what} is no list")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} is no text")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1024:
        raise ValueError("threads is no number of threads")
    return value


def _number(value: Any, what: str) -> float | None:
    return None if value is None else _figure(value, what)


def _figure(value: Any, what: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e9:
        raise ValueError(f"{what} is no figure")
    return float(value)
