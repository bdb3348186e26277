"""The log of changes of the registry room as it began."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the log of administrative changes."""
    op.create_table(
        "registry_changes",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("entity", sa.String(255), nullable=False),
        sa.Column("document", sa.Text),
    )
    op.create_index("registry_changes_by_entity", "registry_changes", ["kind", "entity", "id"])
