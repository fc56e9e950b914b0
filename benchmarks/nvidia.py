"""What `nvidia-smi` says of a GPU while something runs on it: how busy it is, its memory, its power."""

from __future__ import annotations

import statistics
import subprocess
import threading
from typing import Final, NamedTuple

EVERY_MS: Final = 100
_FIELDS: Final = ("utilization.gpu", "memory.used", "power.draw")


class Sample(NamedTuple):
    """One moment."""

    busy_percent: float
    memory_mib: float
    power_w: float


def describe(index: int = 0) -> dict[str, str] | None:
    """Name, driver and memory of a GPU; None where `nvidia-smi` is not, or says nothing."""
    try:
        told = subprocess.run(
            _query(("name", "driver_version", "memory.total"), index),
            capture_output=True, text=True, check=True, timeout=30,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    name, driver, memory = (word.strip() for word in told.splitlines()[0].split(","))
    return {"gpu": name, "driver": driver, "gpu_memory_mib": memory}


class Watcher:
    """Reads `nvidia-smi` in a thread from entering to leaving; where it is absent there are no samples."""

    def __init__(self, index: int = 0) -> None:
        self._index = index
        self._samples: list[Sample] = []
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Watcher:
        try:
            self._process = subprocess.Popen(
                [*_query(_FIELDS, self._index), "-lms", str(EVERY_MS)],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip
        except OSError:
            return self
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._thread is not None:
            self._process.terminate()
            self._process.wait()
            self._thread.join()

    def taken(self) -> dict[str, object]:
        """Figures since the last time that somebody asked."""
        with self._lock:
            samples, self._samples = self._samples, []
        if not samples:
            return {"gpu_samples": 0}
        return {
            "gpu_samples": len(samples),
            "gpu_busy_percent": statistics.median(one.busy_percent for one in samples),
            "gpu_memory_mib": max(one.memory_mib for one in samples),
            "gpu_power_w": statistics.median(one.power_w for one in samples),
        }

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            sample = parse(line)
            if sample is not None:
                with self._lock:
                    self._samples.append(sample)


def parse(line: str) -> Sample | None:
    """A line of figures; None for one that is none. What a card does not tell ("[N/A]") is not a number."""
    words = line.split(",")
    if len(words) != len(_FIELDS):
        return None
    try:
        return Sample(*(float("nan") if "N/A" in word else float(word) for word in words))
    except ValueError:
        return None


def _query(fields: tuple[str, ...], index: int) -> list[str]:
    return ["nvidia-smi", f"--id={index}", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
