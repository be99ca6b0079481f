"""What stands after `--profile`: the name of a profile that comes with the code, or a file."""

from pathlib import Path

from features.errors import BadProfile
from features.profile import DEFAULT_PROFILE, SHIPPED, Profile, shipped_profile
from features.strict_yaml import nearest

HELP = f"{', '.join(SHIPPED)}, or a pyradiomics parameter file"


def chosen_profile(given: str | None) -> Profile:
    """The profile that is meant; the default where none is given.

    Raises:
        BadProfile: It cannot be used, or there is neither a profile nor a file of that name.
    """
    if given is None:
        return DEFAULT_PROFILE
    if given in SHIPPED:
        return shipped_profile(given)
    path = Path(given)
    if not path.exists() and not path.suffix and len(path.parts) == 1:
        raise BadProfile(f"there is no profile and no file {given[:80]}; {nearest(given, SHIPPED)}")
    try:
        return Profile.parse(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise BadProfile("the profile is no text in UTF-8") from None
