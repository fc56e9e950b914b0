"""Builds the extension zips into `dist/`: for this platform, or with --all for every platform. Standard library only.

`run.py build` starts it with the main environment's Python, which has pip (it fetches the wheels) and, inside the bpy
module, Blender's own packer and validator. Wheels and versions come from `locks/main.txt`; numpy is Blender's own.
"""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WHEELS = ROOT / "wheels"
STAGES = ROOT / "build"
PYTHON_VERSIONS = ("3.11", "3.13")  # Blender 4.2 to 5.0, Blender 5.1
# What inference imports, with what those need; pure wheels serve every platform.
DISTRIBUTIONS = ("av", "flatbuffers", "onnxruntime", "opencv-python-headless", "packaging", "protobuf", "scipy", "tqdm")
# Blender's name of a platform -> the wheel tags that run there.
PLATFORM_TAGS = {
    "linux-x64": ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64"),
    "windows-x64": ("win_amd64",),
    "macos-arm64": ("macosx_14_0_arm64",),
}
PACKED = (
    "__init__.py",
    "LICENSE",
    "README.md",
    "inference",
    "operators",
    "panels",
    "translations",
    "models/registry.toml",
    "models/NOTICE.md",
    "models/LICENSE-Apache-2.0.txt",
)


def host_platform() -> str:
    """Blender's name of the machine this runs on."""
    names = {("Linux", "x86_64"): "linux-x64", ("Windows", "AMD64"): "windows-x64", ("Darwin", "arm64"): "macos-arm64"}
    machine = (platform.system(), platform.machine())
    if machine not in names:
        sys.exit(f"There are no wheels for {' '.join(machine)}; use --all to build for the other platforms.")
    return names[machine]


def locked_requirements() -> list[str]:
    """The lines of the main lock for the distributions that go into the zip."""
    lines = (ROOT / "locks" / "main.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.partition("==")[0] in DISTRIBUTIONS]


def fetch_wheels(target: str) -> list[Path]:
    """The wheels of one platform for all Python versions; fetched once, and again when the lock changes."""
    folder, wanted = WHEELS / target, locked_requirements()
    stamp = folder / "complete"
    request = "\n".join([*wanted, *PYTHON_VERSIONS, *PLATFORM_TAGS[target]])
    if not (stamp.exists() and stamp.read_text() == request):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        tags = [word for tag in PLATFORM_TAGS[target] for word in ("--platform", tag)]
        for version in PYTHON_VERSIONS:
            options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", version, *tags]
            call([sys.executable, "-m", "pip", "download", *options, "--dest", folder, *wanted])
        stamp.write_text(request)
    return sorted(folder.glob("*.whl"))


def default_weights() -> list[Path]:
    """The model files that the defaults need, as the registry names them."""
    registry = tomllib.loads((ROOT / "models" / "registry.toml").read_text(encoding="utf-8"))
    files = [file["file"] for network in registry["networks"] if network["bundled"] for file in network["files"]]
    return [ROOT / "models" / "weights" / file for file in files]


def stage(target: str) -> Path:
    """Lay out one platform's extension in a folder of its own."""
    folder = STAGES / target
    shutil.rmtree(folder, ignore_errors=True)
    for name in PACKED:
        copy(ROOT / name, folder / name)
    for file in default_weights():
        if not file.exists():
            sys.exit(f"{file.name} is missing; run: python3 run.py understudy models verify")
        copy(file, folder / file.relative_to(ROOT))
    wheels = fetch_wheels(target)
    for wheel in wheels:
        copy(wheel, folder / "wheels" / wheel.name)
    manifest = manifest_with(target, [f"./wheels/{wheel.name}" for wheel in wheels])
    (folder / "blender_manifest.toml").write_text(manifest, encoding="utf-8")
    return folder


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder without what Python left in it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*", "*.partial"))
    else:
        shutil.copy2(source, target)


def manifest_with(target: str, wheels: Sequence[str]) -> str:
    """The manifest of one platform: top-level keys stand before the first table."""
    facts, table, rest = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8").partition("[permissions]")
    listed = "".join(f'    "{wheel}",\n' for wheel in wheels)
    return f'{facts}platforms = ["{target}"]\nwheels = [\n{listed}]\n\n{table}{rest}'


def build(target: str) -> Path:
    """Pack and validate one platform's zip; it gets its name in `dist/` only when it is valid."""
    version = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))["version"]
    name = f"understudy-{version}-{target.replace('-', '_')}.zip"
    packed, final = STAGES / name, ROOT / "dist" / name
    packer = [sys.executable, blender_packer()]
    staged = stage(target)
    call([*packer, "build", "--source-dir", staged, "--output-filepath", packed])
    call([*packer, "validate", packed])
    shutil.rmtree(staged)
    final.parent.mkdir(exist_ok=True)
    packed.replace(final)
    return final


def blender_packer() -> Path:
    """Blender's extension program inside the bpy module; found without importing bpy."""
    module = importlib.util.find_spec("bpy")
    if module is None or module.origin is None:
        sys.exit("The bpy module is missing; start this with: python3 run.py build")
    return next(Path(module.origin).parent.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))


def call(command: Sequence[str | Path]) -> None:
    """Run one step; a failing one has already said why."""
    result = subprocess.run([str(part) for part in command], check=False)
    if result.returncode:
        sys.exit(f"{Path(str(command[1])).name} failed, see above.")


def main(arguments: list[str]) -> int:
    """Build what is asked for and say where it is."""
    if arguments not in ([], ["--all"]):
        print(__doc__, file=sys.stderr)
        return 2
    for target in PLATFORM_TAGS if arguments else (host_platform(),):
        final = build(target)
        print(f"{final.relative_to(ROOT)}  {final.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
