"""Best epochs, verified runs, edited studies, saved queries and a pause of the queue."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the fields and tables, and find the best epochs of existing runs."""
    op.add_column("run", sa.Column("best_epoch", sa.Integer()))
    op.add_column("run", sa.Column("best_test_accuracy", sa.Float()))
    op.add_column("run", sa.Column("verifies", sa.Integer()))
    op.execute(
        "UPDATE run SET best_epoch = (SELECT epoch FROM epoch WHERE epoch.run_id = run.id"
        " ORDER BY test_accuracy DESC, epoch LIMIT 1)"
    )
    op.execute(
        "UPDATE run SET best_test_accuracy ="
        " (SELECT MAX(test_accuracy) FROM epoch WHERE epoch.run_id = run.id)"
    )
    op.add_column("study", sa.Column("description", sa.String(), nullable=False, server_default=""))
    op.add_column("study", sa.Column("tags", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("study", sa.Column("archived", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("study", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "saved_query",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.UniqueConstraint("kind", "name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "pause",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("since", sa.Float(), nullable=False),
    )
