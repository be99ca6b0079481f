"""`encoder train` makes the encoder that embeds lesions; `encoder import` takes a published one."""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from models.commands.train import add_registry_to
from models.progress import Progress, advance, progress_bar
from models.registry import Registry
from models.show import print_table

KINDS = ("fmcib", "ct_fm", "medicalnet_10", "medicalnet_18", "medicalnet_34", "medicalnet_50")
"""As in `features.embedding.brought`, which takes seconds to import."""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the command."""
    parser = commands.add_parser("encoder", help="train or import an encoder", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    training = kinds.add_parser("train", help="from synthetic lesions", description=run.__doc__)
    training.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .safetensors file to write")
    training.add_argument("--name", default="default", metavar="NAME", help="in the columns' names (default: default)")
    training.add_argument("--seed", type=int, default=1, metavar="S", help="same seed, same weights (default 1)")
    training.add_argument("--specimens", type=int, metavar="N", help="how many to learn from (default: as shipped)")
    training.add_argument("--epochs", type=int, metavar="N", help="how often each is seen (default: as shipped)")
    training.set_defaults(run=run)
    importing = kinds.add_parser("import", help="from a published file", description=run_import.__doc__)
    importing.add_argument("file", type=Path, metavar="FILE", help="as its authors publish it")
    importing.add_argument("--as", dest="published", required=True, metavar="KIND", help=f"one of {', '.join(KINDS)}")
    importing.add_argument("--name", default="", metavar="NAME", help="in the columns' names (default: the kind)")
    importing.add_argument("--out", type=Path, metavar="FILE", help="also keep our own file of it here")
    add_registry_to(importing)
    importing.set_defaults(run=run_import)


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
