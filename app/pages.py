"""What pages share: what a browser has posted, and the data sets that it can choose from."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData

from app import datasets
from app.api import SettingsOf


async def _form(request: Request) -> FormData:
    return await request.form()


def _datasets(settings: SettingsOf) -> list[str]:
    return datasets.names(settings.data_dir)


Posted = Annotated[FormData, Depends(_form)]
Available = Annotated[list[str], Depends(_datasets)]
