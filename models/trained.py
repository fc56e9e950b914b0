"""Takes a network that the project trained into it: the file goes to models/trained, its forms for graphics cards among
the weights, and the digests of all into registry.toml.

python -m understudy.models.trained FILE.onnx [--name face_points]
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from pathlib import Path

from ..inference.errors import InputError, UnderstudyError
from ..inference.files import write_whole
from ..inference.networks import registry
from ..inference.networks.sessions import check_contract, open_session
from .build import form_of_trained

REGISTRY = Path(__file__).with_name("registry.toml")
MAX_BYTES = 10_000_000
"""A file of a repository and of every zip."""


def adopt(file: Path, name: str) -> Path:
    """Copy a network into its place and register its content; raises `InputError` when it is none such or too large."""
    entry, content = registry.network(name), file.read_bytes()
    if len(content) >= MAX_BYTES:
        raise InputError(f"{file} has {len(content)} bytes; a network of the project must have less than {MAX_BYTES}.")
    session = open_session(file, "cpu")
    check_contract(session, entry, file)
    names = {tensor.name for tensor in session.get_outputs()}
    missing = [tensor.name for tensor in entry.outputs if tensor.name not in names]
    if missing:
        raise InputError(
            f"{file} has no output {', '.join(missing)}: export it with the names of models/registry.toml."
        )
    target = registry.trained_folder() / entry.files[0].file
    write_whole(target, content)
    text = registered(REGISTRY.read_text("utf-8"), entry.files[0].file, content)
    for form in entry.files[1:]:
        made = form_of_trained(target, form.form).SerializeToString(deterministic=True)
        write_whole(registry.bundled_folder() / form.file, made)
        text = registered(text, form.file, made)
    write_whole(REGISTRY, text.encode())
    return target


def registered(text: str, file: str, content: bytes) -> str:
    """The text of the registry with the size and digest of a file's new content."""
    digest = hashlib.sha256(content).hexdigest()
    size_and_digest = rf'(file = "{re.escape(file)}"), size = \d+, sha256 = "[0-9a-f]{{64}}"'
    return re.sub(size_and_digest, rf'\1, size = {len(content)}, sha256 = "{digest}"', text, count=1)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="understudy.models.trained", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--name", default="face_points")
    options = parser.parse_args(arguments)
    try:
        print(adopt(options.file, options.name))
    except UnderstudyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
