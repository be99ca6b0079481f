"""Loads a version's files once they are, byte by byte, those that were admitted; and asks it again what it answered."""

from collections.abc import Callable
from pathlib import Path

from features.embedding.encoder import Encoder
from models.admission.golden import replay
from models.computable import require_computable
from models.errors import BadKey, NotReleased
from models.files import digest_of, digests_of, read_all
from models.load import model_of
from models.releases import PublicKeys, Release
from models.version import Model

_LISTED = 3


class Keys:
    """Public keys of a file, read again when asked: a new one needs no restart, a spoilt file changes nothing."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: PublicKeys | None = None

    def known(self) -> PublicKeys:
        """The keys.

        Raises:
            BadKey: The file never held any.
        """
        try:
            self._known = PublicKeys.read(self._file)
        except BadKey:
            if self._known is None:
                raise
        return self._known


def load_released(folder: Path, release: Release, encoder_of: Callable[[str], Encoder]) -> Model:
    """The model, warm, and seen to answer what it answered when it was admitted.

    Args:
        folder: Of its files.
        release: Verified.
        encoder_of: Gives an encoder by its identity.

    Raises:
        NotReleased: A file is another than was admitted, or an answer is.
        BadVersion: It cannot be loaded, or asks for what this server cannot compute.
    """
    files = read_all(folder)
    seen = digests_of(files)
    if seen != dict(release.files) or digest_of(files) != release.digest:
        odd = sorted(name for name in seen.keys() | release.files.keys() if seen.get(name) != release.files.get(name))
        more = f" and {len(odd) - _LISTED} more" if len(odd) > _LISTED else ""
        raise NotReleased(
            f"{', '.join(odd[:_LISTED]) or 'its digest'}{more} changed since it was admitted; wanted another admission"
        )
    model = model_of(files, release.name, release.version)
    wanted = model.manifest.encoder
    require_computable(model, encoder_of(wanted) if wanted else None)
    replay(model, release.golden)
    return model
