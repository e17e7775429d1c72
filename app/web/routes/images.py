"""JSON and pictures of the image-by-image comparison."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from pydantic import BaseModel

from app.compare.comparison import NotComparable, compare
from app.compare.selection import Selection, nothing_found
from app.formats import sentence
from app.runs import datasets
from app.schemas.bodies import MAX_ID
from app.schemas.compare.images import ImageComparison, ImagePair, StepImages
from app.settings import Settings
from app.storage.database import Database
from app.web.api import DatabaseOf, SettingsOf, answer, problems
from app.web.routes.compare import SELECTION
from app.web.strict_json import JsonRoute

if TYPE_CHECKING:
    from app.compare.images.comparison import Answers

router = APIRouter(route_class=JsonRoute, responses=problems(422), tags=["compare"])

_CACHED: Final = "public, max-age=86400"
_MAX_INDEX: Final = 10_000_000

RunId = Annotated[int, Query(ge=1, le=MAX_ID, description="A run's id.")]
GroupId = Annotated[str, Query(max_length=1000, description="A group's id, such as `depth=2`.")]
Found = TypeVar("Found", bound=BaseModel)


@router.get(
    "/compare/images",
    response_model=ImageComparison,
    responses=problems(404),
    openapi_extra=SELECTION,
)
def compare_images(request: Request, database: DatabaseOf, settings: SettingsOf) -> Response:
    """Compare runs image by image: accuracy per class, and each group with its neighbor."""
    from app.compare.images import comparison  # noqa: PLC0415  # NumPy, which only images need

    try:
        return _answered(request, database, settings, (), comparison.overview)
    except NotComparable as error:
        return answer(ImageComparison(warnings=[sentence(error)]))


@router.get(
    "/compare/images/step",
    response_model=StepImages,
    responses=problems(404, 409),
    openapi_extra=SELECTION,
)
def compare_step(
    request: Request, database: DatabaseOf, settings: SettingsOf, first: GroupId, second: GroupId
) -> Response:
    """Images that the runs of one of two groups classify correctly more often, by difference of shares."""
    from app.compare.images import comparison  # noqa: PLC0415

    return _answered(
        request,
        database,
        settings,
        ("first", "second"),
        lambda answers: comparison.step_images(answers, first, second),
    )


@router.get("/compare/images/pair", response_model=ImagePair, responses=problems(404, 409))
def compare_pair(database: DatabaseOf, settings: SettingsOf, first: RunId, second: RunId) -> Response:
    """McNemar's test of two networks on the same images."""
    from app.compare.images import comparison  # noqa: PLC0415

    answers = _answers(database, settings, Selection([first, second], None))
    return answer(comparison.pair(answers, first, second))


@router.get(
    "/datasets/{name}/test/{index}.png",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}, **problems(404)},
)
def test_image(
    settings: SettingsOf,
    name: Annotated[str, Path(description="A data set's name.")],
    index: Annotated[int, Path(ge=0, le=_MAX_INDEX, description="Zero-based index of the image.")],
) -> Response:
    """A test image as PNG with 28x28 pixels."""
    from app.compare.images import pictures  # noqa: PLC0415

    if not datasets.exists(name, settings.data_dir):
        raise HTTPException(404, f"There is no data set {name!r} here.")
    try:
        images = pictures.images(name, settings.data_dir)
    except pictures.NoPictures as error:
        raise HTTPException(404, f"{error}.") from error
    if index >= len(images):
        raise HTTPException(
            404, f"{name} has {len(images):,} test images; {index} is not from 0 to {len(images) - 1:,}."
        )
    return Response(pictures.png(images[index]), media_type="image/png", headers={"Cache-Control": _CACHED})


def _answered(
    request: Request,
    database: Database,
    settings: Settings,
    others: tuple[str, ...],
    ask: "Callable[[Answers], Found]",
) -> Response:
    """The result of `ask` for the predictions of the selected runs; `others` are further parameters."""
    chosen = [(name, text) for name, text in request.query_params.multi_items() if name not in others]
    return answer(ask(_answers(database, settings, Selection.parse(chosen, strict=True))))


def _answers(database: Database, settings: Settings, selection: Selection) -> "Answers":
    from app.compare.images.comparison import Answers  # noqa: PLC0415

    with database.read() as session:
        found = compare(session, selection, settings)
        if found is None:
            raise HTTPException(404, nothing_found(session, selection))
    return Answers.of(found, settings)
