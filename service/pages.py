"""Lists, page by page (AIP-158): a page begins after the name at which the one before ended."""

import base64
import binascii
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from service.errors import BadRequestField

USUAL_SIZE = 100
LARGEST_SIZE = 1000
_MARK = b"after:"


Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some of them, and how to ask for those after them."""

    items: tuple[Item, ...]
    next_token: str
    """Empty where there are no more."""


def page_of(items: Mapping[str, Item], size: int, token: str) -> Page[Item]:
    """The page that a token asks for.

    Args:
        items: By name, in the order of names.
        size: At most so many; 0 for the usual number.
        token: Of the page before; empty for the first.

    Raises:
        BadRequestField: A negative size, or a token that no page gave.
    """
    if size < 0:
        raise BadRequestField("page_size", f"{size}; wanted 0 to {LARGEST_SIZE}")
    after = _name_of(token) if token else ""
    rest = ((name, item) for name, item in items.items() if name > after)
    taken = list(itertools.islice(rest, min(size or USUAL_SIZE, LARGEST_SIZE)))
    more = next(rest, None) is not None
    return Page(tuple(item for _, item in taken), _token_of(taken[-1][0]) if more else "")


def _token_of(name: str) -> str:
    return base64.urlsafe_b64encode(_MARK + name.encode()).decode()


def _name_of(token: str) -> str:
    try:
        content = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        name = content.removeprefix(_MARK).decode() if content.startswith(_MARK) else ""
    except (binascii.Error, UnicodeError):
        name = ""
    if not name:
        raise BadRequestField("page_token", "not one that this service gave; wanted next_page_token, or nothing")
    return name
