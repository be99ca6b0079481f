"""`train`: trains, registers and prints what came of it."""

import argparse
from pathlib import Path

from features.embedding.encoder import DEFAULT
from features.profile import DEFAULT_PROFILE, Profile
from models.commands.stability import check_of
from models.commands.tables import request_of
from models.commands.trained import print_report
from models.errors import BadCohort, ImplausibleScore
from models.leakage.table import refuse_leaky_table
from models.registry import Registry
from models.registry.encoders import keep_encoder
from models.tabular.reading import read_patients
from models.train import EMBEDDED_FAMILIES, Training, train, train_table


def run(chosen: argparse.Namespace) -> None:
    """Trains, registers, and prints the figures."""
    profile = DEFAULT_PROFILE
    if chosen.profile is not None:
        if not chosen.profile.is_file():
            raise BadCohort("there is no profile at the given path; wanted a pyradiomics YAML file")
        profile = Profile.parse(chosen.profile.read_text(encoding="utf-8"))
    if chosen.table is None and chosen.task is None:
        raise BadCohort("wanted --task outcome or --task progression with --cohort")
    request = None if chosen.table is None else request_of(chosen, chosen.table)
    registry = Registry(chosen.registry, data_folder=chosen.data)
    training = Training(
        task=chosen.task if request is None else request.task,
        family=chosen.family,
        name=chosen.name or "",
        profile=profile,
        encoder=_encoder(chosen, registry),
        folds=chosen.folds,
        seed=chosen.seed,
        alias=chosen.alias,
        accept_score=chosen.accept_score,
        data_folder=chosen.data,
        workers=max(1, chosen.workers),
        similar_patients=not chosen.no_similar_patients,
        harmonise=chosen.harmonise,
        unseen_site=chosen.unseen_site,
        stability=check_of(chosen),
        search=chosen.search,
        recalibrate=chosen.recalibrate,
    )
    if request is None:
        trained = train(chosen.cohort, training, registry)
    else:
        table = read_patients(request)
        refuse_leaky_table(table, folds=chosen.folds, seed=chosen.seed, accept_selection=chosen.accept_selection)
        trained = train_table(table, training, registry)
    print_report(trained.report, trained.version, None if trained.withheld else chosen.alias)
    if trained.withheld:
        raise ImplausibleScore(
            f"the alias {chosen.alias} was not given: the score is too high for {trained.report.patients} patients "
            "to be believed without a reason (--accept-score REASON)",
            patients=trained.report.patients,
        )


def _encoder(chosen: argparse.Namespace, registry: Registry) -> Path:
    """The file of the encoder that was asked for; the shipped one's where none was."""
    if chosen.encoder is None:
        return DEFAULT
    if chosen.table is not None or chosen.family not in EMBEDDED_FAMILIES:
        raise BadCohort(
            f"--encoder goes with --cohort and --family {' or '.join(sorted(EMBEDDED_FAMILIES))}: "
            "nothing else is learned from embeddings"
        )
    return keep_encoder(registry, chosen.encoder, chosen.data)
