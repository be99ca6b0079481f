"""What was asked of somebody's own table."""

import argparse
from pathlib import Path

from models.tabular.reading import TableRequest


def request_of(chosen: argparse.Namespace, path: Path) -> TableRequest:
    """What was asked."""
    return TableRequest(
        path=path,
        outcome=chosen.outcome,
        time=chosen.time,
        event=chosen.event,
        entry=chosen.entry,
        competing=chosen.competing,
        strata=chosen.strata,
        harmonise=chosen.harmonise,
        unseen_site=chosen.unseen_site,
        therapy=chosen.therapy,
        groups=chosen.groups,
        drop=chosen.drop,
        missing=chosen.missing,
        subject=chosen.subject,
        imaging=chosen.imaging,
        evidence=chosen.evidence,
    )
