"""A network as ONNX, as `mlflow.onnx.log_model` writes it: checked node by node, its tensors inlined, run natively.

The only door to onnx and onnxruntime; both are imported when a network is loaded, not before.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from features.types import Floats
from models.brought.declared import Declared
from models.brought.engine import Answers, Curves, Probabilities, Risks
from models.errors import BadSignature, BrokenFile, ForbiddenFile, ImpossibleAnswer
from models.files import TENSORS

if TYPE_CHECKING:
    import onnx
    import onnxruntime

MODEL = "model.onnx"
_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
_RANDOM = frozenset({
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
})  # fmt: skip
_FLOATS: Mapping[int, type[np.floating[Any]]] = {1: np.float32, 11: np.float64}
"""Types of a tensor, by ONNX's numbers, that columns may come as."""
_MOST_NODES = 50_000
_DEEPEST = 8
_MOST_BYTES = 512 * 2**20
_TOLERANCE = 1e-5
"""How far a float32 network may leave 0 to 1, or rise from one day to the next."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A session, and how rows go in."""

    session: "onnxruntime.InferenceSession"
    inputs: tuple[tuple[str, type[np.floating[Any]]], ...]
    """Name and type of each; one for all columns, or one for each column."""
    flat: bool
    """Whether inputs of single columns are (n,), not (n, 1)."""
    output: str
    declared: Declared

    @property
    def absent(self) -> tuple[str, ...]:
        """See `Engine.absent`."""
        lacking = () if self.declared.task == "outcome" or self.declared.time_days else ("baseline hazard",)
        return (*lacking, "reasons")

    def answer(self, rows: Floats) -> Answers:
        """See `Engine.answer`."""
        (given,) = self.session.run([self.output], self.fed(rows))
        answer = np.asarray(given, dtype=np.float64)
        if answer.ndim == 1:
            answer = answer[:, None]
        if answer.ndim != 2 or answer.shape[0] != rows.shape[0]:
            raise ImpossibleAnswer(f"the network answers {rows.shape[0]} rows with a tensor of {answer.shape}")
        return self._meaning(answer)

    def contributions(self, rows: Floats) -> Floats | None:
        """None: a network brings no exact shares."""
        return None

    def fed(self, rows: Floats) -> dict[str, Any]:
        """Rows as the session takes them."""
        if len(self.inputs) == 1 and not self.flat:
            name, kind = self.inputs[0]
            return {name: rows.astype(kind)}
        columns = (rows[:, index] if self.flat else rows[:, index : index + 1] for index in range(rows.shape[1]))
        return {name: column.astype(kind) for (name, kind), column in zip(self.inputs, columns, strict=True)}

    def _meaning(self, answer: Floats) -> Answers:
        if self.declared.task == "outcome":
            if answer.shape[1] != 1:
                raise ImpossibleAnswer(f"the network gives {answer.shape[1]} numbers a row; wanted one probability")
            return Probabilities(_within(answer[:, 0], "a probability of response"))
        days = self.declared.time_days
        if not days:
            if answer.shape[1] != 1:
                raise ImpossibleAnswer(
                    f"the network gives {answer.shape[1]} numbers a row and the version names no times for them; "
                    "wanted radresponse.times, or one log-hazard ratio"
                )
            return Risks(answer[:, 0])
        if answer.shape[1] == len(days) - 1:
            answer = np.hstack([np.ones((answer.shape[0], 1)), answer])
        if answer.shape[1] != len(days):
            raise ImpossibleAnswer(f"the network gives {answer.shape[1]} numbers a row for {len(days) - 1} times")
        curve = _within(answer, "a probability of no progression")
        if (np.diff(curve, axis=1) > _TOLERANCE).any() or (curve[:, 0] < 1 - _TOLERANCE).any():
            raise ImpossibleAnswer("the network gives a survival curve that rises, or does not begin with 1")
        curve[:, 0] = 1.0
        return Curves(np.minimum.accumulate(curve, axis=1))


def load_network(files: Mapping[str, bytes], declared: Declared, inputs: tuple[str, ...]) -> Network:
    """From bytes that are distrusted.

    Args:
        files: The graph, and the tensors that lie outside of it.
        declared: What the version says of itself.
        inputs: Of the signature: the names of columns, or the one tensor that takes them all.

    Raises:
        ForbiddenFile: A custom operator, a random one, or a tensor outside the version's folder.
        BrokenFile: No graph that ONNX's own checker passes.
        BadSignature: Inputs or outputs do not fit the signature.
    """
    model = inlined(files)
    fed, flat = _inputs(model, declared, inputs)
    outputs = [output.name for output in model.graph.output]
    if not 0 < len(outputs) <= 8:
        raise BadSignature(f"the network has {len(outputs)} outputs; wanted one")
    return Network(_session(model), fed, flat, outputs[0], declared)


def inlined(files: Mapping[str, bytes]) -> "onnx.ModelProto":
    """The graph, checked, with all its tensors inside; raises as `load_network`."""
    model = _parsed(files[MODEL])
    _check_graph(model.graph, 0, [0])
    _check_model(model)
    _inline(model, files)
    return model


def _parsed(content: bytes) -> "onnx.ModelProto":
    import onnx  # noqa: PLC0415 - a second, and 100 MB with the runtime

    try:
        return onnx.ModelProto.FromString(content)
    except Exception as error:  # protobuf's own, which this floor does not know
        raise BrokenFile(f"{MODEL} is no ONNX file") from error


def _check_model(model: "onnx.ModelProto") -> None:
    if model.functions:
        raise ForbiddenFile(
            f"{MODEL} defines {len(model.functions)} operators of its own; wanted ONNX's alone "
            "(onnx.inliner.inline_local_functions makes them so)"
        )
    if model.training_info:
        raise ForbiddenFile(f"{MODEL} holds training information; wanted a network for inference")
    domains = {imported.domain for imported in model.opset_import}
    if foreign := sorted(domains - _DOMAINS):
        raise ForbiddenFile(f"{MODEL} takes operators of {foreign[0][:64]!r}; wanted ONNX's own alone")


def _check_graph(graph: "onnx.GraphProto", depth: int, seen: list[int]) -> None:
    """Every node of a graph and of those inside it: an operator of ONNX's own, with the same answer each time."""
    from onnx import AttributeProto  # noqa: PLC0415

    seen[0] += len(graph.node)
    if seen[0] > _MOST_NODES or depth > _DEEPEST:
        raise BrokenFile(f"{MODEL} has over {_MOST_NODES} nodes, or graphs nested deeper than {_DEEPEST}")
    if graph.sparse_initializer:
        raise ForbiddenFile(f"{MODEL} holds sparse tensors; wanted dense ones")
    for node in graph.node:
        if node.domain not in _DOMAINS:
            raise ForbiddenFile(
                f"{MODEL} has the custom operator {node.domain[:64]}.{node.op_type[:64]}; wanted ONNX's own alone"
            )
        if node.op_type in _RANDOM:
            raise ForbiddenFile(f"{MODEL} draws random numbers ({node.op_type}); wanted the same answer each time")
        for attribute in node.attribute:
            if attribute.ref_attr_name:
                raise ForbiddenFile(f"{MODEL} refers to an attribute of a function; wanted none")
            if attribute.type in (AttributeProto.SPARSE_TENSOR, AttributeProto.SPARSE_TENSORS):
                raise ForbiddenFile(f"{MODEL} holds sparse tensors; wanted dense ones")
            for inner in (attribute.g, *attribute.graphs):
                if inner.node:
                    _check_graph(inner, depth + 1, seen)


def _tensors(graph: "onnx.GraphProto") -> Iterator["onnx.TensorProto"]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)


def external_files(content: bytes) -> frozenset[str]:
    """The files that a graph says its tensors lie in.

    Raises:
        BrokenFile: No ONNX file.
        ForbiddenFile: One that lies outside of the version's folder.
    """
    from onnx import TensorProto  # noqa: PLC0415

    return frozenset(
        _place(tensor)[0] for tensor in _tensors(_parsed(content).graph) if tensor.data_location == TensorProto.EXTERNAL
    )


def _place(tensor: "onnx.TensorProto") -> tuple[str, int, int | None]:
    """File, offset and length of a tensor that lies outside of the graph."""
    told = {entry.key: entry.value for entry in tensor.external_data}
    file = told.get("location", "")
    if not TENSORS.fullmatch(file):
        raise ForbiddenFile(
            f"{MODEL} takes a tensor from {file[:80]!r}; wanted a file of its own folder, by a plain name that ends "
            "in .data"
        )
    try:
        offset, length = int(told.get("offset", "0")), int(told["length"]) if "length" in told else None
    except ValueError:
        raise BrokenFile(f"{MODEL}: a tensor's offset or length is no number") from None
    return file, offset, length


def _inline(model: "onnx.ModelProto", files: Mapping[str, bytes]) -> None:
    """Takes tensors that lie outside into the graph, once their place and size are what the graph says."""
    from onnx import TensorProto, helper  # noqa: PLC0415

    used = set()
    for tensor in _tensors(model.graph):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        file, offset, length = _place(tensor)
        if file not in files:
            raise BrokenFile(f"{MODEL} takes a tensor from {file}, which is not among the files")
        try:
            size = math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        except (KeyError, TypeError, ValueError) as error:
            raise BrokenFile(f"{MODEL}: a tensor of a type that is unknown") from error
        wanted = size if length is None else length
        if wanted != size or offset < 0 or size < 0 or offset + size > len(files[file]):
            raise BrokenFile(f"{MODEL}: a tensor of {size} bytes does not lie whole in {file}")
        tensor.raw_data = files[file][offset : offset + size]
        tensor.data_location = TensorProto.DEFAULT
        del tensor.external_data[:]
        used.add(file)
    if unused := sorted({name for name in files if TENSORS.fullmatch(name)} - used):
        raise ForbiddenFile(f"{unused[0][:80]!r} is no file that {MODEL} takes a tensor from")
    if model.ByteSize() > _MOST_BYTES:
        raise BrokenFile(f"the network holds {model.ByteSize()} bytes; at most {_MOST_BYTES} are taken")


def _inputs(
    model: "onnx.ModelProto", declared: Declared, named: tuple[str, ...]
) -> tuple[tuple[tuple[str, type[np.floating[Any]]], ...], bool]:
    """Names and types in the order of the signature, and whether single columns come flat."""
    constants = {tensor.name for tensor in model.graph.initializer}
    found = {value.name: value.type.tensor_type for value in model.graph.input if value.name not in constants}
    if set(found) != set(named):
        odd = sorted(set(found) ^ set(named))[0]
        raise BadSignature(
            f"the network takes {len(found)} inputs, the signature names {len(named)}; {odd[:80]!r} is in one alone"
        )
    kinds = []
    for name in named:
        if found[name].elem_type not in _FLOATS:
            raise BadSignature(f"the input {name[:80]} is of another type than float32 or float64")
        kinds.append((name, _FLOATS[found[name].elem_type]))
    shapes = {len(found[name].shape.dim) for name in named}
    if len(named) == 1 and named != declared.order:
        dims = found[named[0]].shape.dim
        if len(dims) != 2 or dims[1].dim_value not in (0, len(declared.order)) or dims[0].dim_value:
            raise BadSignature(
                f"the input {named[0][:80]} does not take any number of rows of {len(declared.order)} columns"
            )
        return tuple(kinds), False
    if shapes not in ({1}, {2}) or any(found[name].shape.dim[0].dim_value for name in named):
        raise BadSignature("inputs of single columns are neither (n,) nor (n, 1)")
    return tuple(kinds), shapes == {1}


def _session(model: "onnx.ModelProto") -> "onnxruntime.InferenceSession":
    import onnx  # noqa: PLC0415
    import onnxruntime  # noqa: PLC0415

    content = model.SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        onnx.checker.check_model(content, full_check=True)
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # both raise classes of their own, without a common one
        raise BrokenFile(f"{MODEL} is no network that ONNX's checker and runtime take") from error


def _within(answer: Floats, what: str) -> Floats:
    """Held in [0, 1] where rounding left it."""
    if not np.isfinite(answer).all():
        raise ImpossibleAnswer(f"the network gives {what} that is not finite")
    if (answer < -_TOLERANCE).any() or (answer > 1 + _TOLERANCE).any():
        raise ImpossibleAnswer(
            f"the network gives {what} outside 0 to 1; wanted a sigmoid at its end, if these are logits"
        )
    return np.clip(answer, 0.0, 1.0)
