"""Whether this software can compute the columns that a version asks for."""

from features.embedding.encoder import Encoder
from features.errors import UnknownColumn
from features.names import EmbeddingColumn, ScanColumn, parse
from features.plan import require_known
from features.profile import DEFAULT_PROFILE, Profile
from models.errors import BadSignature
from models.model import Model


def require_computable(model: Model, encoder: Encoder | None) -> None:
    """Refuses a version whose columns this software cannot compute, before it serves.

    Raises:
        BadSignature: A column outside the grammar, or no feature of the profile or the encoder.
    """
    try:
        columns = [parse(spec.name) for spec in model.columns]
        require_known([column for column in columns if isinstance(column, ScanColumn)], profile_of(model))
    except UnknownColumn as error:
        raise BadSignature(f"a column of it cannot be computed: {error}") from error
    for column in columns:
        if isinstance(column, EmbeddingColumn) and not (
            encoder is not None and column.encoder == encoder.name and column.index < encoder.dimension
        ):
            named = "none" if encoder is None else f"{encoder.name}, {encoder.dimension} numbers"
            raise BadSignature(f"{column} is no column of the encoder that the version names ({named})", column=column)


def profile_of(model: Model) -> Profile:
    """The model's own profile; the default where it brings none, which then has only measures or embeddings."""
    return model.profile or DEFAULT_PROFILE
