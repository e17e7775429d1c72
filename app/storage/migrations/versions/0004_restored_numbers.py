"""Where the numbers of changes begin in a restored database, and no answers that tell of deleted runs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Set the origin to 0 for databases that were not restored, and erase responses about deleted runs."""
    op.add_column("counter", sa.Column("origin", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_idempotency_key_resource_id", "idempotency_key", ["resource_id"])
    op.execute(
        "UPDATE idempotency_key SET answer = '' "
        "WHERE route = '/runs' AND resource_id NOT IN (SELECT id FROM run)"
    )
