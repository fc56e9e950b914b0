"""What can be built: platforms with the wheel tags that run there, and variants of ONNX Runtime. Standard library only."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What inference imports. The packages that ONNX Runtime's wheel names beside numpy (flatbuffers, packaging, protobuf)
# serve its tools only: opening and running a network imports none of them, and a protobuf in the site-packages that all
# extensions share would be one more thing to disagree about. Those that c2pa-python names (cryptography, requests, toml)
# serve its build and its tests.
DISTRIBUTIONS = ("av", "c2pa-python", "onnxruntime", "opencv-python-headless", "scipy", "tqdm")
PYTHON_VERSIONS = ("3.11", "3.13")  # Blender 4.2 to 5.0, Blender 5.1 and later


@dataclass(frozen=True)
class Target:
    """A platform by Blender's name."""

    name: str
    tags: tuple[str, ...]
    """The wheel tags that run there."""
    pythons: tuple[str, ...] = PYTHON_VERSIONS
    """The Pythons of the Blenders that exist there."""
    lock: str = ""
    """The lock whose lines take the place of the main one's."""


@dataclass(frozen=True)
class Variant:
    """A build of ONNX Runtime."""

    name: str
    distribution: str
    """What takes the place of onnxruntime."""
    lock: str
    targets: tuple[str, ...]

    @property
    def suffix(self) -> str:
        """What the zip's name says about it."""
        return "" if self.name == "cpu" else f"-{self.name}"


TARGETS = {
    target.name: target
    for target in (
        Target("linux-x64", ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64")),
        Target("windows-x64", ("win_amd64",)),
        Target("windows-arm64", ("win_arm64",)),
        Target("macos-arm64", ("macosx_14_0_arm64",)),
        # Blender 4.5 is the last one for Intel; so is ONNX Runtime 1.23 for its Macs
        Target("macos-x64", ("macosx_13_0_x86_64",), ("3.11",), "macos-x64"),
    )
}
VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("cpu", "onnxruntime", "main", tuple(TARGETS)),
        Variant("cuda", "onnxruntime-gpu", "gpu", ("linux-x64", "windows-x64")),
        Variant("directml", "onnxruntime-directml", "gpu-directml", ("windows-x64",)),
    )
}
_MACHINES = {
    ("Linux", "x86_64"): "linux-x64",
    ("Windows", "AMD64"): "windows-x64",
    ("Windows", "ARM64"): "windows-arm64",
    ("Darwin", "arm64"): "macos-arm64",
    ("Darwin", "x86_64"): "macos-x64",
}


def host() -> str | None:
    """Blender's name of the machine this runs on, where it has one."""
    return _MACHINES.get((platform.system(), platform.machine()))


def locked(lock: str) -> dict[str, str]:
    """The lines of a lock by the name of the distribution."""
    lines = (ROOT / "locks" / f"{lock}.txt").read_text(encoding="utf-8").splitlines()
    return {line.partition("==")[0]: line for line in lines if line and not line.startswith("#")}


def requirements(target: Target, variant: Variant) -> list[str]:
    """The distributions of one zip with their exact versions."""
    versions = locked("main") | (locked(target.lock) if target.lock else {})
    names = [variant.distribution if name == "onnxruntime" else name for name in DISTRIBUTIONS]
    if variant.suffix:
        versions |= {variant.distribution: locked(variant.lock)[variant.distribution]}
    return [versions[name] for name in names]
