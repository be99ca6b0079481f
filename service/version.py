"""Which version of this software answers."""

from models.software import VERSION

__all__ = ["VERSION"]
