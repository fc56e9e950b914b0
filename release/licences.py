"""Collects the licences of all that a zip bundles into its folder `licenses/`. Standard library only.

A wheel's own licence files are copied as they are; compiled libraries inside wheels, which often come without, are named
by `native_libraries.toml`. `licenses/INDEX.md` says which is which.
"""

from __future__ import annotations

import email
import re
import shutil
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePosixPath

HERE = Path(__file__).resolve().parent
# Files that say under which terms a distribution comes, wherever its wheel keeps them.
_TERMS = re.compile(r"(?i)(.*/)?(licen[cs]e|copying|notice|authors|third.?party.?notices)[^/]*(?<!\.xml)(?<!\.py)$")
_NATIVE = re.compile(r"(?i).*(\.libs/|\.dylibs/|/[^/]+\.dll$)[^/]*$")


class UnknownLicenceError(Exception):
    """Something is bundled whose terms nobody wrote down; the message names it."""


@dataclass(frozen=True)
class Library:
    """Compiled libraries of one project."""

    names: tuple[str, ...]
    project: str
    licence: str
    source: str


@dataclass(frozen=True)
class Bundled:
    """A distribution in the zip."""

    name: str
    version: str
    licence: str
    files: tuple[str, ...]
    """Its licence files, from `licenses/`."""
    libraries: tuple[Library, ...]
    """What its wheels contain beside it."""


def libraries() -> tuple[Library, ...]:
    """Every compiled library that is known."""
    table = tomllib.loads((HERE / "native_libraries.toml").read_text(encoding="utf-8"))
    return tuple(Library(**{**entry, "names": tuple(entry["names"])}) for entry in table["libraries"])


def collect(wheels: list[Path], folder: Path) -> list[Bundled]:
    """Copy the licence files of wheels into ``folder`` and write the index; what was found.

    Raises `UnknownLicenceError` for a wheel without a licence file and for a compiled library that nobody listed.
    """
    found: dict[str, Bundled] = {}
    for wheel in wheels:
        bundled = _of_wheel(wheel, folder)
        found.setdefault(bundled.name, bundled)  # one wheel for each Python, with the same terms
    for text in sorted((HERE / "licence_texts").iterdir()):
        shutil.copyfile(text, folder / text.name)
    (folder / "INDEX.md").write_text(index(list(found.values())), encoding="utf-8")
    return list(found.values())


def _of_wheel(wheel: Path, folder: Path) -> Bundled:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        facts = _metadata(archive)
        title = f"{facts['Name']}-{facts['Version']}"
        texts: dict[bytes, str] = {}  # wheels keep the same text in two places
        for name in sorted(names, key=lambda name: (len(_short(name)), name)):
            if _TERMS.match(name) and not name.endswith("/"):
                texts.setdefault(archive.read(name), f"{title}/{_short(name)}")
        for text, file in texts.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(text)
        ours = HERE / "licence_texts" / f"{facts['Name']}.txt"
        if not texts and ours.exists():
            texts[ours.read_bytes()] = ours.name  # its makers forgot one
        if not texts:
            raise UnknownLicenceError(f"{wheel.name} contains no licence file: add one to release/licence_texts.")
        inside = sorted({_library(PurePosixPath(name).name) for name in names if _is_native(name)}, key=_project)
    return Bundled(facts["Name"], facts["Version"], _licence(facts), tuple(sorted(texts.values())), tuple(inside))


def _metadata(archive: zipfile.ZipFile) -> Message:
    name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(archive.read(name))


def _short(name: str) -> str:
    """A licence file's place: without the folders of the wheel's own book-keeping."""
    parts = [part for part in PurePosixPath(name).parts if not part.endswith(".dist-info") and part != "licenses"]
    return "/".join(parts)


def _licence(facts: Message) -> str:
    """What the wheel says about its licence, in one line."""
    classified = [line for line in facts.get_all("Classifier", []) if line.startswith("License ::")]
    stated = str(facts["License-Expression"] or facts["License"] or "")
    if not stated or "Copyright" in stated or "\n" in stated:
        stated = classified[0].rpartition(" :: ")[2] if classified else stated.splitlines()[0]
    return stated


def _is_native(name: str) -> bool:
    return bool(_NATIVE.match(name)) and not name.endswith("/")


def _library(file: str) -> Library:
    """The project a compiled library is of, by the longest name that its file name starts with."""
    short = file.lower().removeprefix("lib")
    matches = [(len(name), library) for library in libraries() for name in library.names if _starts(short, name)]
    if not matches:
        raise UnknownLicenceError(f"{file} is bundled and unknown: add it to release/native_libraries.toml.")
    return max(matches, key=lambda match: match[0])[1]


def _starts(file: str, name: str) -> bool:
    return file.startswith(name) and not file[len(name) : len(name) + 1].isalpha()


def _project(library: Library) -> str:
    return library.project.lower()


def index(found: list[Bundled]) -> str:
    """The index as Markdown: every distribution, then every compiled library inside."""
    return "\n".join(_index_lines(found)) + "\n"


def _index_lines(found: list[Bundled]) -> Iterator[str]:
    yield "# What is bundled, and under which terms"
    yield ""
    yield "Understudy itself: GPL-3.0-or-later (`LICENSE`). Networks and derived data: `models/NOTICE.md`."
    yield "Wheels are unmodified; their licence files lie here as the wheels bring them."
    yield ""
    yield "| name | version | licence | files |"
    yield "| --- | --- | --- | --- |"
    for bundled in found:
        files = ", ".join(f"`{file}`" for file in bundled.files)
        yield f"| {bundled.name} | {bundled.version} | {bundled.licence} | {files} |"
    yield ""
    yield "Compiled libraries inside these wheels. The texts of the GNU and Mozilla licences lie beside this file, the GPL's"
    yield "third version is `LICENSE`. The sources are at the addresses below, in the versions that the wheels' makers built:"
    yield "those of av with https://github.com/PyAV-Org/pyav-ffmpeg, of OpenCV with https://github.com/opencv/opencv-python."
    yield ""
    yield "| library | licence | source | inside |"
    yield "| --- | --- | --- | --- |"
    for library in sorted({library for bundled in found for library in bundled.libraries}, key=_project):
        inside = ", ".join(bundled.name for bundled in found if library in bundled.libraries)
        yield f"| {library.project} | {library.licence} | {library.source} | {inside} |"
