"""The one door to numba: functions compiled once, kept on disk, and run without the interpreter's lock, unless briefly.

They are kept beside the source, or in NUMBA_CACHE_DIR, or in the user's cache. A folder that cannot be written to, as
in a read-only container, serves all the same when they were compiled into it before; where there is no folder at
all they are compiled anew in each process, which takes half a minute and changes no value.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit
from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    InTreeCacheLocator,
    UserProvidedCacheLocator,
    UserWideCacheLocator,
)

Function = TypeVar("Function", bound=Callable[..., Any])

KERNELS: list[Any] = []
"""All that were declared so far."""


def compiled(function: Function) -> Function:
    """Compiles a function at its first call; a later process finds it compiled."""
    return _declared(function, lets_go=True)


def compiled_briefly(function: Function) -> Function:
    """The same for microseconds of work, during which the interpreter's lock is kept.

    To give it up and get it back among busy threads costs more than such work does.
    """
    return _declared(function, lets_go=False)


def _declared(function: Function, *, lets_go: bool) -> Function:
    kernel: Any = njit(nogil=lets_go, error_model="numpy")(function)
    with suppress(RuntimeError):  # no folder at all
        kernel._cache = _Cache(function)  # type: ignore[no-untyped-call]
    KERNELS.append(kernel)
    return cast(Function, kernel)


class _Readable:
    """A folder that holds compiled functions need not be writable."""

    def ensure_cache_path(self) -> None:
        try:
            super().ensure_cache_path()  # type: ignore[misc]
        except OSError:
            if not any(Path(self.get_cache_path()).glob("*.nbi")):  # type: ignore[attr-defined]
                raise


class _Given(_Readable, UserProvidedCacheLocator):
    """NUMBA_CACHE_DIR."""


class _BesideSource(_Readable, InTreeCacheLocator):
    """`__pycache__`."""


class _OfUser(_Readable, UserWideCacheLocator):
    """The user's own."""


class _Folders(CompileResultCacheImpl):
    _locator_classes = [_Given, _BesideSource, _OfUser]  # noqa: RUF012  as numba declares it


class _Cache(FunctionCache):
    _impl_class = _Folders

    def save_overload(self, signature: Any, data: Any) -> None:  # noqa: ANN401  numba has no types
        """Keeps what was compiled, where that can be."""
        with suppress(OSError):
            super().save_overload(signature, data)  # type: ignore[no-untyped-call]
