"""In a log, progress is a few whole lines."""

import io

from models.progress import Lines, advance


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_slow_work_says_a_line_for_every_tenth_and_none_ends_in_a_carriage_return() -> None:
    clock, out = Clock(), io.StringIO()
    with Lines(200, "features", "patient", out, clock) as bar:
        for _ in range(200):
            clock.seconds += 1.0
            bar.update()
    lines = out.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == "features: 20 of 200 patients"
    assert lines[-1] == "features: 200 of 200 patients in 200.0 s"
    assert "\r" not in out.getvalue()


def test_quick_work_says_only_that_it_is_done() -> None:
    out = io.StringIO()
    bar = Lines(5, "cross-validation", "fold", out, Clock())
    for done in range(1, 6):
        advance(bar, done)
    assert out.getvalue() == "cross-validation: 5 of 5 folds in 0.0 s\n"


def test_work_that_breaks_off_does_not_say_that_it_is_done() -> None:
    out = io.StringIO()
    with Lines(5, "features", "patient", out, Clock()) as bar:
        bar.update()
    assert out.getvalue() == ""
