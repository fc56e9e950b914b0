"""Reads arrays out of pickled files without trusting them: nothing but arrays is made, whatever the file asks for.

FLAME and its landmark files are Python pickles, which can run any program when they are loaded the usual way. Here every
name that a file asks for is looked up in a short list; all others are refused before they are imported.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError


class _RefusedError(pickle.UnpicklingError):
    """The file asks for something that is no array."""


class _Stored:
    """Stands in for an object of another library: keeps its state, has no behaviour."""

    state: dict[str, Any]

    def __new__(cls, *_: object) -> Self:
        stored = super().__new__(cls)
        stored.state = {}
        return stored

    def __setstate__(self, state: object) -> None:
        parts = state if isinstance(state, tuple) else (state,)
        for part in parts:
            if isinstance(part, dict):
                self.state.update(part)


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """The one use that pickled arrays make of `codecs.encode`."""
    if encoding != "latin1":
        raise _RefusedError(f"encoding {encoding}")
    return text.encode("latin1")


def _made(kind: type, base: type, state: object) -> object:
    """`copyreg._reconstructor` for stand-ins only."""
    if kind is not _Stored or base is not object:
        raise _RefusedError("an object of another kind")
    return _Stored()


def _nothing(*_: object) -> None:
    """Takes the place of tensors that are not needed."""


_KNOWN: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): _latin1,
    ("collections", "OrderedDict"): OrderedDict,
    **{(module, "_reconstructor"): _made for module in ("copy_reg", "copyreg")},
    **{(module, "object"): object for module in ("__builtin__", "builtins")},
    **{("numpy", name): getattr(np, name) for name in ("dtype", "ndarray")},
    **{
        (f"numpy.{core}.multiarray", name): function
        for core in ("core", "_core")
        for name, function in (("_reconstruct", np.zeros(1).__reduce__()[0]), ("scalar", np.float64(1).__reduce__()[0]))
    },
    **{(f"numpy.{core}.numeric", "_frombuffer"): np.zeros(1).__reduce_ex__(5)[0] for core in ("core", "_core")},
}


_BROKEN = (
    OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, IndexError, ImportError, pickle.UnpicklingError,
)  # fmt: skip
"""What reading bytes that are no pickle ends in."""


class _ArraysOnly(pickle.Unpickler):
    """Makes arrays, containers, numbers and texts; stand-ins for chumpy and sparse matrices; refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        known = _KNOWN.get((module, name))
        if known is not None:
            return known
        library = module.partition(".")[0]
        if library == "chumpy" or (library == "scipy" and name in ("csc_matrix", "csr_matrix")):
            return _Stored
        if library == "torch":
            return _nothing
        raise _RefusedError(f"the name {module}.{name}")


def read_pickle(path: Path, what: str) -> dict[str, Any]:
    """The dictionary in a pickled file, its arrays as NumPy arrays; also from an .npy file that wraps one.

    Raises InputError for anything else, and for a file that asks for more than arrays, which is then not executed.
    """
    try:
        content = path.read_bytes()
        if content.startswith(b"\x93NUMPY"):
            stream = io.BytesIO(content)
            major, _ = np.lib.format.read_magic(stream)  # type: ignore[no-untyped-call]
            stream.read(int.from_bytes(stream.read(2 if major == 1 else 4), "little"))
            content = content[stream.tell() :]
        found = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
        if isinstance(found, np.ndarray) and found.dtype == object and found.size == 1:
            found = found.item()
        if not isinstance(found, dict):
            raise InputError(f"{path} is not {what}; give the file as it was published.")
        return {str(key): _plain(value) for key, value in found.items()}
    except _RefusedError as error:
        raise InputError(
            f"{path} was not opened because it holds more than arrays ({error}), which could run a program; "
            f"give {what} as it was published."
        ) from error
    except _BROKEN as error:
        raise InputError(f"{path} is not {what} or is damaged ({error}); give the file as it was published.") from error


def _plain(value: Any) -> Any:
    """A stand-in's array: chumpy's (`x`, or a selection of another one) or a sparse matrix's; others as they are."""
    if not isinstance(value, _Stored):
        return value
    state = value.state
    if "x" in state:
        return np.asarray(_plain(state["x"]))
    if {"a", "idxs", "preferred_shape"} <= state.keys():
        return np.asarray(_plain(state["a"])).ravel()[np.asarray(state["idxs"])].reshape(state["preferred_shape"])
    if {"data", "indices", "indptr"} <= state.keys():
        return _dense(state)
    raise ValueError("an unknown kind of array")


def _dense(state: dict[str, Any]) -> NDArray[np.float64]:
    """A compressed sparse matrix, by columns (one pointer per column) or by rows, as a dense one."""
    shape = tuple(int(size) for size in (state["_shape"] if "_shape" in state else state["shape"]))
    data, indices, pointers = (np.asarray(state[name]) for name in ("data", "indices", "indptr"))
    by_column = len(pointers) == shape[1] + 1 and len(pointers) != shape[0] + 1
    dense = np.zeros(shape)
    lines = np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))
    dense[(indices, lines) if by_column else (lines, indices)] = data
    return dense
