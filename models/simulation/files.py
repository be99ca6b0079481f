"""The files of a simulated cohort: NIfTI images, and notes that say that all of it is simulated."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from models.simulation.mechanism import HORIZON_DAYS, WEIBULL_SHAPE
from models.simulation.patient import STAGES, THERAPIES
from models.simulation.render import Picture

_FIRST_VOXEL_MM = (-120.0, -90.0, -400.0)

_COLUMNS = f"""# All of it is simulated: no patient stands behind any row.
simulated: true
evidence: simulated
endpoint:
  outcome: simulated response
  progression: simulated progression
columns:
  clinical.age_years: {{unit: years, lower: 18, upper: 110}}
  clinical.sex: {{categories: [female, male]}}
  clinical.ecog: {{unit: points, lower: 0, upper: 4}}
  clinical.stage: {{categories: [{", ".join(STAGES)}]}}
  clinical.smoking_pack_years: {{unit: pack years, lower: 0, upper: 200}}
  clinical.pdl1_percent: {{unit: percent, lower: 0, upper: 100}}
"""

_README = """# A simulated cohort

Every patient, image, therapy and outcome in this folder is simulated (`python -m models simulate
--patients {patients} --seed {seed}`). No person stands behind it, and nothing learned from it says
anything about real tumours or therapies. It exists because its truth is known.

- `cohort.csv`: what a cohort's table says: one row a patient, image and mask, covariates, the
  therapy that was given, response (`outcome`), `time_days` to progression or the end of follow-up, `event`.
- `columns.yaml`: units, limits and categories of the covariates.
- `truth.csv`: what is behind it: the tumour's factors, all covariates, and for each therapy
  ({therapies}) the probability of being given it, of response, and the Weibull scale (shape
  {shape}), median and restricted mean (to {horizon:.0f} days) of the time to progression.

Therapies are given with confounding: by age, performance status, PD-L1 and tumour size. The
tumour's texture, necrosis and shape change response and progression, differently by therapy;
they show in the image and nowhere in the table. Some covariates are missing, at random.
The mechanism is written out in `models/simulation/mechanism.py`.
"""


def write_image(path: Path, picture: Picture) -> None:
    """CT numbers, 16-bit, gzipped NIfTI."""
    _write(path, picture.hu, picture)


def write_labels(path: Path, picture: Picture) -> None:
    """Labels, 8-bit, gzipped NIfTI."""
    _write(path, picture.labels.astype(np.uint8), picture)


def write_notes(folder: Path, patients: int, seed: int) -> None:
    """`README.md` and `columns.yaml`."""
    text = _README.format(
        patients=patients,
        seed=seed,
        therapies=", ".join(THERAPIES),
        shape=WEIBULL_SHAPE,
        horizon=HORIZON_DAYS,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
    (folder / "columns.yaml").write_text(_COLUMNS, encoding="utf-8")


def _write(path: Path, voxels: np.ndarray, picture: Picture) -> None:
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(picture.spacing_mm)
    image.SetOrigin(_FIRST_VOXEL_MM)
    sitk.WriteImage(image, str(path), useCompression=True, compressionLevel=1)
