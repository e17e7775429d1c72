"""More hyperparameters, parameter counts, diagnostics per epoch, and the epoch an attempt resumed after."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Version 0001 did not store these: its networks had 1 to 5 layers, the first hidden one with 512 units.
PARAMETERS = {1: 7_850, 2: 407_050, 3: 535_818, 4: 567_434, 5: 575_050}


def upgrade() -> None:
    """Add columns whose defaults are the values of every earlier run.

    Columns are added one by one: copying and dropping the table would delete its epochs.
    """
    for column in (
        sa.Column("width", sa.Integer(), nullable=False, server_default="512"),
        sa.Column("optimizer", sa.String(), nullable=False, server_default="sgd"),
        sa.Column("momentum", sa.Float(), nullable=False, server_default="0"),
        sa.Column("weight_decay", sa.Float(), nullable=False, server_default="0"),
        sa.Column("dropout", sa.Float(), nullable=False, server_default="0"),
        sa.Column("schedule", sa.String(), nullable=False, server_default="constant"),
        sa.Column("patience", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("precision", sa.String(), nullable=False, server_default="fp32"),
        sa.Column("parameters", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("resumed_from", sa.Integer(), nullable=False, server_default="0"),
    ):
        op.add_column("run", column)
    run = sa.table("run", sa.column("depth", sa.Integer()), sa.column("parameters", sa.Integer()))
    op.execute(run.update().values(parameters=sa.case(PARAMETERS, value=run.c.depth, else_=0)))
    op.add_column("epoch", sa.Column("gradient_norms", sa.JSON(), nullable=True))
    op.add_column("epoch", sa.Column("dead_relu", sa.JSON(), nullable=True))
