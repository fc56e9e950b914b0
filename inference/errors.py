"""What can go wrong for a user, one class per exit code of the command line.

Every message is one sentence that says what is wrong and what to do.
"""

from __future__ import annotations


class UnderstudyError(Exception):
    """A problem the user can act on; never a programming error."""

    exit_code = 1


class UsageError(UnderstudyError):
    """The request itself is wrong: unknown option value, impossible combination, target in the way."""

    exit_code = 2


class InputError(UnderstudyError):
    """The material is unusable: unreadable video, no face, damaged take."""

    exit_code = 3


class MissingComponentError(UnderstudyError):
    """A model file, Blender or another component is not there; the message says where to get it."""

    exit_code = 4


class StoppedError(UnderstudyError):
    """The user stopped the job."""

    exit_code = 130


_BY_EXIT_CODE: dict[int, type[UnderstudyError]] = {
    kind.exit_code: kind for kind in (UsageError, InputError, MissingComponentError, StoppedError)
}


def error_of(exit_code: int, message: str) -> UnderstudyError:
    """The error of a program that ended with this exit code."""
    return _BY_EXIT_CODE.get(exit_code, UnderstudyError)(message)
