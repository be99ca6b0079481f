"""One question about one study, and how the questions of a rule are found in an archive."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from service.bridge.drawn import KINDS, Drawn, describe
from service.bridge.rules import Rule, Rules, WantedScan
from service.pacs.archive import Archive, FoundSeries, Query


@dataclass(frozen=True, slots=True)
class Pair:
    """An image series with the segmentation drawn on it."""

    image: FoundSeries
    segmentation: FoundSeries
    drawn: Drawn


@dataclass(frozen=True, slots=True)
class Task:
    """What a rule asks about a study."""

    rule: Rule
    study_uid: str = field(repr=False)
    pairs: tuple[Pair, ...]
    """In the order of the rule's scans."""

    @property
    def uids(self) -> tuple[str, ...]:
        """What makes it this question and no other; they lead back to a patient."""
        return (self.study_uid, *(one.series_uid for pair in self.pairs for one in (pair.image, pair.segmentation)))

    @property
    def instances(self) -> int:
        """Of all its series: a study that is still being sent grows."""
        return sum(pair.image.instances + pair.segmentation.instances for pair in self.pairs)

    @property
    def patient(self) -> str:
        """PatientID."""
        return self.pairs[0].drawn.patient


@dataclass(slots=True)
class Finder:
    """Looks through an archive, round after round; a segmentation's header is read once while the bridge runs."""

    archive: Archive
    rules: Rules
    unfitting: int = 0
    """Segmentations of the last look that no rule has a use for."""
    _known: dict[tuple[str, int], Drawn | None] = field(default_factory=dict, repr=False)

    def tasks(self, today: date, check: Callable[[], None] = lambda: None) -> list[Task]:
        """All questions about studies of the last days, whether asked already or not.

        Raises:
            PacsError: The archive does not answer, refuses, or answers nonsense.
        """
        since = f"{today - timedelta(days=self.rules.days_back):%Y%m%d}-"
        studies: dict[str, list[FoundSeries]] = {}
        for kind in KINDS:
            for found in self.archive.find(Query(modality=kind, study_dates=since)):
                if found.study_uid and found.series_uid:
                    studies.setdefault(found.study_uid, []).append(found)
        seen = {(one.series_uid, one.instances) for several in studies.values() for one in several}
        self._known = {key: drawn for key, drawn in self._known.items() if key in seen}
        self.unfitting = 0
        return [task for study, drawn in studies.items() for task in self._of_study(study, drawn, check)]

    def _of_study(self, study: str, segmentations: Sequence[FoundSeries], check: Callable[[], None]) -> Iterator[Task]:
        described = []
        for one in segmentations:
            check()
            drawn = self._describe(one)
            if drawn is not None and not drawn.ours and drawn.patient and drawn.image_uid:
                described.append((one, drawn))
        if not described:
            return
        images = {one.series_uid: one for one in self.archive.find(Query(study_uid=study))}
        pairs = [Pair(images[drawn.image_uid], one, drawn) for one, drawn in described if drawn.image_uid in images]
        used: set[str] = set()
        for rule in self.rules.rules:
            fitting = [_fitting(pairs, wanted) for wanted in rule.scans]
            if all(fitting):
                used |= {pair.segmentation.series_uid for several in fitting for pair in several}
                yield Task(rule, study, tuple(_newest(several) for several in fitting))
        self.unfitting += len({one.series_uid for one, _ in described} - used)

    def _describe(self, one: FoundSeries) -> Drawn | None:
        key = (one.series_uid, one.instances)
        if key not in self._known:
            self._known[key] = describe(self.archive, one.study_uid, one.series_uid)
        return self._known[key]


def _fitting(pairs: Sequence[Pair], wanted: WantedScan) -> list[Pair]:
    return [
        pair
        for pair in pairs
        if pair.image.modality == wanted.dicom_modality
        and wanted.body_part.upper() in ("", pair.image.body_part)
        and pair.drawn.holds(wanted.structures, wanted.labels)
    ]


def _newest(fitting: Sequence[Pair]) -> Pair:
    """The one that was drawn last: a correction takes the first drawing's place."""
    return max(fitting, key=lambda pair: (pair.drawn.moment, pair.segmentation.series_uid))
