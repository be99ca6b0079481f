"""OpenTelemetry spans: none, and no SDK imported, until tracing is started."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Tracer

_tracer: "Tracer | None" = None
"""Of the process, for spans begin in threads that know nothing of the server that they work for."""


@contextmanager
def span(name: str, **attributes: str | float) -> Iterator[None]:
    """Times what happens inside; names and attributes hold nothing of a patient."""
    if _tracer is None:
        yield
        return
    # What an exception says may be a patient's: it is never recorded.
    with _tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ):
        yield


@contextmanager
def traced(endpoint: str, processor: "SpanProcessor | None" = None) -> Iterator[None]:
    """Spans go to a collector while inside.

    Args:
        endpoint: OTLP over gRPC, e.g. http://localhost:4317; empty for no tracing.
        processor: Takes the spans instead of a collector.
    """
    global _tracer  # noqa: PLW0603 - see above
    if not endpoint and processor is None:
        yield
        return
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - only where tracing is on
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    if processor is None:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint))
    provider = TracerProvider(resource=Resource.create({"service.name": "radresponse"}))
    provider.add_span_processor(processor)
    _tracer = provider.get_tracer("radresponse")
    try:
        yield
    finally:
        _tracer = None
        provider.shutdown()
