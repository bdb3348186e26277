"""The log of changes of the directory room as it began."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the log of administrative changes."""
    op.create_table(
        "directory_changes",
        sa.Column("id", KEY, primary_key=True, autoincrement=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("entity", sa.String(255), nullable=False),
        sa.Column("document", sa.Text),
    )
    op.create_index("directory_changes_by_entity", "directory_changes", ["kind", "entity", "id"])
