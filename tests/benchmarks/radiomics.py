"""Radiomic features by both engines on the same files: time, memory, and how far their values differ.

Each engine runs in processes of its own, in turns, with the threads of its libraries set to one. `peers.py` has other
packages.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.samples import sample

from .extraction import ENGINES

Say = Callable[[str], None]
Figures = dict[str, Any]

OUT = Path("build/bench/radiomics")
ROUNDS = 3
SLOW_SECONDS = 10.0
"""A first extraction that takes more CPU is repeated once, in one round, and not in threads."""

SINGLE_THREADED = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")} | {
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1"
}

CLASSES = "featureClass: {shape: [], firstorder: [], glcm: [], glrlm: [], glszm: [], gldm: [], ngtdm: []}"
ORIGINAL = "imageType: {Original: {}}"
FOURTEEN = "imageType: {Original: {}, Wavelet: {}, LoG: {sigma: [1.0, 2.0, 3.0, 4.0, 5.0]}}"


@dataclass(frozen=True, slots=True)
class Case:
    """One lesion (label 1) with a profile."""

    name: str
    image: Path
    mask: Path
    modality: str
    profile: str


def measure(say: Say) -> Figures:
    """Prints figures and gives them."""
    figures: Figures = {"machine": {"cores": len(os.sched_getaffinity(0)), "load_before": os.getloadavg()}}
    say(f"\nload {os.getloadavg()[0]:.1f} on {figures['machine']['cores']} cores; wall and CPU: best of the warm runs")
    say(_HEAD)
    for case in cases():
        runs = _runs(case)
        figures[case.name] = figured = compared(runs)
        _print(case.name, figured, say)
    figures["machine"]["load_after"] = os.getloadavg()
    return figures


def cases() -> Iterator[Case]:
    """Those of pyradiomics' archive, and the largest CT of RADRESPONSE_DATA where that is set."""

    def of_archive(what: str, name: str, modality: str, images: str = ORIGINAL, width: int = 25) -> Case:
        return Case(f"{name}, {what}", *sample(name), modality, _profile(images, width))

    yield of_archive("CT 512x512x48, original", "lung1", "ct")
    yield of_archive("CT 512x512x61, original", "lung2", "ct")
    yield of_archive("MR 256x256x25, original", "brain1", "mr")
    yield of_archive("MR 256x256x25, original, bin width 1", "brain1", "mr", width=1)
    yield of_archive("MR 45x120x21, original", "breast1", "mr")
    yield of_archive("CT 512x512x61, 14 images", "lung2", "ct", FOURTEEN)
    if "RADRESPONSE_DATA" in os.environ:
        yield _largest_ct(Path(os.environ["RADRESPONSE_DATA"]))


def _profile(images: str, width: int) -> str:
    return f"{images}\n{CLASSES}\nsetting: {{binWidth: {width}}}\n"


def _largest_ct(data: Path) -> Case:
    import SimpleITK as sitk  # noqa: PLC0415  only here

    folder = max(
        (data / "sts_dicom").glob("*/CT/image"), key=lambda one: sum(file.stat().st_size for file in one.iterdir())
    )
    patient = folder.parents[1].name
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    mask = sitk.ReadImage(str(data / "sts_dicom" / "masks" / patient / "CT_mask.nii.gz"))
    # Their grids differ by the rounding of NIfTI's header, which pyradiomics refuses.
    mask = sitk.Resample(mask, image, sitk.Transform(), sitk.sitkNearestNeighbor)
    files = OUT / "ct_image.nrrd", OUT / "ct_mask.nrrd"
    OUT.mkdir(parents=True, exist_ok=True)
    for one, file in zip((image, mask), files, strict=True):
        sitk.WriteImage(one, str(file), useCompression=True)
    size = "x".join(str(length) for length in image.GetSize())
    return Case(f"sarcoma, CT {size}, original", *files, "ct", _profile(ORIGINAL, 25))


def _runs(case: Case) -> dict[str, list[Figures]]:
    """Of each engine, one process a round; in turns, so that load falls on all alike."""
    runs: dict[str, list[Figures]] = {engine: [] for engine in ENGINES}
    for round_ in range(ROUNDS):
        for engine, done in runs.items():
            if round_ and done[0]["cold_cpu_s"] > SLOW_SECONDS:
                continue
            _progress(f"{case.name}: round {round_ + 1} of {ROUNDS}, {engine}")
            done.append(run([sys.executable, "-m", f"{__package__}.extraction"], engine, case))
    _progress("")
    return runs


def _progress(words: str) -> None:
    sys.stderr.write(f"\r{words:<90}" if words else "\r" + " " * 90 + "\r")
    sys.stderr.flush()


def run(
    command: Sequence[str],
    engine: str,
    case: Case,
    slow_seconds: float = SLOW_SECONDS,
    without: Sequence[str] = (),
) -> Figures:
    """Asks one process for one engine on one case; in threads where one takes less than `slow_seconds`.

    Our engine leaves out features whose names hold one of `without`.
    """
    asked = {
        "engine": engine,
        "image": str(case.image),
        "mask": str(case.mask),
        "profile": case.profile,
        "modality": case.modality,
        "repeats": 15,
        "budget_s": 3.0,
        "slow_s": slow_seconds,
        "without": list(without),
        "started": time.time(),
    }
    alone = os.environ | SINGLE_THREADED
    ended = subprocess.run(command, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True, env=alone)
    figures: Figures = json.loads(ended.stdout.splitlines()[-1])
    return figures


def compared(runs: Mapping[str, Sequence[Figures]]) -> Figures:
    """The best of each engine's processes, and our engine beside the others."""
    engines = {engine: _best(done) for engine, done in runs.items()}
    ours, reference = runs["fused"][0]["values"], runs["pyradiomics"][0]["values"]
    shared = sorted(set(ours) & set(reference))
    differences = {name: abs(ours[name] - reference[name]) / max(abs(reference[name]), 1e-9) for name in shared}
    worst = max(differences, key=lambda name: differences[name])
    fused = engines["fused"]
    return {
        "engines": engines,
        "times_faster": {
            engine: {key: one[key] / fused[key] for key in ("wall_ms", "cpu_ms", "decode_ms")}
            for engine, one in engines.items()
            if engine != "fused"
        },
        "shared": len(shared),
        "only_one_gives": sorted(set(ours) ^ set(reference)),
        "worst": {"feature": worst, "relative": differences[worst]},
    }


def _best(done: Sequence[Figures]) -> dict[str, float]:
    def least(key: str) -> float:
        return min((value for one in done for value in _listed(one[key])), default=float("nan"))

    milliseconds = {
        "decode_ms": "decode_s",
        "first_answer_ms": "first_answer_s",
        "first_answer_cpu_ms": "first_answer_cpu_s",
        "cold_ms": "cold_s",
        "wall_ms": "warm_s",
        "cpu_ms": "warm_cpu_s",
        "two_threads_ms": "two_threads_s",
    }
    found = {name: 1000 * least(key) for name, key in milliseconds.items()}
    return found | {key: least(key) for key in ("peak_over_decoded_mib", "rise_mib", "decoded_mib")}


def _listed(value: float | list[float]) -> list[float]:
    return value if isinstance(value, list) else [value]


_COLUMNS = {
    "decode": "decode_ms",
    "process": "first_answer_ms",
    "its CPU": "first_answer_cpu_ms",
    "cold": "cold_ms",
    "warm": "wall_ms",
    "CPU": "cpu_ms",
    "2 threads": "two_threads_ms",
    "peak MiB": "peak_over_decoded_mib",
}
_HEAD = f"  {'ms':<22}" + "".join(f"{column:>11}" for column in _COLUMNS)


def _print(name: str, figured: Figures, say: Say) -> None:
    say(f"\n{name}")
    for engine, one in figured["engines"].items():
        say(f"  {engine:<22}" + "".join(f"{one[key]:>11,.1f}" for key in _COLUMNS.values()))
    for engine, times in figured["times_faster"].items():
        say(f"  {times['wall_ms']:.0f}x {engine} by wall, {times['cpu_ms']:.0f}x by CPU")
    worst = figured["worst"]
    say(f"  worst relative difference {worst['relative']:.1e} ({worst['feature']}) of {figured['shared']} features")
    if only := figured["only_one_gives"]:
        say(f"  {len(only)} features that one engine gives alone: {', '.join(only[:5])}")
