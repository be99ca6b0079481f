"""What was found out about a whole image, so that its lesions share it."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from numpy.typing import NDArray

Found = TypeVar("Found")


class Shared:
    """Facts of one image at a time; threads that measure lesions of the same image may use the same one."""

    def __init__(self) -> None:
        """Knows nothing."""
        self._lock = threading.Lock()
        self._image: NDArray[Any] | None = None
        self._known: dict[object, Any] = {}

    def fact(self, image: NDArray[Any], name: object, find: Callable[[], Found]) -> Found:
        """A fact of an image, found out by whoever asks first."""
        with self._lock:
            if image is not self._image:
                self._image, self._known = image, {}
            if name not in self._known:
                self._known[name] = find()
            found: Found = self._known[name]
        return found
