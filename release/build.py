"""Builds the extension zips into `dist/`, for this platform or for every one. Standard library only.

    build.py [--all] [--variant cpu|cuda|directml]

`run.py build` starts it with the main environment's Python, which has pip (it fetches the wheels) and, inside the bpy
module, Blender's own validator. Versions come from `locks/`; numpy is Blender's own. The same checkout gives the same
bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import licences
from packing import pack
from targets import ROOT, TARGETS, VARIANTS, Target, Variant, host
from wheelhouse import MissingWheelsError, fetch

STAGES = ROOT / "build"
DIST = ROOT / "dist"
SINGLE_FILES = (
    "__init__.py",
    "LICENSE",
    "README.md",
    "models/registry.toml",
    "models/NOTICE.md",
    "models/LICENSE-Apache-2.0.txt",
)
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "*.partial")


def folders() -> list[str]:
    """The folders that the extension needs: those of the package, except `models`, whose files are packed one by one, and
    the presets, which Blender reads.
    """
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    return sorted({package.split(".")[1] for package in packages if "." in package} - {"models"} | {"presets"})


def default_weights() -> list[Path]:
    """The model files that the defaults need, as the registry names them."""
    registry = tomllib.loads((ROOT / "models" / "registry.toml").read_text(encoding="utf-8"))
    files = [file["file"] for network in registry["networks"] if network["bundled"] for file in network["files"]]
    trained = ROOT / "models" / "trained"
    return [(trained if (trained / file).exists() else ROOT / "models" / "weights") / file for file in files]


def stage(target: Target, folder: Path, wheels: Sequence[Path], weights: Sequence[Path]) -> None:
    """Lay out one platform's extension in an empty folder."""
    for name in (*folders(), *SINGLE_FILES):
        copy(ROOT / name, folder / name)
    for file in weights:
        if not file.exists():
            sys.exit(f"{file.name} is missing; run: python3 run.py understudy models verify")
        copy(file, folder / "models" / "weights" / file.name)
    for wheel in wheels:
        copy(wheel, folder / "wheels" / wheel.name)
    (folder / "licenses").mkdir()
    licences.collect(list(wheels), folder / "licenses")
    manifest = manifest_with(target.name, [f"./wheels/{wheel.name}" for wheel in wheels])
    (folder / "blender_manifest.toml").write_text(manifest, encoding="utf-8")


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder without what Python left in it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=_LEFT_OUT)
    else:
        shutil.copyfile(source, target)


def manifest_with(target: str, wheels: Sequence[str]) -> str:
    """The manifest of one platform: top-level keys stand before the first table."""
    facts, table, rest = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8").partition("[permissions]")
    listed = "".join(f'    "{wheel}",\n' for wheel in wheels)
    return f'{facts}platforms = ["{target}"]\nwheels = [\n{listed}]\n\n{table}{rest}'


def zip_name(target: Target, variant: Variant) -> str:
    """As Blender names the zips of a platform, with the variant at the end."""
    version = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))["version"]
    return f"understudy-{version}-{target.name.replace('-', '_')}{variant.suffix}.zip"


def build(target: Target, variant: Variant) -> Path:
    """Pack and validate one zip; it gets its name in `dist/` only when it is valid."""
    wheels = fetch(target, variant)
    name = zip_name(target, variant)
    folder, packed = STAGES / name.removesuffix(".zip"), STAGES / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stage(target, folder, wheels, default_weights())
    pack(folder, packed)
    shutil.rmtree(folder)
    validate(packed)
    DIST.mkdir(exist_ok=True)
    return packed.replace(DIST / name)


def validate(archive: Path) -> None:
    """Let Blender's own validator read the zip, with the list of tags that Blender knows."""
    module = importlib.util.find_spec("bpy")  # found without importing it
    if module is None or module.origin is None:
        sys.exit("The bpy module is missing; start this with: python3 run.py build")
    scripts = next(Path(module.origin).parent.glob("*/scripts"))
    program = scripts / "addons_core/bl_pkg/cli/blender_ext.py"
    tags = scripts / "modules/_bpy_internal/extensions/tags.py"
    command = [sys.executable, str(program), "validate", "--valid-tags", str(tags), str(archive)]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode:
        sys.exit(f"{result.stdout}Blender refuses {archive.name}, see above.")


def main(arguments: list[str]) -> int:
    """Build what is asked for and say where it is, or which wheel is missing."""
    parser = argparse.ArgumentParser(prog="run.py build", description="The extension zips, in dist/.")
    parser.add_argument("--all", action="store_true", help="for every platform instead of this one")
    parser.add_argument("--variant", choices=tuple(VARIANTS), default="cpu", help="the build of ONNX Runtime inside")
    options = parser.parse_args(arguments)
    variant = VARIANTS[options.variant]
    names = variant.targets if options.all else (host(),)
    made = 0
    for name in names:
        if name not in variant.targets:
            print(f"There is no {variant.name} zip for this machine; --all builds: {', '.join(variant.targets)}.")
            continue
        try:
            final = build(TARGETS[name], variant)
        except MissingWheelsError as error:
            print(error)
            continue
        made += 1
        size, digest = final.stat().st_size / 1e6, hashlib.sha256(final.read_bytes()).hexdigest()
        print(f"{final.relative_to(ROOT)}  {size:.1f} MB  sha256 {digest}", flush=True)
    return 0 if made else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
