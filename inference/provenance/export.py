"""The way out of the compositor: consent is asked for before the work, manifest and sidecar are there before the name is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import run_log
from .consent import Recorded
from .facts import Inputs, facts_of
from .manifest import HOLDERS, Embedded, embed
from .sidecar import digest_of, write_sidecar

if TYPE_CHECKING:
    from ..composite.types import CompositeOptions

Models = Callable[[], frozenset[Path]]
"""Tells which network files were used so far."""


class Export:
    """One composite on its way out. `seal` goes to `composite_shot`, `finish` comes after it."""

    def __init__(
        self, output: Path, inputs: Inputs, options: CompositeOptions, consent: Recorded, models: Models
    ) -> None:
        """``output`` is the final name; it need not be there yet."""
        self._output, self._inputs, self._options = output, inputs, options
        self._consent, self._models = consent, models
        self._facts: dict[str, Any] = {}
        self._embedded = Embedded(None, "picture sequences hold none")
        self._digest = ""

    def seal(self, partial: Path) -> None:
        """Give a finished movie, before it gets its name, its manifest and its sidecar.

        Raises:
            InputError: an input is gone, the user's certificate cannot be used, or the sidecar cannot be written.
            OSError: the disk is full or gone.
        """
        self._facts = facts_of(self._inputs, self._options, self._consent, self._models())
        self._embedded = embed(partial, self._inputs.footage, self._facts)
        self._digest = digest_of(partial)
        write_sidecar(self._output, self._facts, self._digest, self._embedded)

    def finish(self) -> tuple[str, ...]:
        """Write down that it was made; sentences for the user.

        Raises:
            InputError: the sidecar of a sequence cannot be written.
        """
        if not self._digest:
            self._facts = facts_of(self._inputs, self._options, self._consent, self._models())
            self._digest = digest_of(self._output)
            write_sidecar(self._output, self._facts, self._digest, self._embedded)
        return (*self._about_the_manifest(), *self._logged())

    def _about_the_manifest(self) -> tuple[str, ...]:
        if self._embedded.signer is not None or self._output.suffix.lower() not in HOLDERS:
            return ()  # that .mkv and pictures hold none is known, and their sidecar says it
        return (
            f"The movie has no C2PA manifest, because {self._embedded.reason}; its provenance is only in the file "
            "beside it.",
        )

    def _logged(self) -> tuple[str, ...]:
        consent = self._facts["consent"]["sha256"]
        manifest = self._embedded.signer or "none"
        line = {**self._facts, "output_sha256": self._digest, "consent": consent, "manifest": manifest}
        try:
            run_log.append(line)
        except OSError as error:
            return (f"The run log could not be written: {error.strerror or error}.",)
        return ()
