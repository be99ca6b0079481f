"""Spans: none, and no SDK, unless tracing is on; then one for each call, with nothing of a patient."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from builders.servers import image_server, images_of, refused, whole
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from radresponse.v1.image_pb2 import GetImageRequest
from service import tracing
from service.settings import Settings


def test_off_costs_no_sdk() -> None:
    program = (
        "import sys\n"
        "sys.path.insert(0, 'proto')\n"
        "import service.server\n"
        "from service import tracing\n"
        "with tracing.span('x'): pass\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry.sdk')]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_call_is_a_span_without_what_was_in_it(tmp_path: Path) -> None:
    spans = InMemorySpanExporter()
    settings = Settings(port=0, data_folder=tmp_path)
    with tracing.traced("", SimpleSpanProcessor(spans)):
        with image_server(settings) as running, images_of(running) as images:
            images.UploadImage(whole(b"NEEDLE", "NEEDLE-subject"))
            refused(images.GetImage, GetImageRequest(subject="NEEDLE", digest="NEEDLE"))
        finished = spans.get_finished_spans()
    names = ["radresponse.v1.ImageService/UploadImage", "radresponse.v1.ImageService/GetImage"]
    assert [span.name for span in finished] == names
    assert all(span.end_time and span.start_time and span.end_time > span.start_time for span in finished)
    for span in finished:
        assert "NEEDLE" not in span.to_json()
        assert not span.events


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """As much of an OpenTelemetry collector as takes spans."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def Export(  # noqa: N802 - gRPC's name
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        for resource in request.resource_spans:
            self.names += [span.name for scope in resource.scope_spans for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()


def test_spans_reach_a_collector(tmp_path: Path) -> None:
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    settings = Settings(port=0, data_folder=tmp_path, tracing_endpoint=f"http://127.0.0.1:{port}")
    with image_server(settings) as running, images_of(running) as images:
        images.UploadImage(whole(b"content"))
    server.stop(0).wait()
    assert collector.names == ["radresponse.v1.ImageService/UploadImage"]


def test_spans_lie_inside_each_other_and_say_nothing_of_an_error() -> None:
    spans = InMemorySpanExporter()
    with (
        tracing.traced("", SimpleSpanProcessor(spans)),
        pytest.raises(ValueError, match="NEEDLE"),
        tracing.span("outer"),
        tracing.span("inner", lesions=3),
    ):
        raise ValueError("NEEDLE")
    inner, outer = spans.get_finished_spans()
    assert (inner.name, outer.name) == ("inner", "outer")
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id
    assert dict(inner.attributes or {}) == {"lesions": 3}
    assert "NEEDLE" not in inner.to_json() + outer.to_json()


def test_it_ends_with_its_server() -> None:
    with tracing.traced("", SimpleSpanProcessor(InMemorySpanExporter())):
        pass
    with tracing.span("x"):
        assert tracing._tracer is None
