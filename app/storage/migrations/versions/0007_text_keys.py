"""Keys by which runs are searched without regard to case, and names are sorted as people count."""

import sqlalchemy as sa
from alembic import op

from app import text_keys

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_AT_ONCE = 500
_BY_CODE_POINT = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Add the keys and fill them for existing runs.

    The index lets the list count its runs without reading their rows, which are longer now.
    """
    for name, kind in (
        ("name_key", _BY_CODE_POINT),
        ("search_key", sa.String()),
        ("dataset_key", _BY_CODE_POINT),
    ):
        op.add_column("run", sa.Column(name, kind, nullable=False, server_default=""))
    _fill(op.get_bind())
    op.create_index("run_archived", "run", ["archived"])


def _fill(connection: sa.Connection) -> None:
    run = sa.table(
        "run",
        *(
            sa.column(name)
            for name in ("id", "name", "note", "dataset", "name_key", "search_key", "dataset_key")
        ),
        sa.column("tags", sa.JSON()),
    )
    ids = connection.execute(sa.select(run.c.id).order_by(run.c.id)).scalars().all()
    made: dict[str, sa.BindParameter[str]] = {
        name: sa.bindparam(f"new_{name}") for name in ("name_key", "search_key", "dataset_key")
    }
    change = sa.update(run).where(run.c.id == sa.bindparam("run_id")).values(made)
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        rows = connection.execute(
            sa.select(run.c.id, run.c.name, run.c.tags, run.c.note, run.c.dataset).where(run.c.id.in_(some))
        )
        keyed = [
            {
                "run_id": each.id,
                "new_dataset_key": text_keys.natural(each.dataset),
                **{
                    f"new_{name}": key
                    for name, key in text_keys.of_run(each.name, each.tags, each.note).items()
                },
            }
            for each in rows
        ]
        connection.execute(change, keyed)
