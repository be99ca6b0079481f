"""All asked features of one scan: from the cache where they are, computed where they are not."""

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from features.cache import Cache, Found, Key
from features.case import Scan
from features.errors import BadLesion
from features.imaging.read import Limits
from features.measures import NO_VOLUME, measure_all, measure_lesion
from features.modalities import is_projection, modality_of
from features.notice import Notice
from features.opened import OpenedScan
from features.plan import Need
from features.profile import Profile
from features.radiomics import ENGINE, extract
from features.radiomics.shared import Shared
from features.summary import SUMMARIES, summarise

if TYPE_CHECKING:
    from features.embedding.encoder import Encoder

Labels = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tools:
    """What features are computed with, the same for all scans of a case."""

    profile: Profile
    encoder: "Encoder | None"
    cache: Cache
    check: Callable[[], None]
    limits: Limits


@dataclass(frozen=True, slots=True)
class ScanFeatures:
    """What one scan gave."""

    found: dict[Need, float | str]
    """A value, or why there is none."""
    notices: tuple[Notice, ...]
    seconds: dict[str, float]
    """By step: decode, radiomics, embedding, measures."""


def scan_features(scan: Scan, place: str, needs: Sequence[Need], tools: Tools) -> ScanFeatures:
    """Takes the needed numbers from one scan.

    Raises:
        BadImage: The image cannot be used.
        BadSegmentation: The segmentation cannot be used with it.
    """
    work = _Work(scan, OpenedScan(scan, place, tools.limits), tools)
    tools.check()
    volumes = work.volumes()
    labels = tuple(volumes)
    largest = max(labels, key=lambda label: (volumes[label], -label))
    found: dict[Need, float | str] = {}
    left_out: dict[tuple[int, str], list[str]] = {}
    for kind in dict.fromkeys(need.kind for need in needs):
        wanted = [need for need in needs if need.kind == kind]
        by_region = work.regions(kind, _items_by_region(wanted, labels, largest))
        for need in wanted:
            if need.lesions in SUMMARIES:
                by_lesion = {str(label): by_region[label,] for label in labels}
                found[need] = summarise(need.lesions, need.item, by_lesion)
                for label in labels:
                    if isinstance(reason := by_region[label,][need.item], str):
                        left_out.setdefault((label, kind), []).append(reason)
            else:
                region = labels if need.lesions == "all" else (largest,)
                found[need] = by_region[region][_stored(need)]
    seconds = {**work.seconds, "decode": work.opened.seconds}
    return ScanFeatures(found, tuple(_notices(scan, left_out)), seconds)


def _items_by_region(needs: Iterable[Need], labels: Labels, largest: int) -> dict[Labels, dict[str, None]]:
    regions: dict[Labels, dict[str, None]] = {}
    for need in needs:
        if need.lesions in SUMMARIES:
            chosen: list[Labels] = [(label,) for label in labels]
        else:
            chosen = [labels if need.lesions == "all" else (largest,)]
        for region in chosen:
            regions.setdefault(region, {})[_stored(need)] = None
    return regions


def _stored(need: Need) -> str:
    """The name under which a number is kept: measures of all lesions are no measures of one region."""
    return f"all {need.item}" if need.kind == "measure" and need.lesions == "all" else need.item


def _notices(scan: Scan, left_out: dict[tuple[int, str], list[str]]) -> Iterable[Notice]:
    for (label, kind), reasons in left_out.items():
        what = f"{len(reasons)} {kind} column{'s' if len(reasons) > 1 else ''}"
        yield Notice(
            "LESION_LEFT_OUT", f"scan {scan.name}, day {scan.day}: lesion {label} left out of {what}: {reasons[0]}"
        )


@dataclass(slots=True)
class _Work:
    """One scan under way."""

    scan: Scan
    opened: OpenedScan
    tools: Tools
    seconds: dict[str, float] = field(default_factory=dict)
    shared: Shared = field(default_factory=Shared)

    def volumes(self) -> dict[int, float]:
        """Voxels of each asked lesion, by label."""
        key = self._key("lesions", ",".join(str(label) for label in sorted(self.scan.labels)) + self._structures())
        known = {int(label): count for label, count in self.tools.cache.get(key).items() if not isinstance(count, str)}
        if not known:
            known = {lesion.label: float(lesion.voxel_count) for lesion in self.opened.open()}
            self.tools.cache.put(key, {str(label): count for label, count in known.items()})
        return dict(sorted(known.items()))

    def regions(self, kind: str, items: dict[Labels, dict[str, None]]) -> dict[Labels, Found]:
        """The items of each region."""
        keys = {region: self._key(self._what(kind), "+".join(str(label) for label in region)) for region in items}
        found = {region: self.tools.cache.get(keys[region]) for region in items}
        lacking = {region: [item for item in items[region] if item not in found[region]] for region in items}
        lacking = {region: names for region, names in lacking.items() if names}
        if not lacking:
            return found
        self.opened.open()  # before the clock starts: decoding is counted by itself
        start = time.perf_counter()
        for region, more in self._computed(kind, lacking):
            self.tools.cache.put(keys[region], more)
            found[region] = {**found[region], **more}
            self.tools.check()
        spent = {"measure": "measures"}.get(kind, kind)
        self.seconds[spent] = self.seconds.get(spent, 0.0) + time.perf_counter() - start
        return found

    def _computed(self, kind: str, lacking: dict[Labels, list[str]]) -> Iterable[tuple[Labels, Found]]:
        if kind == "embedding":
            yield from self._embedded(list(lacking))
        for region, items in lacking.items():
            self.tools.check()
            if kind == "radiomics":
                yield region, self._radiomics(region, items)
            elif kind == "measure":
                yield region, self._measured(region, items)

    def _radiomics(self, region: Labels, items: list[str]) -> Found:
        settings = self.tools.profile.for_modality(self.scan.name)
        try:
            extracted = extract(self.opened.region(region), settings, items, self.tools.check, shared=self.shared)
        except BadLesion as error:
            return dict.fromkeys(items, str(error))
        return {**extracted.values, **extracted.missing}

    def _measured(self, region: Labels, items: list[str]) -> Found:
        found: Found = {}
        if any(not item.startswith("all ") for item in items):
            found.update(measure_lesion(self.opened.region(region)))
        if any(item.startswith("all ") for item in items):
            found.update({f"all {name}": value for name, value in measure_all(self.opened.open()).items()})
        if is_projection(self.scan.name):
            found.update({name: NO_VOLUME for name in found if name.endswith("volume_mm3")})
        return found

    def _embedded(self, regions: list[Labels]) -> Iterable[tuple[Labels, Found]]:
        encoder = self.tools.encoder
        assert encoder is not None  # noqa: S101  compute refused the columns otherwise
        word = modality_of(self.scan.name)
        lesions = [self.opened.region(region) for region in regions]
        rows = encoder.embed(lesions, [word] * len(regions), self.tools.check)
        for region, row in zip(regions, rows, strict=True):
            yield region, {f"{encoder.name}.{index}": float(value) for index, value in enumerate(row)}

    def _what(self, kind: str) -> str:
        modality = modality_of(self.scan.name)
        if kind == "radiomics":
            return f"radiomics {ENGINE} {self.tools.profile.digest} {modality}"
        if kind == "embedding" and self.tools.encoder is not None:
            return f"embedding {self.tools.encoder.variant} {modality}"
        return f"{kind} of a plane" if kind == "measure" and is_projection(modality) else kind

    def _structures(self) -> str:
        """What stands for the names of asked structures in the cache: they may be a person's."""
        asked = self.scan.structures
        if not asked:
            return ""
        return " " + hashlib.sha256("\0".join((asked.pattern, *sorted(asked.names))).encode()).hexdigest()

    def _key(self, what: str, lesions: str) -> Key:
        resampled = " resampled" if self.scan.resample_segmentation else ""
        return Key(self.scan.image.digest, self.scan.segmentation.digest + resampled, what, lesions)
