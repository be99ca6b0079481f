"""The `radresponse` command: asks the service, and prints a table or JSON.

Exit 0: done. 2: the request is wrong, by argument, file or field. 3: the service refuses this caller.
1: the service is away, busy or failed. Trouble is one line on standard error.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import NoReturn, TypeVar

import grpc
from google.protobuf.message import Message
from rich.console import Console

from radresponse.case_arguments import add_case_arguments, case_of
from radresponse.client import Client, RadResponseError
from radresponse.json_form import as_json
from radresponse.models_table import show_change, show_model, show_models, show_periods
from radresponse.page.comparison import comparison_page
from radresponse.page.pdf import NoBrowser, find_browser, print_pdf
from radresponse.result_files import add_result_argument, asked_files, stored_words, write_results
from radresponse.table import console, show_comparison, show_predictions
from radresponse.v1 import case_pb2, image_pb2, model_pb2, outcome_pb2, prediction_pb2

Answer = TypeVar("Answer", bound=Message)

UNAVAILABLE, BAD_INPUT, REFUSED = 1, 2, 3
_AWAY = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.CANCELLED,
)
_NOT_ALLOWED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code."""
    try:
        arguments = _parser().parse_args(argv)
        with _client(arguments) as client:
            arguments.run(client, arguments)
        sys.stdout.flush()
    except RadResponseError as error:
        return _trouble(str(error), _exit_code(error))
    except BrokenPipeError:  # the reader of a pipe had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _trouble(f"{where}{error.strerror or error}", BAD_INPUT)
    except (ValueError, TypeError, NoBrowser) as error:
        return _trouble(str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return 130
    return 0


def _predict(client: Client, arguments: argparse.Namespace) -> None:
    files = asked_files(arguments.result)
    answer = client.predict(
        case_of(arguments),
        models=arguments.model,
        therapies=arguments.therapy,
        results=list(files),
        store=arguments.store,
    )
    write_results(answer, files)
    _print(answer, show_predictions, arguments)
    _tell_stored(answer)


def _compare(client: Client, arguments: argparse.Namespace) -> None:
    files = asked_files(arguments.result)
    page = bool(arguments.html or arguments.pdf)
    browser = find_browser() if arguments.pdf else ""  # before the question: no answer is lost for want of one
    asked = case_of(arguments)
    answer = client.compare(
        asked,
        arguments.therapy,
        reference=arguments.reference,
        models=arguments.model,
        pictures=page,
        similar_patients=page,
        saliency=arguments.saliency,
        results=list(files),
        store=arguments.store,
    )
    write_results(answer, files)
    _print(answer, show_comparison, arguments)
    _tell_stored(answer)
    if page:
        subject = asked.subject if isinstance(asked, case_pb2.Case) else asked.message.subject
        _write_page(answer, subject, arguments, browser)


def _tell_stored(answer: prediction_pb2.PredictResponse | prediction_pb2.CompareTherapiesResponse) -> None:
    if words := stored_words(answer):
        print(words, file=sys.stderr)


def _write_page(
    answer: prediction_pb2.CompareTherapiesResponse, subject: str, arguments: argparse.Namespace, browser: str
) -> None:
    html = comparison_page(answer, subject=subject, made=date.today())
    if arguments.html:
        Path(arguments.html).write_text(html, encoding="utf-8")
        print(f"page: {arguments.html}", file=sys.stderr)
    if arguments.pdf:
        print_pdf(html, Path(arguments.pdf), browser=browser)
        print(f"page: {arguments.pdf}", file=sys.stderr)


def _extract(client: Client, arguments: argparse.Namespace) -> None:
    profile = None if arguments.profile is None else Path(arguments.profile).read_text(encoding="utf-8")
    columns = [name for text in arguments.column for name in text.split(",")]
    answer = client.extract(case_of(arguments), columns=columns, profile=profile, encoders=arguments.encoder)
    _print(answer, _list_features, arguments)


def _models(client: Client, arguments: argparse.Namespace) -> None:
    if arguments.history is not None:
        periods = client.serving_periods(arguments.history)
        _print(model_pb2.ListServingPeriodsResponse(periods=periods), show_periods, arguments)
        return
    if arguments.watch:
        for change in client.watch_models():
            _print(change, show_change, arguments)
            sys.stdout.flush()
        return
    _print(model_pb2.ListModelsResponse(models=client.models()), show_models, arguments)


def _model(client: Client, arguments: argparse.Namespace) -> None:
    _print(client.model(arguments.name), show_model, arguments)


def _report_outcome(client: Client, arguments: argparse.Namespace) -> None:
    answer = client.report_outcome(
        arguments.subject,
        arguments.prediction,
        day=arguments.day,
        therapy=arguments.therapy or "",
        responded=None if arguments.responded is None else arguments.responded == "yes",
        progressed=None if arguments.progressed is None else arguments.progressed == "yes",
    )
    _print(answer, _say_reported, arguments)


def _delete_subject(client: Client, arguments: argparse.Namespace) -> None:
    _print(client.delete_subject(arguments.name), _say_deleted, arguments)


def _list_features(answer: prediction_pb2.ExtractFeaturesResponse, to: Console) -> None:
    for name in sorted({*answer.features, *answer.missing}):
        value = str(answer.features[name]) if name in answer.features else f"missing: {answer.missing[name]}"
        to.file.write(f"{name}\t{value}\n")


def _say_reported(answer: outcome_pb2.ReportOutcomeResponse, to: Console) -> None:
    versions = ", ".join(f"{model.name} {model.version}" for model in answer.models)
    to.print(f"{'replaced' if answer.replaced else 'kept'}, beside what was predicted by {versions}")


def _say_deleted(answer: image_pb2.DeleteSubjectResponse, to: Console) -> None:
    to.print(f"{answer.deleted_images} files deleted, {answer.deleted_bytes} bytes")


def _print(answer: Answer, show: Callable[[Answer, Console], None], arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(as_json(answer))
    else:
        show(answer, console())


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and guesses no words."""

    def __init__(self, **given: object) -> None:
        super().__init__(**{"allow_abbrev": False} | given)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(BAD_INPUT)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="radresponse", description="How a tumour is likely to respond to each therapy. Not a medical device."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    predict = commands.add_parser("predict", help="predict for one case")
    compare = commands.add_parser("compare", help="set therapies side by side for one case")
    extract = commands.add_parser("extract", help="the features of one case, without a model")
    models = commands.add_parser("models", help="the models that serve")
    about = models.add_mutually_exclusive_group()
    about.add_argument("--watch", action="store_true", help="go on, and tell each change until the service ends")
    about.add_argument(
        "--history", nargs="?", const="", metavar="NAME", help="what served when, admitted by whom, on which evidence"
    )
    model = commands.add_parser("model", help="one model with its card")
    report = commands.add_parser("report-outcome", help="what became of a patient after a prediction")
    delete = commands.add_parser("delete-subject", help="delete all that was uploaded for a subject")

    for command in (predict, compare, extract):
        add_case_arguments(command)
    for command in (predict, compare):
        command.add_argument("--therapy", action="append", default=[], metavar="NAME", help="may be given again")
        command.add_argument("--model", action="append", default=[], metavar="NAME", help="may be given again")
        add_result_argument(command)
        command.add_argument(
            "--store", action="store_true", help="store segmentations and report in the archive that the images are in"
        )
    compare.add_argument(
        "--saliency",
        action="store_true",
        help="also where in the lesion each answer rests on the image embedding (some seconds a model); for --html, "
        "--pdf and --json",
    )
    compare.add_argument("--html", metavar="FILE", help="write a page for the tumour board, with pictures")
    compare.add_argument("--pdf", metavar="FILE", help="the same, printed by Chromium, Chrome or Edge")
    compare.add_argument("--reference", metavar="NAME", help="what others are compared against; the first --therapy")
    extract.add_argument("--column", action="append", default=[], metavar="NAME,...", help="all where none is named")
    extract.add_argument("--profile", metavar="FILE", help="a pyradiomics parameter file")
    extract.add_argument(
        "--encoder", action="append", default=[], metavar="SHA256", help="which encoder, where several of a name serve"
    )
    model.add_argument("name", metavar="NAME")
    report.add_argument("prediction", metavar="PREDICTION_ID", help="of the answer's provenance")
    report.add_argument("--subject", required=True, metavar="NAME", help="the pseudonym")
    report.add_argument("--therapy", metavar="NAME", help="that was given")
    report.add_argument("--day", type=int, required=True, metavar="N", help="since the baseline image")
    seen = report.add_mutually_exclusive_group(required=True)
    seen.add_argument("--responded", choices=("yes", "no"))
    seen.add_argument("--progressed", choices=("yes", "no"), help="no: not until that day")
    delete.add_argument("name", metavar="SUBJECT")
    for command, run in (
        (predict, _predict),
        (compare, _compare),
        (extract, _extract),
        (models, _models),
        (model, _model),
        (report, _report_outcome),
        (delete, _delete_subject),
    ):
        command.set_defaults(run=run)
        _add_connection(command)
    return parser


def _add_connection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the service")
    group.add_argument("--server", default="127.0.0.1:50051", metavar="HOST:PORT", help="127.0.0.1:50051 if not given")
    group.add_argument("--token-file", metavar="FILE", help="holds the bearer token; else RADRESPONSE_TOKEN")
    group.add_argument("--ca", metavar="FILE", help="who signed the service's certificate (PEM)")
    group.add_argument("--cert", metavar="FILE", help="this caller's certificate (PEM)")
    group.add_argument("--key", metavar="FILE", help="its key (PEM)")
    group.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="for each call; 120")
    parser.add_argument("--json", action="store_true", help="protobuf's JSON form instead of a table")


def _client(arguments: argparse.Namespace) -> Client:
    file = arguments.token_file
    token = os.environ.get("RADRESPONSE_TOKEN") if file is None else Path(file).read_text(encoding="utf-8")
    return Client(
        arguments.server,
        token=(token or "").strip() or None,
        ca_file=arguments.ca,
        certificate_file=arguments.cert,
        key_file=arguments.key,
        timeout=arguments.timeout,
    )


def _exit_code(error: RadResponseError) -> int:
    if error.code in _NOT_ALLOWED:
        return REFUSED
    busy = error.code is grpc.StatusCode.RESOURCE_EXHAUSTED and error.retry_after_seconds is not None
    return UNAVAILABLE if busy or error.code in _AWAY else BAD_INPUT


def _trouble(sentence: str, code: int) -> int:
    print(f"radresponse: {' '.join(sentence.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
