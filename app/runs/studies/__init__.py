"""Studies: creation from a grid, members, labels, progress and their list."""

from app.runs.studies.creation import (
    NothingMatches,
    add_seeds,
    all_more_seeds,
    create_study,
    default_name,
    finished_twins,
    first_look,
    more_seeds,
    preview,
)
from app.runs.studies.editing import cancel_study, edit, remove
from app.runs.studies.listing import StudyQuery, count_archived, known_tags, list_studies
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
    "finished_twins",
    "first_look",
    "get_study",
    "known_tags",
    "list_studies",
    "member_ids",
    "missing",
    "more_seeds",
    "newest",
    "preview",
    "remove",
    "remove_runs",
    "shared",
]
