"""The protobuf door of monitoring, outwards."""

from models.drift import Drift
from models.monitoring.summary import Monitored
from radresponse.v1 import model_pb2

PROTOCOL = "reported outcomes"


def monitoring_of(summary: Monitored) -> model_pb2.Monitoring:
    """How a version does, as the contract describes it."""
    live = summary.live
    message = model_pb2.Monitoring(
        referenced=summary.referenced,
        cases=summary.cases,
        inputs=[_drift(drift) for drift in summary.inputs],
        predictions=[_drift(drift) for drift in summary.predictions],
    )
    if live is not None:
        message.outcomes, message.events, message.expected_events = live.patients, live.events, live.expected
        for name, estimate in live.figures:
            metric = message.metrics.add(name=name, of="model", value=estimate.value, protocol=PROTOCOL)
            if estimate.lower is not None and estimate.upper is not None:
                metric.lower, metric.upper = estimate.lower, estimate.upper
    return message


def _drift(drift: Drift) -> model_pb2.Drift:
    return model_pb2.Drift(
        name=drift.name,
        psi=drift.psi,
        psi_by_chance=drift.psi_by_chance,
        ks=drift.ks,
        ks_by_chance=drift.ks_by_chance,
        missing=drift.missing,
        missing_in_training=drift.missing_then,
        drifted=drift.drifted,
    )
