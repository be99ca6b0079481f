"""`python -m service demo`: what a newcomer reads, from simulated patients to a real CT compared over gRPC."""

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from features.parser import Parser
from features.samples import SamplesMissing, sample
from radresponse.client import Client, RadResponseError, case, scan
from radresponse.json_form import as_json
from radresponse.models_table import show_models
from radresponse.page.comparison import comparison_page
from radresponse.table import console, show_comparison
from radresponse.v1 import model_pb2, prediction_pb2
from service.demo.learn import PATIENTS, TrainingFailed, admit, cohort, learned_from, train
from service.demo.process import ServerFailed, running_server

FIRST_LINE = (
    "The models of this demo learned from SIMULATED patients: what they say shows how the service works, "
    "and nothing about any real patient."
)
SUBJECT = "lung1"
COVARIATES: dict[str, float | str] = {
    "age_years": 64,
    "sex": "female",
    "ecog": 1,
    "stage": "III",
    "smoking_pack_years": 30,
    "pdl1_percent": 40,
}
THERAPIES = ("chemotherapy", "immunotherapy", "chemoimmunotherapy")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the demo and gives its exit code."""
    parser = Parser(prog="python -m service demo", description=FIRST_LINE)
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="folder for all that it makes")
    parser.add_argument("--patients", type=int, default=PATIENTS, help="simulated patients to learn from")
    arguments = parser.parse_args(argv)
    page = console()
    page.print(FIRST_LINE, style="bold yellow")
    try:
        _run(arguments.out, arguments.patients, page)
    except (RadResponseError, SamplesMissing, ServerFailed, TrainingFailed) as error:
        Console(stderr=True, markup=False, highlight=False).print(f"demo: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def prepare(out: Path, patients: int = PATIENTS, page: Console | None = None) -> Path:
    """Simulates and trains where that is not done yet; gives the data folder, with the registry in `mlflow.db`."""
    page = page or console()
    out.mkdir(parents=True, exist_ok=True)
    data = (out / "data").absolute()
    _train(data, _simulate(out, patients, page), registry_of(data), page)
    return data


def registry_of(data: Path) -> str:
    """Address of the demo's own registry."""
    return f"sqlite:///{data / 'mlflow.db'}"


def _run(out: Path, patients: int, page: Console) -> None:
    image, mask = sample("lung1")
    data = prepare(out, patients, page)
    with ExitStack() as running:
        with _step(page, "3/4 start the server"):
            settings = {"data_folder": str(data), "registry_uri": registry_of(data)}
            server = running.enter_context(running_server(out, settings))
        client = running.enter_context(Client(server.address))
        answer = _ask(client, image, mask, out / "board.html", page)
        models = model_pb2.ListModelsResponse(models=client.models())
    page.print()
    show_comparison(answer, page)
    page.print()
    show_models(models, page)
    (out / "prediction.json").write_text(as_json(answer) + "\n", encoding="utf-8")
    _say_how_to_repeat(out, image, mask, page)


def _simulate(out: Path, patients: int, page: Console) -> Path:
    with _step(page, f"1/4 simulate {patients} patients"), _bar("patients") as progress:
        return cohort(out, patients, progress)


def _train(data: Path, manifest: Path, registry: str, page: Console) -> None:
    """Learns anew only when the cohort or the code has changed since the models of this folder learned."""
    done, wanted = data / "learned_from", learned_from(manifest)
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        page.print(f"2/4 train and admit four models: kept, same cohort and code (delete {done.parent} to train again)")
        return
    with _step(page, "2/4 train and admit four models"):
        data.mkdir(parents=True, exist_ok=True)
        train(manifest, data, registry, lambda what: page.print(f"    {what}"))
        page.print("    and admit each: checked in a process of its own, signed with a key of this demo")
        admit(data, registry, lambda what: page.print(f"    {what}"))
        page.print(f"    how good each is, and beside which baselines: {data}/*.txt")
        done.write_text(wanted, encoding="utf-8")


def _ask(
    client: Client, image: Path, mask: Path, board: Path, page: Console
) -> prediction_pb2.CompareTherapiesResponse:
    """Uploads the CT, then compares twice: the second time its features are known; then once more, for the board."""
    page.print("4/4 ask it about a real CT of a lung tumour (lung1 of pyradiomics' archive)")
    page.print("    stated with it: " + ", ".join(f"{name} {value}" for name, value in COVARIATES.items()))
    client.delete_subject(SUBJECT)  # of an earlier demo, with its features
    started = time.perf_counter()
    files = [client.upload(SUBJECT, file) for file in (image, mask)]
    uploaded = time.perf_counter()
    patient = case(SUBJECT, [scan("ct", *files)], covariates=COVARIATES)
    answer = client.compare(patient, THERAPIES)
    compared = time.perf_counter()
    client.compare(patient, THERAPIES)
    again = time.perf_counter()
    full = client.compare(patient, THERAPIES, pictures=True, similar_patients=True)
    board.write_text(comparison_page(full, subject=SUBJECT, made=date.today()), encoding="utf-8")
    size = (image.stat().st_size + mask.stat().st_size) / 1024**2
    page.print(
        f"    upload of {size:.1f} MiB {uploaded - started:.2f} s; comparison with features computed "
        f"{compared - uploaded:.2f} s, with features kept {(again - compared) * 1000:.0f} ms"
    )
    return answer


def _say_how_to_repeat(out: Path, image: Path, mask: Path, page: Console) -> None:
    parts = [
        ["radresponse", "compare", "--subject", SUBJECT],
        ["--ct", _short(image), _short(mask)],
        [word for name, value in COVARIATES.items() for word in ("--covariate", f"{name}={value}")],
        [word for therapy in THERAPIES for word in ("--therapy", therapy)],
    ]
    page.print(f"\nThe same as a page for the tumour board: {out / 'board.html'}; in protobuf's JSON form: ", end="")
    page.print(f"{out / 'prediction.json'}. By hand, in two terminals:")
    page.out(f"  make serve ARGS='--settings {out / 'service.yaml'}'")
    page.out("  . .venv/bin/activate")
    page.out("  " + " \\\n    ".join(shlex.join(words) for words in parts))


def _short(path: Path) -> str:
    """Relative to where we are, if it is below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


@contextmanager
def _step(page: Console, words: str) -> Iterator[None]:
    page.print(f"{words} ...")
    started = time.perf_counter()
    yield
    page.print(f"    done in {time.perf_counter() - started:.1f} s")


@contextmanager
def _bar(unit: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(unit, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
