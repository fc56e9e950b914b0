"""What is written in one piece."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class WholeWriter(ABC):
    """Writes something that gets its name when a ``with`` statement ends well, and is gone when it does not."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    @abstractmethod
    def close(self) -> None:
        """Finish, and give it its name."""

    @abstractmethod
    def discard(self) -> None:
        """Stop, and leave nothing behind."""
