"""Which code of IBSI a feature's value may carry, under the settings by which it was taken.

A code promises IBSI's definition. pyradiomics' value of the same name is sometimes another number, which carries none.
"""

from features.radiomics.definitions import DIFFERENCES, definition_of
from features.radiomics.settings import Settings

_ORIGINAL = "original_"


def ibsi_code(name: str, settings: Settings | None) -> str:
    """The permanent identifier, 4 characters; empty where the value is not IBSI's feature of the original image.

    Args:
        name: The feature's whole name, e.g. `original_glcm_Contrast`.
        settings: By which it was taken; None where nobody knows, and then every difference counts.
    """
    if not name.startswith(_ORIGINAL):
        return ""
    definition = definition_of(name)
    differing = [key for key in definition.differs if _acts(key, settings)]
    return "" if differing else definition.ibsi_code


def _acts(difference: str, settings: Settings | None) -> bool:
    """Whether a difference between pyradiomics and IBSI can move a value under these settings."""
    assert difference in DIFFERENCES  # noqa: S101 - a key of the table
    if settings is None:
        return True
    if settings.ibsi is not None:
        return False
    setting = settings.setting
    match difference:
        case "bins":
            return not setting["binCount"]
        case "cut":
            return setting["resegmentRange"] is not None
        case "shift":
            return setting["voxelArrayShift"] != 0
        case _:
            return True
