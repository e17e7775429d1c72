"""Samples of machines, and the numbers of the queue's newest change and of all recorded epochs."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and both numbers; deleted epochs of earlier versions are not counted."""
    op.create_table(
        "machine_sample",
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("cores", sa.Integer(), nullable=False),
        sa.Column("cpu", sa.Float(), nullable=False),
        sa.Column("memory_used", sa.BigInteger(), nullable=False),
        sa.Column("memory_total", sa.BigInteger(), nullable=False),
        sa.Column("gpus", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("host", "at"),
    )
    op.add_column("counter", sa.Column("queue_change", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("counter", sa.Column("epochs", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE counter SET epochs = (SELECT COUNT(*) FROM epoch)")
