"""Packs a folder into a zip whose bytes depend on nothing but names and contents. Standard library only."""

from __future__ import annotations

import zipfile
from pathlib import Path

# The oldest time a zip can tell; the packer's clock, order of files and permissions stay out of it.
_TIME = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16
_UNIX = 3


def pack(folder: Path, archive: Path) -> None:
    """Write every file of a folder, sorted by name; wheels, which are compressed already, as they are."""
    files = sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(archive, "w") as packed:
        for name, path in files:
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = _UNIX
            entry.external_attr = _PLAIN_FILE
            entry.compress_type = zipfile.ZIP_STORED if path.suffix == ".whl" else zipfile.ZIP_DEFLATED
            packed.writestr(entry, path.read_bytes(), compresslevel=9)
