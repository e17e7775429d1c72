"""Studies: creation from a grid, members, labels, progress and their list."""

from app.runs.studies.creation import (
    NothingMatches,
    add_seeds,
    all_more_seeds,
    create_study,
    default_name,
    finished_identical,
    first_look,
    more_seeds,
    preview,
)
from app.runs.studies.editing import cancel_study, edit, remove
from app.runs.studies.listing import StudyQuery, count_archived, list_studies, tags_in_use
from app.runs.studies.membership import add_runs, missing, remove_runs
from app.runs.studies.progress import find_study, get_study
from app.runs.studies.rows import StudyNotFound, StudyTooLarge, count_look, member_ids, newest, shared

__all__ = [
    "NothingMatches",
    "StudyNotFound",
    "StudyQuery",
    "StudyTooLarge",
    "add_runs",
    "add_seeds",
    "all_more_seeds",
    "cancel_study",
    "count_archived",
    "count_look",
    "create_study",
    "default_name",
    "edit",
    "find_study",
    "finished_identical",
    "first_look",
    "get_study",
    "list_studies",
    "member_ids",
    "missing",
    "more_seeds",
    "newest",
    "preview",
    "remove",
    "remove_runs",
    "shared",
    "tags_in_use",
]
