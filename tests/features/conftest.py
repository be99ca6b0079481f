"""Where pyradiomics is not installed, as on Python 3.12 and later, the tests that ask it as an oracle are left out."""

from importlib.util import find_spec

collect_ignore = (
    []
    if find_spec("radiomics")
    else ["test_engines_agree.py", "test_fused_matrices.py", "test_radiomics.py", "test_radiomics_baseline.py"]
)
