"""Looks at a study and its planned runs are counted."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both counts; a study was looked at twice if runs were added after others had finished."""
    op.add_column("study", sa.Column("look", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("study", sa.Column("planned", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE study SET planned = (SELECT COUNT(*) FROM study_run WHERE study_run.study_id = study.id)"
    )
    op.execute(
        "UPDATE study SET look = 2 WHERE"
        " (SELECT MAX(run.created_at) FROM study_run JOIN run ON run.id = study_run.run_id"
        " WHERE study_run.study_id = study.id) >"
        " (SELECT MIN(run.finished_at) FROM study_run JOIN run ON run.id = study_run.run_id"
        " WHERE study_run.study_id = study.id AND run.status = 'finished')"
    )
