"""Machines of a worker's cluster."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; workers of one machine have no nodes."""
    op.add_column("worker", sa.Column("nodes", sa.JSON(), nullable=False, server_default="[]"))
