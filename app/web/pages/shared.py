"""Posted forms and data set choices, shared by pages."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData

from app.runs import datasets
from app.runs.datasets import Catalogue
from app.web.api import SettingsOf


async def _form(request: Request) -> FormData:
    return await request.form()


def _datasets(settings: SettingsOf) -> Catalogue:
    return datasets.catalogue(settings.data_dir)


Posted = Annotated[FormData, Depends(_form)]
Available = Annotated[Catalogue, Depends(_datasets)]
