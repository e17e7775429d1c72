"""Which names were made from hyperparameters, so that no two of those are the same."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Count the names that earlier versions made from depth and seed; the names do not change.

    New names with the same base continue the count.
    """
    op.add_column("run", sa.Column("name_base", sa.String(), nullable=True))
    op.add_column("run", sa.Column("name_repeat", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE run SET name_base = name, name_repeat = ranked.place FROM "
        "(SELECT id, row_number() OVER (PARTITION BY name ORDER BY id) AS place FROM run) AS ranked "
        "WHERE ranked.id = run.id AND run.name = "
        "CASE run.depth WHEN 1 THEN '1 layer' ELSE CAST(run.depth AS TEXT) || ' layers' END "
        "|| ', seed ' || CAST(run.seed AS TEXT)"
    )
    op.create_index("run_name_made", "run", ["name_base", "name_repeat"], unique=True)
