"""One engine on one case in a process of its own: `python -m tests.benchmarks.extraction`, asked and answered in JSON.

Asked on standard input: engine, image, mask, profile (YAML text), modality; started (Unix time at which this process
was asked for); repeats and budget_s of each figure; slow_s (where the first takes more CPU, none runs in threads).
Answered: seconds by part, memory, and the values.
"""

# ruff: noqa: PLC0415  each engine loads only in the processes that measure it

import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

THREADS = 2

Values = dict[str, float]


@dataclass(frozen=True, slots=True)
class Loaded:
    """One lesion in memory as an engine takes it."""

    extract: Callable[[], Values]
    decoded_bytes: int
    """Image and mask."""
    decode_seconds: float


def fused(asked: Mapping[str, Any]) -> Loaded:
    """Our engine, through the readers that a request goes through."""
    from features.case import Source
    from features.imaging.read import read_image, read_segmentation
    from features.lesions import find_lesions
    from features.profile import Profile
    from features.radiomics import extract

    settings = Profile.parse(asked["profile"]).for_modality(asked["modality"])
    started = time.perf_counter()
    image = read_image(Source.of(Path(asked["image"])))
    lesion = find_lesions(image, read_segmentation(Source.of(Path(asked["mask"]))), (1,))[0]
    seconds = time.perf_counter() - started
    names = None
    if without := asked.get("without"):
        names = [name for name in extract(lesion, settings).values if not any(part in name for part in without)]
    return Loaded(lambda: extract(lesion, settings, names).values, lesion.image.nbytes + lesion.mask.nbytes, seconds)


def pyradiomics(asked: Mapping[str, Any]) -> Loaded:
    """pyradiomics' own extractor on SimpleITK images."""
    import logging

    import numpy as np
    import SimpleITK as sitk
    import yaml
    from radiomics import featureextractor

    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    started = time.perf_counter()
    image, mask = sitk.ReadImage(asked["image"]), sitk.ReadImage(asked["mask"])
    seconds = time.perf_counter() - started
    profile = yaml.safe_load(asked["profile"])
    profile["setting"]["preCrop"] = asked["engine"].endswith("preCrop")

    # Made beforehand, for making one takes long and cannot be done in two threads at once.
    idle: SimpleQueue[Any] = SimpleQueue()
    for _ in range(THREADS):
        idle.put(featureextractor.RadiomicsFeatureExtractor(profile))

    def extract() -> Values:
        extractor = idle.get()
        found = extractor.execute(image, mask)
        idle.put(extractor)
        return {name: float(np.squeeze(value)) for name, value in found.items() if not name.startswith("diagnostics")}

    size = sum(one.GetNumberOfPixels() * one.GetSizeOfPixelComponent() for one in (image, mask))
    return Loaded(extract, size, seconds)


ENGINES: dict[str, Callable[[Mapping[str, Any]], Loaded]] = {
    "fused": fused,
    "pyradiomics": pyradiomics,
    "pyradiomics preCrop": pyradiomics,
}


def measured(asked: Mapping[str, Any], load: Callable[[Mapping[str, Any]], Loaded]) -> dict[str, Any]:
    """Cold, then memory, then warm by one thread and by two, each with an extraction of its own."""
    loaded = load(asked)
    held = _mib("VmRSS")
    cold, values = _timed(loaded.extract)
    answered, answered_cpu = time.time() - asked["started"], time.process_time()
    peak = _mib("VmHWM")
    warm = _repeated(loaded.extract, asked)
    in_threads: list[float] = []
    if cold[1] < asked["slow_s"]:
        with ThreadPoolExecutor(THREADS) as pool:

            def side_by_side() -> None:
                for future in [pool.submit(loaded.extract) for _ in range(THREADS)]:
                    future.result()

            in_threads = [seconds / THREADS for seconds, _ in _repeated(side_by_side, asked)]
    decoded = loaded.decoded_bytes / 1024**2
    return {
        "decode_s": loaded.decode_seconds,
        "cold_s": cold[0],
        "cold_cpu_s": cold[1],
        "first_answer_s": answered,
        "first_answer_cpu_s": answered_cpu,
        "warm_s": [seconds for seconds, _ in warm],
        "warm_cpu_s": [cpu for _, cpu in warm],
        "two_threads_s": in_threads,
        "peak_over_decoded_mib": peak - decoded,
        "rise_mib": peak - held,
        "decoded_mib": decoded,
        "values": values,
    }


def _timed(work: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return (time.perf_counter() - wall, time.process_time() - cpu), result


def _repeated(work: Callable[[], Any], asked: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Until there are enough, or the time is over; once at least."""
    times: list[tuple[float, float]] = []
    while not times or (len(times) < asked["repeats"] and sum(wall for wall, _ in times) < asked["budget_s"]):
        times.append(_timed(work)[0])
    return times


def _mib(field: str) -> float:
    """Of this process: VmRSS is held now, VmHWM the most so far (ru_maxrss would count the parent's memory in)."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found.group(1)) / 1024


if __name__ == "__main__":
    question = json.load(sys.stdin)
    sys.stdout.write(json.dumps(measured(question, ENGINES[question["engine"]])) + "\n")
