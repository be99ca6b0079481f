"""What stands for the inputs of an answer: the same in every process, and another where any value is another."""

import hashlib
import json
import struct

from service.inputs import Inputs, digest_of


def inputs(**values: float | str) -> Inputs:
    return Inputs(values, {})


def test_the_digest_is_what_its_docstring_says() -> None:
    given = {"second": inputs(b=-0.5, a=1e300, sex="female"), "first": inputs(a=61.0)}
    spelled = (
        json.dumps(["first", ["a"]]).encode() + b"\n" + struct.pack("<d", 61.0) + b"[]\n"
        + json.dumps(["second", ["a", "b"]]).encode() + b"\n" + struct.pack("<2d", 1e300, -0.5)
        + json.dumps([["sex", "female"]]).encode() + b"\n"
    )  # fmt: skip
    assert digest_of(given) == hashlib.sha256(spelled).hexdigest()


def test_it_rests_on_values_and_not_on_their_order() -> None:
    assert digest_of({"m": inputs(a=1.0, b=2.0, c="x")}) == digest_of({"m": inputs(c="x", b=2.0, a=1.0)})
    assert digest_of({"m": inputs(a=1.0), "n": inputs()}) == digest_of({"n": inputs(), "m": inputs(a=1.0)})


def test_whatever_changes_changes_it() -> None:
    cases = [
        {"m": inputs(a=1.0, b=2.0)},
        {"m": inputs(a=2.0, b=1.0)},
        {"m": inputs(a=1.0)},
        {"m": inputs(a=1.0, b=2.0000000000000004)},
        {"m": inputs(a=1.0, b="2.0")},
        {"m": inputs(a="1.0", b=2.0)},
        {"n": inputs(a=1.0, b=2.0)},
        {"m": inputs(a=1.0), "n": inputs(b=2.0)},
        {"m": inputs(a=0.0)},
        {"m": inputs(a=-0.0)},
        {},
    ]
    assert len({digest_of(case) for case in cases}) == len(cases)
