"""Encoders: laws of their numbers, their identity, and files that are refused."""

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import torch
from builders.lesions import lesion
from safetensors.torch import save_file
from torch import Tensor

from features.embedding.crop import CHANNELS
from features.embedding.encoder import DEFAULT, Encoder, default_encoder
from features.embedding.masked_pyramid import MaskedPyramid, Widths
from features.embedding.network import DECLARATION
from features.embedding.preprocessing import Preprocessing
from features.embedding.workers import Workers
from features.errors import BadEncoder
from features.imaging.volume import Grid
from features.lesion import Lesion

WIDTHS = Widths(fine=4, middle=6, deep=6, whole=8, hidden=8, embedding=5)
Change = Callable[[dict[str, Tensor], dict[str, Any]], object]


def declaration(**preprocessing: object) -> dict[str, Any]:
    return {
        "name": "small",
        "architecture": {"kind": "masked_pyramid/1", **WIDTHS.declared()},
        "preprocessing": {**Preprocessing().declared(), **preprocessing},
    }


def write(path: Path, change: Change = lambda tensors, declared: None) -> Path:
    """A small encoder's file, after a change to its tensors or declaration."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        tensors = dict(MaskedPyramid(WIDTHS, CHANNELS).state_dict())
    declared = declaration()
    change(tensors, declared)
    save_file(tensors, path, metadata={DECLARATION: json.dumps(declared)})
    return path


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return default_encoder()


@pytest.fixture(scope="module")
def lesions() -> list[Lesion]:
    """More than one batch, of several sizes and spacings."""
    return [
        lesion(6.0 + index % 9, spacing_mm=(0.8, 0.8, 1.0 + index % 3), shape="ball", seed=index, margin_mm=6.0)
        for index in range(35)
    ]


def test_the_shipped_encoder_is_small_and_says_what_it_was_trained_on(encoder: Encoder) -> None:
    assert DEFAULT.stat().st_size < 2_000_000
    assert (encoder.name, encoder.dimension) == ("default", 64)
    assert [(state.running_on, state.trouble) for state in encoder.states] == [("cpu", "")]
    assert len(encoder.identity) == 64
    with safetensors.safe_open(DEFAULT, framework="pt") as file:
        declared = json.loads(file.metadata()[DECLARATION])
    assert "synthetic" in declared["trained_on"]
    assert declared["recipe"]["seed"] >= 0
    trained, untrained = (
        np.array([part[key] for part in declared["explained_variance"].values()]) for key in ("trained", "untrained")
    )
    told = np.maximum(trained, untrained) > 0.05  # the others neither of the two can tell
    assert told.sum() >= 9
    assert (trained > untrained)[told].all()


def test_a_batch_is_each_alone_in_the_order_asked(encoder: Encoder, lesions: list[Lesion]) -> None:
    modalities = ["ct" if index % 2 else "mr_t1" for index in range(len(lesions))]
    together = encoder.embed(lesions, modalities)
    assert together.shape == (35, 64)
    assert together.dtype == np.float32
    alone = np.concatenate([encoder.embed([one], [word]) for one, word in zip(lesions, modalities, strict=True)])
    assert np.array_equal(together, alone), "bit for bit"
    order = np.random.default_rng(0).permutation(len(lesions))
    mixed = encoder.embed([lesions[index] for index in order], [modalities[index] for index in order])
    assert np.array_equal(mixed, together[order])
    apart = np.abs(together[:, None] - together[None]).max(axis=2)[~np.eye(35, dtype=bool)]
    assert apart.min() > 1e-3, "no two of these lesions are alike"


def test_no_lesion_gives_no_row(encoder: Encoder) -> None:
    assert encoder.embed([], []).shape == (0, 64)


def test_an_embedding_does_not_depend_on_threads_or_callers(encoder: Encoder, lesions: list[Lesion]) -> None:
    few = lesions[:8]
    words = ["ct"] * len(few)
    first = encoder.embed(few, words)
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            assert np.array_equal(encoder.embed(few, words), first), "bit for bit"
            assert torch.get_num_threads() == count, "the caller's own setting stays"
    finally:
        torch.set_num_threads(threads)
    others = default_encoder(workers=Workers("cpu", cpu_threads=3))
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda one: others.embed([one], ["ct"])[0], few))
    assert np.array_equal(np.stack(rows), first)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_scan_stored_backwards_gives_the_same_embedding(encoder: Encoder, axis: int) -> None:
    one = lesion(12.0, spacing_mm=(0.8, 0.9, 2.5), shape="ball", seed=4, margin_mm=9.0)
    uneven = (one.image + np.arange(one.image.shape[2]) * 8.0).astype(np.float32)
    one = Lesion(1, uneven, one.mask, one.grid)
    direction = np.array(one.grid.direction).reshape(3, 3)
    origin = np.array(one.grid.origin_mm) + direction[:, axis] * one.grid.spacing_mm[axis] * (one.grid.size[axis] - 1)
    direction[:, axis] *= -1.0
    grid = Grid(one.grid.size, one.grid.spacing_mm, tuple(origin), tuple(direction.ravel()))
    image, mask = np.flip(one.image, 2 - axis).copy(), np.flip(one.mask, 2 - axis).copy()
    backwards = Lesion(1, image, mask, grid)
    a, b, mirrored = encoder.embed([one, backwards, Lesion(1, image, one.mask, one.grid)], ["ct"] * 3)
    assert np.abs(a - b).max() < 1e-3
    assert axis != 0 or np.abs(a - mirrored).max() > 1e-2


def test_embeddings_are_finite_whatever_the_intensities(encoder: Encoder) -> None:
    one = lesion(8.0)
    strange = [Lesion(1, one.image * np.float32(factor), one.mask, one.grid) for factor in (0.0, 1e-30, 1e6, 1e30)]
    for modality in ("ct", "pt", "other_words"):
        assert np.isfinite(encoder.embed(strange, [modality] * len(strange))).all()


def test_a_lesion_too_small_to_be_sampled_has_a_finite_embedding(encoder: Encoder) -> None:
    image = np.random.default_rng(0).normal(0.0, 50.0, (9, 9, 9)).astype(np.float32)
    mask = np.zeros(image.shape, bool)
    mask[4, 4, 4] = True
    for spacing in (0.01, 0.1, 0.5, 5.0):
        grid = Grid((9, 9, 9), (spacing,) * 3, (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
        for modality in ("ct", "mr"):
            assert np.isfinite(encoder.embed([Lesion(1, image, mask, grid)], [modality])).all()


def test_the_identity_is_of_numbers_and_not_of_notes(tmp_path: Path) -> None:
    base = Encoder.load(write(tmp_path / "base.safetensors")).identity

    def note(tensors: dict[str, Tensor], declared: dict[str, Any]) -> None:
        declared["recipe"] = {"seed": 5}

    assert Encoder.load(write(tmp_path / "noted.safetensors", note)).identity == base


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, declared: declared["preprocessing"].update(smallest_mm=30.0),
        lambda tensors, declared: declared["preprocessing"].update(narrow_hu=[-100.0, 200.0]),
        lambda tensors, declared: tensors.update({"embedding.bias": tensors["embedding.bias"] + 1e-6}),
    ],
    ids=["crop", "window", "weights"],
)
def test_the_identity_changes_with_preprocessing_and_weights(tmp_path: Path, change: Change) -> None:
    base = Encoder.load(write(tmp_path / "base.safetensors")).identity
    assert Encoder.load(write(tmp_path / "changed.safetensors", change)).identity != base


def test_declared_preprocessing_is_what_runs(tmp_path: Path) -> None:
    one = lesion(10.0, margin_mm=8.0)
    base = Encoder.load(write(tmp_path / "base.safetensors"))
    other = Encoder.load(
        write(tmp_path / "other.safetensors", lambda _, declared: declared["preprocessing"].update(stretch=2.0))
    )
    assert np.abs(base.embed([one], ["ct"]) - other.embed([one], ["ct"])).max() > 1e-3


REFUSED: dict[str, tuple[Change, str]] = {
    "missing": (lambda tensors, _: tensors.pop("deep.weight"), "deep.weight is missing"),
    "left over": (
        lambda tensors, _: tensors.update({"module.deep.weight": torch.zeros(2)}),
        "module.deep.weight is not part of the network",
    ),
    "shape": (lambda tensors, _: tensors.update({"deep.bias": torch.zeros(7)}), r"deep.bias is \(7,\), wanted \(6,\)"),
    "type": (
        lambda tensors, _: tensors.update({"deep.bias": torch.zeros(6, dtype=torch.float16)}),
        "deep.bias is torch.float16",
    ),
    "not finite": (
        lambda tensors, _: tensors.update({"deep.bias": torch.full((6,), torch.nan)}),
        "deep.bias holds values that are not finite",
    ),
    "architecture": (lambda _, declared: declared["architecture"].update(kind="resnet/1"), "'resnet/1'; wanted one of"),
    "width": (lambda _, declared: declared["architecture"].update(fine=10**9), "fine is 1000000000; wanted 1 to"),
    "a width too many": (lambda _, declared: declared["architecture"].update(depth=3), "the architecture declares"),
    "another preprocessing": (lambda _, declared: declared["preprocessing"].update(kind="mesh/1"), "'mesh/1'"),
    "an unknown key": (lambda _, declared: declared["preprocessing"].update(blur=1.0), "unknown \\['blur'\\]"),
    "a key less": (lambda _, declared: declared["preprocessing"].pop("size"), "lacks \\['size'\\]"),
    "a value's type": (lambda _, declared: declared["preprocessing"].update(size="32"), "size is '32'"),
    "a value's range": (lambda _, declared: declared["preprocessing"].update(size=4096), "outside its range"),
    "no name": (lambda _, declared: declared.pop("name"), "no name"),
    "a name with dots": (lambda _, declared: declared.update(name="a.b"), "no name"),
    "no architecture": (lambda _, declared: declared.pop("architecture"), "no architecture"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_does_not_fit_is_refused_by_name(tmp_path: Path, case: str) -> None:
    change, message = REFUSED[case]
    with pytest.raises(BadEncoder, match=message):
        Encoder.load(write(tmp_path / "bad.safetensors", change))


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.safetensors").read_bytes()
    for name, content in {
        "cut": whole[:-10],
        "header": b"\xff" * 8 + whole[8:],
        "empty": b"",
        "pickle": b"\x80\x04\x95" + bytes(64),
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(BadEncoder, match="cannot be read as safetensors"):
            Encoder.load(path)
    with pytest.raises(BadEncoder, match="cannot be read as safetensors"):
        Encoder.load(tmp_path / "nowhere")
    save_file({"a": torch.zeros(1)}, tmp_path / "plain")
    with pytest.raises(BadEncoder, match="no readable metadata"):
        Encoder.load(tmp_path / "plain")


def test_a_word_that_names_no_device_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "small.safetensors")
    for word in ("tpu", "cuda:", "cuda:x", "cpu,mps", ""):
        with pytest.raises(BadEncoder, match="wanted auto, cpu, cuda or cuda:N"):
            Encoder.load(path, device=word)


@pytest.mark.parametrize("module", ["features.compute", "features.embedding", "features.embedding.encoder"])
def test_torch_is_not_imported_before_an_encoder_is_used(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
