"""The board's page: every figure of the answer, nothing from elsewhere, no markup taken; a browser prints it."""

import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from builders.answers import risks_compared
from builders.browser import require, text_of
from builders.cases import image_file, mask_file
from builders.registry import THERAPIES

from radresponse.cli import main
from radresponse.client import Client, case, scan
from radresponse.page.comparison import comparison_page
from radresponse.page.dots import dot_array
from radresponse.page.palette import looks
from radresponse.page.pdf import NoBrowser, print_pdf
from radresponse.said import DISCLAIMER, compared_lines
from radresponse.v1 import prediction_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

Answer = prediction_pb2.CompareTherapiesResponse
MADE = date(2026, 11, 25)
VOID = {"meta", "br", "link", "img"}


class Outline(HTMLParser):
    """Tags that are open, words, and what each tag points to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: "Sequence[tuple[str, str | None]]") -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: "Sequence[tuple[str, str | None]]") -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(" ".join(data.split()))


def read(html: str) -> Outline:
    outline = Outline()
    outline.feed(html)
    outline.close()
    assert outline.open == []
    return outline


@pytest.fixture(scope="module")
def answers() -> dict[str, Answer]:
    return {}


@pytest.fixture
def answer(address: str, tmp_path: Path, answers: dict[str, Answer]) -> Answer:
    """A whole comparison by the server of the tests, asked once."""
    if "one" not in answers:
        image, mask = tmp_path / "ct.nrrd", tmp_path / "mask.nrrd"
        image.write_bytes(image_file())
        mask.write_bytes(mask_file())
        with Client(address) as client:
            patient = case("p-1", [scan("ct", image, mask)], age_years=61, sex="female")
            answers["one"] = client.compare(patient, THERAPIES, pictures=True, similar_patients=True)
    return answers["one"]


def page(answer: Answer, subject: str = "p-1") -> str:
    return comparison_page(answer, subject=subject, made=MADE)


def test_the_page_says_what_the_table_says(answer: Answer) -> None:
    html = page(answer)
    text = " ".join(read(html).words)
    for option in answer.options:
        assert option.therapy in text
        for prediction in option.predictions:
            if prediction.HasField("outcome"):
                assert f"{prediction.outcome.probability * 100:.0f} %" in text
                assert f"{prediction.outcome.probability * 100:.0f} of 100" in text
        for difference in option.differences:
            if difference.HasField("probability"):
                assert f"{difference.probability * 100:+.0f}" in text
    for model in answer.provenance.models:
        assert model.digest in text
    assert DISCLAIMER in text
    assert "SIMULATED patients" in text
    assert "25 November 2026" in text
    assert "is not by itself an effect of treatment" in text


def test_a_risk_without_a_time_stands_on_the_page() -> None:
    text = " ".join(read(page(risks_compared())).words)
    for words in ("Risk of progression or death, without a time", "Hazard ratio to chemotherapy", "+0.05", "0.74"):
        assert words in text


def with_maps(answer: Answer) -> Answer:
    """A map that passed its checks, one that did not, and one that is not there."""
    found = Answer()
    found.CopyFrom(answer)
    picture, model = answer.pictures[0], answer.provenance.models[0]
    for number, therapy in enumerate(THERAPIES):
        one = found.saliency.add(therapy=therapy, labels=[1], scale="log-odds of response", full_scale=0.124)
        one.model.CopyFrom(model)
        one.picture.CopyFrom(picture)
        one.png = one.overlay_png = picture.png
        one.whole_change, one.strongest_change, one.weakest_change = 0.321, -0.456, -0.001
        one.shuffled_correlation, one.passed = 0.07, number == 0
    found.saliency.add(left_out="the embedding of ct, delta, largest is of no one region of one scan")
    found.saliency[-1].model.CopyFrom(model)
    return found


def test_where_the_embedding_speaks_is_shown_with_its_checks(answer: Answer) -> None:
    html = page(with_maps(answer))
    text = " ".join(read(html).words)
    assert "Where in the lesion" not in page(answer)
    for words in (
        "+0.32",
        "-0.46 / +0.00",
        "+0.07",
        "full colour 0.12",
        "No map: the embedding of ct, delta",
        "passed",
    ):
        assert words in text
    assert text.count("not to be interpreted") == text.count("not passed") == len(THERAPIES) - 1
    assert html.count("data:image/png") == page(answer).count("data:image/png") + 2 * len(THERAPIES)


def test_it_opens_nothing_from_elsewhere_and_runs_nothing(answer: Answer) -> None:
    outline = read(page(with_maps(answer)))
    assert not {"script", "link", "iframe", "object", "form"} & set(outline.tags)
    for name, value in outline.attributes:
        assert not name.startswith("on")
        if name in ("href", "src", "xlink:href"):
            assert value.startswith(("#", "data:image/png;base64,"))
    assert "url(" not in page(answer)


def test_what_a_service_says_is_never_markup(answer: Answer) -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    changed = with_maps(answer)
    changed.reference_therapy = evil
    for option in changed.options:
        option.therapy = evil + option.therapy
        for prediction in option.predictions:
            prediction.therapy = evil
            prediction.model.name = evil
            prediction.warnings.add(reason=evil, message=evil)
            prediction.outcome.endpoint = evil
            for reason in prediction.contributions:
                reason.feature = reason.unit = evil
    for picture in changed.pictures:
        picture.scan_name = picture.left = evil
    for place in changed.saliency:
        place.model.name = place.therapy = place.scale = place.left_out = evil
    for found in changed.similar_patients:
        found.model.name = evil
        for patient in found.patients:
            patient.therapy = evil
    outline = read(page(changed, subject=evil))
    assert not {"script", "img"} & set(outline.tags)
    assert not [name for name, _ in outline.attributes if name.startswith("on")]


def test_every_chart_has_a_name_for_who_does_not_see_it_and_a_table_behind_it(answer: Answer) -> None:
    html = page(answer)
    images = re.findall(r"<svg[^>]*role=\"img\"[^>]*>", html)
    assert len(images) == html.count('role="img"')
    assert all(re.search(r'aria-label="[^"]{8,}"', one) for one in images)
    charts = sum(line.prediction.HasField("progression") for line in compared_lines(answer)) // len(THERAPIES)
    assert html.count("The curves as a table") == charts == 1
    assert "Training patients still followed without the event" in html


def test_the_same_answer_gives_the_same_page(answer: Answer) -> None:
    assert page(answer) == page(answer)


def test_a_hundred_dots_hold_the_estimate_and_its_interval(answer: Answer) -> None:
    for line in compared_lines(answer):
        if line.prediction.HasField("outcome"):
            outcome = line.prediction.outcome
            kinds = [dot.kind for dot in dot_array(line, looks([line.therapy])[line.therapy], "").dots]
            assert len(kinds) == 100
            assert kinds.count("sure") == round(outcome.probability_interval.lower * 100)
            assert kinds.count("sure") + kinds.count("likely") == round(outcome.probability * 100)
            assert 100 - kinds.count("none") == round(outcome.probability_interval.upper * 100)


def test_an_answer_without_pictures_neighbours_or_intervals_has_a_page() -> None:
    bare = Answer(
        options=[
            prediction_pb2.TherapyOption(
                therapy=therapy,
                predictions=[
                    prediction_pb2.Prediction(therapy=therapy, outcome=prediction_pb2.Outcome(probability=0.3)),
                    prediction_pb2.Prediction(
                        therapy=therapy,
                        progression=prediction_pb2.Progression(
                            survival=[
                                prediction_pb2.SurvivalPoint(time_days=0, survival=1.0),
                                prediction_pb2.SurvivalPoint(time_days=400, survival=0.7),
                            ],
                            horizon_days=400,
                        ),
                    ),
                    prediction_pb2.Prediction(therapy=therapy),  # withheld
                ],
            )
            for therapy in ("a", "b")
        ]
    )
    html = page(bare)
    read(html)
    assert "What was measured" not in html
    assert "most like this one" not in html
    assert "still followed" not in html


def test_what_the_whole_cohort_says_is_there_or_why_it_is_refused(answer: Answer) -> None:
    told = Answer()
    told.CopyFrom(answer)
    first, second = (difference for option in told.options for difference in option.differences)
    first.population.CopyFrom(
        prediction_pb2.PopulationEvidence(
            overlap=prediction_pb2.OVERLAP_VERDICT_SUFFICIENT,
            difference=0.12,
            difference_interval=prediction_pb2.Interval(lower=0.02, upper=0.22, level=0.9),
            e_value=1.7,
            e_value_of_limit=1.2,
            evidence="observational",
            option_patients=80,
            reference_patients=70,
        )
    )
    second.population.overlap = prediction_pb2.OVERLAP_VERDICT_REFUSED
    second.population.reasons.add(reason="NO_OVERLAP", message="their patients have nothing in common")
    text = " ".join(read(page(told)).words)
    assert "+12 (+2 to +22) percentage points on average, over 80 and 70 patients" in text
    assert "E-value 1.7" in text
    assert "refused: their patients have nothing in common" in text


def test_looks_differ_without_colour() -> None:
    found = looks([f"t{index}" for index in range(7)])
    assert len({look.dash for look in found.values()}) == 7
    assert len({look.letter for look in found.values()}) == 7


def test_the_command_writes_the_page(address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, mask, made = tmp_path / "ct.nrrd", tmp_path / "mask.nrrd", tmp_path / "page.html"
    image.write_bytes(image_file())
    mask.write_bytes(mask_file())
    words = ["--server", address, "--subject", "p-1", "--ct", str(image), str(mask)]
    words += ["--covariate", "age_years=61", "--covariate", "sex=female"]
    words += [word for therapy in THERAPIES for word in ("--therapy", therapy)]
    assert main(["compare", *words, "--html", str(made)]) == 0
    printed = capsys.readouterr()
    assert "Probability of response" in printed.out
    assert printed.err == f"page: {made}\n"
    text = " ".join(read(made.read_text(encoding="utf-8")).words)
    assert "Training patients most like this one" in text
    assert "What was measured" in text


def test_without_a_browser_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoBrowser, match="wanted Chromium, Chrome or Edge"):
        print_pdf("<p>", tmp_path / "page.pdf")


@pytest.mark.slow
def test_a_browser_prints_all_of_it(answer: Answer, tmp_path: Path) -> None:
    require("chromium", "pdftotext")
    print_pdf(page(answer), tmp_path / "page.pdf")
    text = text_of(tmp_path / "page.pdf")
    for option in answer.options:
        assert option.therapy in text
    assert "Training patients still followed without the event" in text
    assert "The curves as a table" not in text, "what opens on the screen stands open on paper"
    assert "free of it for" in text or "progressed after" in text
    assert answer.provenance.input_digest[:20] in text
    assert text.count("\f") <= 6
