"""Radiomic features of one lesion, by pyradiomics' names and definitions: the one door to both engines."""

from collections.abc import Callable, Collection
from typing import Literal, get_args

from features.errors import BadProfile, EngineMissing
from features.lesion import Lesion
from features.radiomics.extracted import Extracted
from features.radiomics.settings import Settings
from features.radiomics.shared import Shared

Engine = Literal["fused", "pyradiomics"]
"""`fused` computes here, `pyradiomics` is the reference, which it equals; only the reference needs pyradiomics."""

ENGINES: tuple[Engine, ...] = get_args(Engine)

ENGINE = "fused 1 (values of pyradiomics 3.0.1)"
"""What computes unless another is asked for. Features are cached and answers signed under it: the number rises with
any change of values, however small."""

REFERENCE = "pyradiomics 3.0.1"


def extract(
    lesion: Lesion,
    settings: Settings,
    names: Collection[str] | None = None,
    check: Callable[[], None] = lambda: None,
    *,
    engine: Engine = "fused",
    shared: Shared | None = None,
) -> Extracted:
    """Computes the asked features and nothing else; safe to call from several threads at once.

    Args:
        lesion: On its scan's own grid.
        settings: A profile's, for the modality of the scan.
        names: As pyradiomics prints them, e.g. `original_glcm_Contrast`; None for all that the settings take.
        check: Called between steps; what it raises stops the work.
        engine: Which one computes.
        shared: What lesions of one image share, the same object for all; None where there is one.

    Raises:
        UnknownColumn: A name that the settings do not take.
        LesionTooSmall: The lesion as a whole has too few voxels.
        BadLesion: The lesion would need more than `limits.py` allows.
        BadProfile: The reference is asked for IBSI's definitions, which it does not have.
        EngineMissing: The reference is asked for where pyradiomics is not installed.
    """
    # Each loads on first use, for they load slowly.
    if settings.ibsi is not None:
        if engine != "fused":
            raise BadProfile(
                f"the profile takes IBSI's definitions, which the engine {engine} does not have; wanted fused",
                engine=engine,
            )
        from features.radiomics.ibsi.engine import extract as standard  # noqa: PLC0415

        return standard(lesion, settings, settings.ibsi, names, check)
    if engine == "fused":
        from features.radiomics.fused.engine import extract as fused  # noqa: PLC0415

        return fused(lesion, settings, names, check, shared)
    try:
        from features.radiomics.reference import extract as reference  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "radiomics":
            raise
        raise EngineMissing(
            "pyradiomics is not installed here; wanted: pip install pyradiomics==3.0.1 (Python 3.11 at most), "
            "or the engine fused, which needs none",
            engine=engine,
        ) from None
    return reference(lesion, settings, names, check)
