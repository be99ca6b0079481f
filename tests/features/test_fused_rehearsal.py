"""Compiling beforehand compiles all: no lesion, whatever its kind of numbers and its settings, waits for a kernel."""

from builders.odd_lesions import lesions, profiles
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.compiled import KERNELS
from features.errors import BadLesion
from features.profile import Profile
from features.radiomics import extract
from features.radiomics.fused.rehearsal import rehearse


def forms() -> dict[str, int]:
    """For how many kinds of arguments each kernel was compiled."""
    return {f"{one.py_func.__module__}.{one.py_func.__qualname__}": len(one.signatures) for one in KERNELS}


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def _measure_all_kinds(data: st.DataObject) -> None:
    lesion = data.draw(lesions(largest=7))
    chosen = Profile.parse(data.draw(profiles(lesion))).for_modality("ct")
    try:
        extract(lesion, chosen)
    except BadLesion:
        return


def test_after_the_rehearsal_nothing_is_compiled() -> None:
    list(rehearse())
    ready = forms()
    assert sum(ready.values()) >= len([one for one in KERNELS if one.signatures])
    _measure_all_kinds()
    assert forms() == ready
