"""`encoder train` makes the encoder that embeds lesions; `encoder import` takes a published one."""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from models.progress import Progress, advance, progress_bar
from models.registry import Registry
from models.show import print_table


def run_import(chosen: argparse.Namespace) -> None:
    """Checks a published encoder tensor by tensor and registers it in MLflow; no code of its file is run."""
    from features.embedding.bring import import_encoder  # noqa: PLC0415 - torch takes seconds to import
    from models.registry.encoders import register_encoder  # noqa: PLC0415 - MLflow too

    with TemporaryDirectory() as folder:
        out = chosen.out or Path(folder) / "encoder.safetensors"
        imported = import_encoder(chosen.file, chosen.published, out, name=chosen.name)
        registry = Registry(chosen.registry, data_folder=chosen.data)
        said = f"{chosen.published}, from a file with SHA-256 {imported.source_digest}"
        version = register_encoder(registry, out, imported.name, imported.identity, said)
    print(f"encoder-{imported.name} version {version}: {imported.dimension} numbers, identity {imported.identity}")


def run(chosen: argparse.Namespace) -> None:
    """Trains, and prints how much of each known factor the embedding holds."""
    from models.encoder_training.training import Recipe, train  # noqa: PLC0415 - torch takes seconds to import

    asked = {"specimens": chosen.specimens, "epochs": chosen.epochs}
    recipe = Recipe(**{key: value for key, value in asked.items() if value is not None})
    bars: dict[str, Progress] = {}

    def progress(part: str, done: int, total: int) -> None:
        if part not in bars:
            bars[part] = progress_bar(total, part, "step" if part == "training" else "lesion")
        advance(bars[part], done)

    trained = train(chosen.out, seed=chosen.seed, recipe=recipe, name=chosen.name, progress=progress)
    for bar in bars.values():
        bar.close()
    rows = [(part.factor, f"{part.trained:.3f}", f"{part.untrained:.3f}") for part in trained.recovery]
    print_table(("factor", "explained variance", "untrained"), rows)
    print(chosen.out)
