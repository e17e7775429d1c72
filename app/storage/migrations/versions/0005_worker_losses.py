"""Lost workers are counted apart from crashes."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the count of worker losses, and reset that of crashes, which included both kinds.

    A failed run keeps the count that its reason names.
    """
    op.add_column("run", sa.Column("worker_losses", sa.Integer(), nullable=False, server_default="0"))
    op.execute("UPDATE run SET crashes = 0 WHERE status <> 'failed'")
