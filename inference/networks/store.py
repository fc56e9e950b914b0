"""Look after the weights files: what is there, fetch what may be fetched, take over a user's own file, verify all."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from ..errors import InputError, MissingComponentError, UsageError
from ..progress import Progress, silent
from . import registry
from .registry import Network, WeightsFile

_CHUNK = 1 << 20
_TIMEOUT_S = 30.0
Opener = Callable[[str], BinaryIO]
"""Opens an address for reading."""


@dataclass(frozen=True)
class ModelStatus:
    """One network and the state of its files on this machine."""

    entry: Network
    state: Literal["ready", "missing", "damaged"]
    path: Path | None
    """The file that is used (the first form), or the damaged one."""

    @property
    def text(self) -> str:
        """For people."""
        kind = "shipped" if self.entry.bundled else "optional"
        where = f"; {self.entry.get}" if self.state != "ready" else f"; {self.path}"
        return f"{self.entry.name}: {self.state}, {kind}, {self.entry.licence}; {self.entry.purpose}{where}"

    @property
    def facts(self) -> dict[str, Any]:
        """For programs: everything needed to find the right file."""
        entry = self.entry
        return {
            "name": entry.name,
            "state": self.state,
            "path": str(self.path) if self.path else None,
            "bundled": entry.bundled,
            "purpose": entry.purpose,
            "licence": entry.licence,
            "redistribution": entry.redistribution,
            "source": entry.source,
            "get": entry.get,
            "files": [{"file": file.file, "size": file.size, "sha256": file.sha256} for file in entry.files],
        }


@dataclass(frozen=True)
class Offer:
    """An optional network, as a button that fetches it must describe it."""

    name: str
    purpose: str
    source: str
    """Who made it."""
    licence: str
    redistribution: str
    get: str
    file: str
    address: str
    """Empty when nobody may pass it on: the user brings the file."""
    size: int
    """Bytes."""
    folder: Path
    """Where it will be kept."""
    present: bool
    """A file of its name and size is there; its content is checked when it is used."""

    @property
    def host(self) -> str:
        """The computer it comes from."""
        return urllib.parse.urlsplit(self.address).hostname or ""


def offer(name: str) -> Offer:
    """What there is to say about an optional network; no file's content is read."""
    entry = registry.network(name)
    file = next((file for file in entry.files if file.url), entry.files[0])
    present = any(
        path.is_file() and one.size in (0, path.stat().st_size)
        for one in entry.files
        for path in (folder / one.file for folder in registry.weights_folders())
    )
    return Offer(
        name=name,
        purpose=entry.purpose,
        source=entry.source,
        licence=entry.licence,
        redistribution=entry.redistribution,
        get=entry.get,
        file=file.file,
        address=file.url,
        size=file.size,
        folder=registry.user_folder(),
        present=present,
    )


def status(entry: Network) -> ModelStatus:
    """The state of one network; it is ready when every form that it has is there with the right content."""
    state: Literal["ready", "missing"] = "ready"
    used = None
    for form in dict.fromkeys(file.form for file in entry.files):
        found = registry.find_file(entry, form)
        damaged = None if found else registry.find_damaged(entry, form)
        if damaged:
            return ModelStatus(entry, "damaged", damaged)
        if found is None:
            state = "missing"
        elif used is None:
            used = found[0]
    return ModelStatus(entry, state, used if state == "ready" else None)


def list_models() -> list[ModelStatus]:
    """Every network of the registry and its state."""
    return [status(entry) for entry in registry.networks().values()]


def verify() -> Iterator[ModelStatus]:
    """Check the content of every file that is there or must be there.

    Raises `MissingComponentError` at the end when a shipped one is missing or any file is damaged.
    """
    wrong = []
    for model in list_models():
        if model.state == "missing" and not model.entry.bundled:
            continue
        yield model
        if model.state != "ready":
            wrong.append(model.entry.name)
    if wrong:
        raise MissingComponentError(
            f"These networks are missing or damaged: {', '.join(wrong)}; delete damaged files, then run "
            f"`understudy models fetch {wrong[0]}`."
        )


def fetch(name: str, progress: Progress = silent, open_address: Opener | None = None) -> Path:
    """Get a network by name: convert it here, or download it where a stable address is known; returns its file.

    A download is checked by its digest before it gets its name.  Raises `MissingComponentError` when the file must be
    brought by the user, cannot be downloaded, or has unexpected content.
    """
    entry = registry.network(name)
    current = status(entry)
    if current.state == "ready" and current.path is not None:
        return current.path
    if entry.bundled or entry.built_from is not None:
        return _convert(entry, progress, open_address)
    file = next((file for file in entry.files if file.url), None)
    if file is None:
        raise MissingComponentError(registry.missing_message(entry, "any"))
    return _download(file, registry.user_folder() / file.file, progress, open_address or open_https)


def add(path: Path, progress: Progress = silent) -> Path:
    """Take over a user's own file, recognised by its digest whatever its name; returns its place in the user's folder.

    The networks inside a face_landmarker.task are converted at once.  Raises `InputError` for an unknown file.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}; check the path.")
    digest = registry.file_digest(path)
    for entry in registry.networks().values():
        for file in entry.files:
            if file.sha256 == digest:
                target = registry.user_folder() / file.file
                _save(target, lambda partial: shutil.copyfile(path, partial))
                for member in _members(file.file):
                    _convert(member, progress, None)
                return target
    raise InputError(
        f"{path} is none of the networks that Understudy knows (its sha256 is {digest}): "
        "`understudy models list --json` shows the digests that are known."
    )


def _members(archive: str) -> list[Network]:
    """The networks that are converted from an archive."""
    entries = registry.networks().values()
    return [entry for entry in entries if entry.built_from and entry.built_from.archive == archive]


def _convert(entry: Network, progress: Progress, open_address: Opener | None) -> Path:
    """Convert a network with models/build.py, which needs packages that only the checkout's environment has."""
    origin = entry.built_from.archive if entry.built_from else entry.files[0].file
    try:
        build = importlib.import_module("...models.build", __package__)
    except ImportError as error:
        raise MissingComponentError(
            f"The network {entry.name!r} is converted from {origin}, which needs the packages onnx "
            f"and tflite ({error}): run `python3 run.py understudy models fetch {entry.name}` in a checkout of "
            f"Understudy; the result in {registry.user_folder()} is used by Blender too."
        ) from error
    if entry.bundled:
        folder, read = registry.weights_folders()[0], build.package_reader(None)
    else:
        archive = next(other for other in registry.networks().values() if _is_archive_of(other, entry))
        folder, read = registry.user_folder(), build.zip_reader(fetch(archive.name, progress, open_address))
    try:
        build.build_all([entry], read, folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    return registry.weights_path(entry.name, "any")


def _is_archive_of(archive: Network, entry: Network) -> bool:
    return entry.built_from is not None and archive.files[0].file == entry.built_from.archive


def open_https(address: str) -> BinaryIO:
    """Open an address; neither it nor what it redirects to may be anything but https."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    response: BinaryIO = opener.open(address, timeout=_TIMEOUT_S)
    return response


def _download(file: WeightsFile, target: Path, progress: Progress, open_address: Opener) -> Path:
    def receive(partial: Path) -> None:
        digest = hashlib.sha256()
        received = 0
        with open_address(file.url) as source, partial.open("wb") as sink:
            while chunk := source.read(_CHUNK):
                received += len(chunk)
                if file.size and received > file.size:
                    break
                digest.update(chunk)
                sink.write(chunk)
                progress(f"fetch {file.file}", received, file.size)
        if digest.hexdigest() != file.sha256 or (file.size and received != file.size):
            raise MissingComponentError(
                f"{file.url} gave another file than expected ({received} bytes instead of {file.size}, or other "
                f"content): try again later, or hand over the file with the sha256 {file.sha256} by "
                "`understudy models add FILE`."
            )

    try:
        _save(target, receive)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise MissingComponentError(
            f"{file.url} cannot be downloaded ({getattr(error, 'reason', None) or error}): check the connection, or "
            f"hand over the file with the sha256 {file.sha256} by `understudy models add FILE` or Add Model File."
        ) from error
    return target


def _save(target: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a partial file, which gets its name only when that succeeds and never stays behind."""
    partial = target.with_name(target.name + ".partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        partial.replace(target)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        raise
    except OSError as error:
        raise _unwritable(target.parent, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _unwritable(folder: Path, error: OSError) -> UsageError:
    return UsageError(f"{folder} cannot be written ({error.strerror or error}): free space or change its permissions.")
