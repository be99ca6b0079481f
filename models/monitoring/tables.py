"""The tables of monitoring; patients stand there as keyed holders."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

TABLES = MetaData()
PREDICTIONS = Table(
    "monitored_predictions",
    TABLES,
    Column("prediction_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("therapy", Text, primary_key=True),
    Column("holder", Text, nullable=False, index=True),
    Column("version", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("probability", Float),
    Column("curve", Text, nullable=False),
    Column("made_us", BigInteger, nullable=False, index=True),
    Index("monitored_predictions_digest", "digest"),
)
OUTCOMES = Table(
    "monitored_outcomes",
    TABLES,
    Column("prediction_id", Text, primary_key=True),
    Column("task", Text, primary_key=True),
    Column("holder", Text, nullable=False, index=True),
    Column("therapy", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("event", Integer, nullable=False),
    Column("reported_us", BigInteger, nullable=False),
)
COUNTS = Table(
    "monitored_counts",
    TABLES,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("digest", Text, nullable=False, index=True),
    Column("cases", Integer, nullable=False),
    Column("counts", Text, nullable=False),
    Column("ended_us", BigInteger, nullable=False),
)
SHADOWED = Table(
    "shadowed_predictions",
    TABLES,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("prediction_id", Text, nullable=False),
    Column("holder", Text, nullable=False, index=True),
    Column("name", Text, nullable=False, index=True),
    Column("task", Text, nullable=False),
    Column("therapy", Text, nullable=False),
    Column("champion", Text, nullable=False),
    Column("champion_digest", Text, nullable=False),
    Column("champion_probability", Float),
    Column("champion_curve", Text, nullable=False),
    Column("challenger", Text, nullable=False),
    Column("challenger_digest", Text, nullable=False),
    Column("challenger_probability", Float),
    Column("challenger_curve", Text, nullable=False),
    Column("made_us", BigInteger, nullable=False, index=True),
    UniqueConstraint("prediction_id", "name", "therapy", "challenger_digest"),
)
