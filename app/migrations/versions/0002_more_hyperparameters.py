"""Runs that resume."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add to runs the epoch after which the newest attempt went on."""
    op.add_column("run", sa.Column("resumed_from", sa.Integer(), nullable=False, server_default="0"))
