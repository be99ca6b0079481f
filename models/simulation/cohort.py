"""A folder of simulated patients: images, what a cohort's table says, and the truth behind it."""

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from models.errors import BadCohort
from models.simulation.files import write_image, write_labels, write_notes
from models.simulation.mechanism import Course, Fate, draw_course, fates
from models.simulation.patient import THERAPIES, Patient, draw_patient, propensities
from models.simulation.render import Picture, render


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """One simulated patient with everything that is known of them."""

    subject: str
    patient: Patient
    picture: Picture
    propensities: Mapping[str, float]
    fates: Mapping[str, Fate]
    therapy: str
    course: Course


def simulate(
    folder: Path, patients: int, seed: int, progress: Callable[[int, int], None] = lambda done, total: None
) -> Path:
    """Writes a cohort: `images/`, `cohort.csv`, `columns.yaml`, `truth.csv` and `README.md`.

    The same seed gives the same bytes; the first patients do not depend on how many follow.

    Args:
        folder: Made where it is not there.
        patients: How many, at least 1.
        seed: At least 0.
        progress: Called with patients done and in all.

    Returns:
        The manifest, `cohort.csv`.

    Raises:
        BadCohort: A number is out of its range, or the folder holds another cohort.
    """
    if patients < 1 or seed < 0:
        raise BadCohort(
            f"{patients} patients with seed {seed}; wanted at least 1 patient and a seed of at least 0",
            patients=patients,
            seed=seed,
        )
    manifest = folder / "cohort.csv"
    if manifest.exists():
        raise BadCohort("the folder holds a cohort already; wanted an empty one")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    write_notes(folder, patients, seed)
    seen, truth = [], []
    for index in range(patients):
        one = simulate_one(index, seed)
        image, mask = f"images/{one.subject}_ct.nii.gz", f"images/{one.subject}_mask.nii.gz"
        write_image(folder / image, one.picture)
        write_labels(folder / mask, one.picture)
        seen.append(_seen(one, image, mask))
        truth.append(_truth(one))
        progress(index + 1, patients)
    _write_table(folder / "truth.csv", truth)
    _write_table(manifest, seen)
    return manifest


def simulate_one(index: int, seed: int) -> Simulated:
    """Patient number `index` of the cohort of that seed."""
    person, image, choice, chance = (np.random.default_rng([seed, index, part]) for part in range(4))
    patient = draw_patient(person)
    tumour = patient.tumours[0]
    picture = render(patient.tumours, patient.scanner, image)
    probability = propensities(patient.covariates, tumour)
    therapy = THERAPIES[int(choice.choice(len(THERAPIES), p=[probability[name] for name in THERAPIES]))]
    truth = fates(patient.covariates, tumour)
    return Simulated(
        f"sim-{index:05d}", patient, picture, probability, truth, therapy, draw_course(truth[therapy], chance)
    )


Cell = str | int | float


def _seen(one: Simulated, image: str, mask: str) -> dict[str, Cell]:
    """What a cohort's table says of a patient."""
    covariates = {
        f"clinical.{name}": "" if name in one.patient.unrecorded else value
        for name, value in asdict(one.patient.covariates).items()
    }
    return {
        "subject": one.subject,
        "ct.baseline.image": image,
        "ct.baseline.mask": mask,
        **covariates,
        "therapy": one.therapy,
        "outcome": one.course.response,
        "time_days": one.course.time_days,
        "event": one.course.event,
    }


def _truth(one: Simulated) -> dict[str, Cell]:
    """What is behind it, under every therapy."""
    row: dict[str, Cell] = {"subject": one.subject, "therapy": one.therapy, "lesions": len(one.patient.tumours)}
    row |= {name: _rounded(value) for name, value in asdict(one.patient.covariates).items()}
    row |= {name: _rounded(value) for name, value in asdict(one.patient.tumours[0]).items()}
    for therapy in THERAPIES:
        fate = one.fates[therapy]
        row[f"propensity.{therapy}"] = _rounded(one.propensities[therapy])
        row[f"response_probability.{therapy}"] = _rounded(fate.response_probability)
        row[f"scale_days.{therapy}"] = _rounded(fate.scale_days)
        row[f"median_days.{therapy}"] = _rounded(fate.median_days)
        row[f"restricted_mean_days.{therapy}"] = _rounded(fate.restricted_mean_days())
    return row


def _rounded(value: Cell) -> Cell:
    if isinstance(value, bool):
        return int(value)
    return float(f"{value:.8g}") if isinstance(value, float) else value


def _write_table(path: Path, rows: Iterable[Mapping[str, Cell]]) -> None:
    listed = list(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(listed[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(listed)
