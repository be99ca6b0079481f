"""Encoders that people bring: files of the published layout with random values, made here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import torch
from builders.encoders import published, values
from builders.lesions import lesion
from safetensors.torch import save_file
from torch import Tensor

from features.embedding.bring import Imported, import_encoder
from features.embedding.brought import BROUGHT
from features.embedding.encoder import Encoder
from features.embedding.network import DECLARATION, dimension_of
from features.errors import BadEncoder

LAYOUTS = {
    "fmcib": (322, 184_477_824, 4096),
    "ct_fm": (161, 77_760_992, 512),
    "medicalnet_10": (72, 14_355_520, 512),
    "medicalnet_18": (102, 32_986_176, 512),
    "medicalnet_34": (198, 63_295_808, 512),
    "medicalnet_50": (318, 46_155_072, 2048),
}
"""Tensors, parameters and length of the embedding, as the published files have them."""


@pytest.mark.parametrize("kind", LAYOUTS)
def test_networks_have_the_published_layout(kind: str) -> None:
    tensors, parameters, dimension = LAYOUTS[kind]
    module = BROUGHT[kind].build()
    assert len(module.state_dict()) == tensors
    assert sum(part.numel() for part in module.parameters()) == parameters
    assert all(part.is_meta for part in module.state_dict().values()), "no memory is spent before a file is read"
    assert dimension_of({"kind": kind}) == BROUGHT[kind].dimension == dimension
    size = BROUGHT[kind].patch.size
    with torch.device("meta"):
        assert module.eval()(torch.empty(1, 1, *size)).shape == (1, dimension)


def test_names_of_published_files_are_what_the_map_expects() -> None:
    names = {kind: list(BROUGHT[kind].build().state_dict()) for kind in ("ct_fm", "fmcib", "medicalnet_50")}
    assert names["ct_fm"][0] == "stages.conv_init.weight"
    assert (BROUGHT["ct_fm"].prefix, BROUGHT["ct_fm"].within) == ("encoder.", "stages.")
    assert {"conv1.weight", "layer1.0.downsample.0.bias"} <= set(names["fmcib"])
    assert "layer1.0.downsample.0.bias" not in names["medicalnet_50"]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Imported]:
    folder = tmp_path_factory.mktemp("brought")
    out = folder / "out.safetensors"
    return out, import_encoder(published("medicalnet_10", folder), "medicalnet_10", out)


def test_an_imported_encoder_embeds_as_its_network_does(imported: tuple[Path, Imported]) -> None:
    out, said = imported
    encoder = Encoder.load(out)
    assert (encoder.name, encoder.dimension, encoder.identity) == ("medicalnet_10", 512, said.identity)
    lesions = [lesion(9.0, margin_mm=8.0, seed=seed) for seed in (1, 2)]
    found = encoder.embed(lesions, ["mr_t1", "mr_t1"])
    assert np.isfinite(found).all()
    assert np.abs(found[0] - found[1]).max() > 1e-3
    brought = BROUGHT["medicalnet_10"]
    module = brought.build()
    module.load_state_dict(values(module), assign=True)
    patch = brought.patch.tensors([brought.patch.prepare(lesions[0], "mr")], torch.device("cpu"), together=False)
    with torch.inference_mode():
        truth = module.eval()(patch).numpy()[0]
    assert np.abs(found[0] - truth).max() < 1e-4 * np.abs(truth).max()


def test_where_it_came_from_is_kept(imported: tuple[Path, Imported]) -> None:
    out, said = imported
    with safetensors.safe_open(out, framework="pt") as file:
        declared = json.loads(file.metadata()[DECLARATION])
    assert declared["source_sha256"] == said.source_digest
    assert len(said.source_digest) == 64
    assert declared["preprocessing"] == BROUGHT["medicalnet_10"].patch.declared()


def redeclared(source: Path, out: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    with safetensors.safe_open(source, framework="pt") as file:
        declared = json.loads(file.metadata()[DECLARATION])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
    change(declared)
    save_file(tensors, out, metadata={DECLARATION: json.dumps(declared)})
    return out


def test_another_preprocessing_is_another_encoder(imported: tuple[Path, Imported], tmp_path: Path) -> None:
    out, said = imported
    finer = redeclared(out, tmp_path / "a", lambda declared: declared["preprocessing"].update(spacing_mm=[2, 1, 1]))
    assert Encoder.load(finer).identity != said.identity
    noted = redeclared(out, tmp_path / "b", lambda declared: declared.update(source_sha256="0" * 64))
    assert Encoder.load(noted).identity == said.identity
    for change, message in (
        (lambda declared: declared["preprocessing"].update(scale="log"), "outside its range"),
        (lambda declared: declared["preprocessing"].update(size=[8, 8]), "size is"),
        (lambda declared: declared["preprocessing"].pop("clip"), "lacks \\['clip'\\]"),
        (lambda declared: declared["architecture"].update(stride=1), "wanted kind alone"),
        (lambda declared: declared["architecture"].update(kind="medicalnet_18"), "weights do not fit"),
    ):
        with pytest.raises(BadEncoder, match=message):
            Encoder.load(redeclared(out, tmp_path / "c", change))


REFUSED: dict[str, tuple[Callable[[dict[str, Tensor]], object], str]] = {
    "missing": (lambda tensors: tensors.pop("module.layer3.0.conv1.weight"), "layer3.0.conv1.weight is missing"),
    "left over": (
        lambda tensors: tensors.update({"module.conv_seg.0.weight": torch.zeros(2)}),
        "conv_seg.0.weight is not part of the network",
    ),
    "no prefix": (
        lambda tensors: tensors.update({"conv1.weight": tensors.pop("module.conv1.weight")}),
        "'conv1.weight' has no match; wanted names that begin with 'module.'",
    ),
    "twice the prefix": (
        lambda tensors: tensors.update({"module.module.bn1.bias": tensors.pop("module.bn1.bias")}),
        "bn1.bias is missing; module.bn1.bias is not part",
    ),
    "shape": (
        lambda tensors: tensors.update({"module.conv1.weight": torch.zeros(64, 3, 7, 7, 7)}),
        r"conv1.weight is \(64, 3, 7, 7, 7\), wanted \(64, 1, 7, 7, 7\)",
    ),
    "half": (
        lambda tensors: tensors.update({"module.bn1.bias": tensors["module.bn1.bias"].half()}),
        "bn1.bias is torch.float16, wanted torch.float32",
    ),
    "not finite": (
        lambda tensors: tensors["module.bn1.running_var"].fill_(torch.inf),
        "bn1.running_var holds values that are not finite",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_tensor_without_its_match_is_refused_by_name(tmp_path: Path, case: str) -> None:
    change, message = REFUSED[case]
    with pytest.raises(BadEncoder, match=message):
        import_encoder(published("medicalnet_10", tmp_path, change), "medicalnet_10", tmp_path / "out")
    assert not (tmp_path / "out").exists()


class Code:
    """Would run if a file were unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, (Path("ran"),)  # type: ignore[return-value]


def test_files_that_hold_code_or_something_else_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"module.conv1.weight": Code()}}, tmp_path / "code")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("weights, honestly")
    torch.save({"state_dict": {"module.conv1.weight": "text"}}, tmp_path / "words")
    torch.save([torch.zeros(2)], tmp_path / "list")
    torch.save({"trunk_state_dict": {}}, tmp_path / "other")
    for name, message in {
        "code": "neither safetensors nor a PyTorch file that holds weights only",
        "empty": "neither safetensors nor",
        "text": "neither safetensors nor",
        "nowhere": "cannot be read",
        "words": "holds a str among its tensors",
        "list": "no tensors under 'state_dict'",
        "other": "no tensors under 'state_dict'",
    }.items():
        with pytest.raises(BadEncoder, match=message):
            import_encoder(tmp_path / name, "medicalnet_10", tmp_path / "out")
    assert not (tmp_path / "ran").exists()
    with pytest.raises(BadEncoder, match="wanted one of ct_fm, fmcib, medicalnet_10"):
        import_encoder(tmp_path / "text", "resnet", tmp_path / "out")
    with pytest.raises(BadEncoder, match="could not stand in a column"):
        import_encoder(tmp_path / "text", "fmcib", tmp_path / "out", name="a.b")
