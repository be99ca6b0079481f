"""What an error means for a question: the service or the archive is away, it may go better later, or it never will.

`rule`: the rule asks for what is not there, and its other studies would fare no better.
"""

from typing import Literal

from grpc import StatusCode

from radresponse.client import RadResponseError

Verdict = Literal["away", "rule", "again", "never"]

_AWAY_CODES = {
    StatusCode.UNAVAILABLE, StatusCode.RESOURCE_EXHAUSTED, StatusCode.UNAUTHENTICATED, StatusCode.PERMISSION_DENIED,
}  # fmt: skip
_AWAY_REASONS = {"UNKNOWN_PACS", "PACS_REFUSED"}
"""Of how the service is set up: no study is at fault, and the next one would fare no better."""
_RULE_REASONS = {"MODEL_NOT_FOUND"}
_AGAIN_CODES = {
    StatusCode.DEADLINE_EXCEEDED, StatusCode.INTERNAL, StatusCode.UNKNOWN, StatusCode.ABORTED, StatusCode.CANCELLED,
}  # fmt: skip
_AGAIN_REASONS = {"SERIES_NOT_FOUND", "NOT_STORED", "PACS_NONSENSE"}


def verdict(error: RadResponseError) -> Verdict:
    """What is to be done with the question that it answers."""
    if error.code in _AWAY_CODES or error.reason in _AWAY_REASONS:
        return "away"
    if error.reason in _RULE_REASONS:
        return "rule"
    if error.code in _AGAIN_CODES or error.reason in _AGAIN_REASONS:
        return "again"
    return "never"
