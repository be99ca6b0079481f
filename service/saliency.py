"""Where in a lesion models' answers rest on the image embedding, for the board."""

from collections.abc import Sequence
from functools import partial

from features.case import Case
from features.change_picture import draw_change
from features.lesion import Lesion
from features.names import EmbeddingColumn
from features.opened import OpenedScan
from features.picture import draw
from features.plan import plan
from models.saliency import Embedded, embedded_in, score_of
from models.version import SCALES, Model
from radresponse.v1 import board_pb2
from service.answer import reference_of
from service.board import picture_of
from service.convert import within_case
from service.inputs import Inputs, Instruments, files_there
from service.tracing import span
from service.work import Check

REGIONS = ("largest", "all")
"""Lesions whose embedding is of one region of one scan."""


def saliency_of(
    case: Case, models: Sequence[tuple[Model, Inputs, Sequence[str]]], instruments: Instruments, check: Check
) -> list[board_pb2.SaliencyMap]:
    """Maps of each model that takes embeddings, by therapy.

    Args:
        case: The patient.
        models: Each that answered, with what it was given and the therapies that it gave an answer for.
        instruments: The encoders and what an image may claim.
        check: Ends the work when nobody waits.

    Raises:
        FeatureError: With `place` in the contract's words.
        ImageNotFound: An uploaded file was deleted since the case was opened.
        Cancelled: From `check`.
    """
    maker = _Maker(case, instruments, check)
    with span("saliency", models=len(models)), within_case(), files_there(case):
        return [one for model, inputs, therapies in models for one in maker.of_model(model, inputs, therapies)]


class _Maker:
    """Opens each scan once."""

    def __init__(self, case: Case, instruments: Instruments, check: Check) -> None:
        self._case = case
        self._instruments = instruments
        self._check = check
        self._opened: dict[int, OpenedScan] = {}

    def of_model(self, model: Model, inputs: Inputs, therapies: Sequence[str]) -> list[board_pb2.SaliencyMap]:
        maps: list[board_pb2.SaliencyMap] = []
        for of, columns in embedded_in(model).items():
            if why := self._left_out(of, columns, inputs):
                maps.append(board_pb2.SaliencyMap(model=reference_of(model), left_out=why))
            elif therapies:
                maps.extend(self._maps(model, inputs, therapies, of, columns))
        return maps

    def _left_out(self, of: Embedded, columns: dict[str, int], inputs: Inputs) -> str:
        whose = f"the embedding of {of.scan}, {of.when}, {of.lesions}"
        if of.when == "delta" or of.lesions not in REGIONS:
            return f"{whose} is of no one region of one scan"
        if any(name in self._case.given for name in columns):
            return f"{whose} was given by the caller"
        if any(name in inputs.missing or name not in inputs.values for name in columns):
            return f"{whose} is missing"
        return ""

    def _maps(
        self, model: Model, inputs: Inputs, therapies: Sequence[str], of: Embedded, columns: dict[str, int]
    ) -> list[board_pb2.SaliencyMap]:
        index = _scan(self._case, of)
        lesion, labels = self._region(index, of.lesions)
        encoder = self._instruments.encoders.get(model.manifest.encoder)
        scan = self._case.scans[index]
        score = score_of(model, inputs.values, inputs.missing, therapies, columns)
        found = encoder.saliency(lesion, scan.name, score, self._check)
        picture = picture_of(draw(lesion, scan.name.partition("_")[0]), index, scan.name, scan.day)
        maps = []
        for number, therapy in enumerate(therapies):
            self._check()
            drawn = draw_change(lesion, partial(found.at, score=number))
            maps.append(
                board_pb2.SaliencyMap(
                    model=reference_of(model),
                    therapy=therapy,
                    scan=index,
                    scan_name=scan.name,
                    day=scan.day,
                    labels=labels,
                    picture=picture,
                    png=drawn.png,
                    overlay_png=drawn.overlay_png,
                    full_scale=drawn.full_scale,
                    scale=SCALES[model.task],
                    whole_change=float(found.whole[number]),
                    strongest_change=float(found.strongest[number]),
                    weakest_change=float(found.weakest[number]),
                    shuffled_correlation=float(found.chance[number]),
                    passed=found.telling(number),
                )
            )
        return maps

    def _region(self, index: int, lesions: str) -> tuple[Lesion, tuple[int, ...]]:
        if index not in self._opened:
            scan = self._case.scans[index]
            self._opened[index] = OpenedScan(scan, f"scans[{index}]", self._instruments.limits)
        opened = self._opened[index]
        there = opened.open()
        if lesions == "largest":
            chosen: tuple[int, ...] = (max(there, key=lambda one: (one.voxel_count, -one.label)).label,)
        else:
            chosen = tuple(one.label for one in there)
        return opened.region(chosen), chosen


def _scan(case: Case, of: Embedded) -> int:
    """Index of the scan whose embedding it is."""
    column = EmbeddingColumn(of.scan, of.when, of.lesions, "any", 0)
    return plan(case, {str(column): column}).sources[str(column)][0]
