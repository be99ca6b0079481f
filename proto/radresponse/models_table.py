"""The models that serve, as a table, and one model with its card."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from radresponse.therapy_tables import add_line, fitting, model_words, plain_table
from radresponse.v1 import model_pb2

_METRICS = {"auc": "AUC", "c_index": "C-index", "concordance": "C-index"}
TASKS = {model_pb2.TASK_OUTCOME: "outcome", model_pb2.TASK_PROGRESSION: "progression"}


def show_models(answer: model_pb2.ListModelsResponse, to: Console) -> None:
    """One line for each model, then what is wrong."""
    serving = [model for model in answer.models if model.reference.digest]
    if serving:
        _show(serving, to)
    else:
        to.print("No model serves.")
    for model in answer.models:
        if model.trouble:
            to.print(Text(f"{model.reference.name}: {model.trouble}", style="bold red"))
        if model.HasField("challenger"):
            to.print(Text(_challenger_words(model)))


def _challenger_words(model: model_pb2.Model) -> str:
    """What is tried beside it, of how many patients, or why nothing is."""
    tried, who = model.challenger, f"{model.reference.name}: challenger version {model.challenger.reference.version}"
    told = []
    if tried.reference.digest:
        told += [f"answers {100 * tried.canary_share:g} % of patients"] if tried.canary_share else []
        told += [f"is asked in shadow of {100 * tried.shadow_share:g} %"] if tried.shadow_share else []
    told += [tried.trouble] if tried.trouble else []
    return f"{who} {' and '.join(told)}"


def show_change(answer: model_pb2.WatchModelsResponse, to: Console) -> None:
    """When, what serves now that did not or is another version, and what is gone."""
    to.print(Text(answer.time.ToDatetime().strftime("%Y-%m-%d %H:%M:%S UTC"), style="bold"))
    if answer.models or not answer.gone:
        show_models(model_pb2.ListModelsResponse(models=answer.models), to)
    for name in answer.gone:
        to.print(Text(f"{name} no longer serves"))


def show_periods(answer: model_pb2.ListServingPeriodsResponse, to: Console) -> None:
    """What served when, and why it might."""
    if not answer.periods:
        to.print("Nothing has served yet, as far as the store of releases knows.")
    for period in answer.periods:
        since, until = (one.ToDatetime().strftime("%Y-%m-%d %H:%M UTC") for one in (period.since, period.until))
        ended = until if period.HasField("until") else "now"
        to.print(Text(f"{model_words(period.model)}: {since} to {ended}, as {period.alias} at {period.service}"))
        if not period.HasField("admission"):
            to.print(Text("  no release of these files is in the store"))
            continue
        admitted = period.admission
        when = admitted.time.ToDatetime().strftime("%Y-%m-%d %H:%M UTC")
        told = f"  admitted for {admitted.policy} use by {admitted.by}, {when}; signature {admitted.signature}"
        for line in (told, *(f"  {one}" for one in admitted.evidence)):
            to.print(Text(line))


def show_model(answer: model_pb2.GetModelResponse, to: Console) -> None:
    """One model: what it is, and its card."""
    show_models(model_pb2.ListModelsResponse(models=[answer.model]), to)
    inputs = plain_table("Inputs", "Column", "Unit or categories", "Range", "Must be given")
    for column in answer.model.columns:
        add_line(
            inputs,
            column.name,
            ", ".join(column.categories) or column.unit,
            _range(column),
            "yes" if column.required else "",
        )
    to.print(inputs)
    if answer.HasField("monitoring"):
        show_monitoring(answer.monitoring, to)
    to.print(Markdown(answer.card) if to.is_terminal else Text(answer.card))


def show_monitoring(monitoring: model_pb2.Monitoring, to: Console) -> None:
    """In use: what has drifted, and how right it was."""
    drifted = [drift for drift in (*monitoring.inputs, *monitoring.predictions) if drift.drifted]
    if monitoring.cases:
        looked_at = len(monitoring.inputs) + len(monitoring.predictions)
        what = (
            f"{len(drifted)} of {looked_at} inputs and predictions have drifted in the newest {monitoring.cases} cases"
        )
        to.print(Text(f"In use: {what}"))
    for drift in drifted:
        to.print(Text(f"  {drift.name}: PSI {drift.psi:.2f}, by chance up to {drift.psi_by_chance:.2f}", style="red"))
    if monitoring.outcomes:
        foreseen = f"{monitoring.events} events, {monitoring.expected_events:.1f} foreseen"
        to.print(Text(f"Outcomes reported: {monitoring.outcomes} patients, {foreseen}"))
    for metric in monitoring.metrics:
        name = _METRICS.get(metric.name, metric.name.replace("_", " "))
        to.print(Text(f"  {name} {metric.value:.2f} ({metric.lower:.2f} to {metric.upper:.2f})"))


def _show(models: Sequence[model_pb2.Model], to: Console) -> None:
    def build(between: str) -> Table:
        comma = "," + between.replace("  ", " ")
        table = plain_table("Models that serve", "Model", "Predicts", "Learned from", "Performance (95 % interval)")
        for model in models:
            add_line(
                table,
                Text(model_words(model.reference), style="bold cyan"),
                f"{model.endpoint or TASKS.get(model.task, '')}{comma}by {model.family}",
                _learned_from(model),
                _figure(model.metrics, between),
            )
        return table

    to.print(fitting(build, to))
    known = dict.fromkeys(", ".join(model.therapies) or "none" for model in models)
    for therapies in known:
        who = [model.reference.name for model in models if (", ".join(model.therapies) or "none") == therapies]
        whose = "" if len(known) == 1 else f" of {', '.join(who)}"
        to.print(Text(f"Therapies{whose}: {therapies}"))


def _learned_from(model: model_pb2.Model) -> str:
    patients = f"{model.training_patients} {'SIMULATED ' if model.simulated else ''}patients"
    return patients if model.simulated or not model.evidence else f"{patients}, {model.evidence}"


def _figure(metrics: Iterable[model_pb2.Metric], between: str) -> str:
    """The first figure of the model itself."""
    for metric in metrics:
        if metric.of == "model":
            name = _METRICS.get(metric.name, metric.name)
            return f"{name} {metric.value:.2f}{between}({metric.lower:.2f} to {metric.upper:.2f})"
    return "not told"


def _range(column: model_pb2.Column) -> str:
    lower = f"{column.lower:g}" if column.HasField("lower") else ""
    upper = f"{column.upper:g}" if column.HasField("upper") else ""
    if lower and upper:
        return f"{lower} to {upper}"
    return f"from {lower}" if lower else (f"up to {upper}" if upper else "")
