"""The messages that a webhook gets, as JSON or in the format of Slack."""

from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from sqlmodel import Session

from app.address import Address
from app.compare.comparison import compare
from app.compare.selection import Selection
from app.formats import whole
from app.prose import listed
from app.runs import studies
from app.runs.reading import timestamp
from app.schemas.status import ENDED, STATUSES
from app.settings import Settings
from app.storage.tables import Notice, Run

_SLACK: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
"""The characters that Slack's format reserves."""


@dataclass(frozen=True, slots=True)
class Message:
    """What to tell: the kind and name of its subject, what happened to it, and where to read more.

    `details` has the figures of the subject for programs.
    """

    id: str
    event: str
    time: str
    kind: str
    name: str
    happened: str
    url: str
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def as_json(self) -> bytes:
        """The body in our own format."""
        body = {
            "id": self.id,
            "event": self.event,
            "time": self.time,
            "text": f"{self.kind.capitalize()} “{self.name}” {self.happened}",
            "url": self.url,
            self.kind: self.details,
        }
        return orjson.dumps(body)

    @property
    def as_slack(self) -> bytes:
        """The body for an incoming webhook of Slack."""
        link = f"<{self.url}|{self.name.translate(_SLACK)}>"
        return orjson.dumps({"text": f"{self.kind.capitalize()} {link} {self.happened.translate(_SLACK)}"})


def compose(session: Session, settings: Settings, notice: Notice) -> Message | None:
    """The message of a notice; None if there is nothing left to tell.

    That is so if the run or study was deleted, or if the study trains again: its next end is another notice.
    """
    tell = _failed_run if notice.kind == "run_failed" else _ended_study
    return tell(session, settings, notice)


def _failed_run(session: Session, settings: Settings, notice: Notice) -> Message | None:
    run = session.get(Run, notice.subject)
    if run is None:
        return None
    details = {
        "id": notice.subject,
        "name": run.name,
        "study_id": run.study_id,
        "reason": notice.reason,
        "epochs_done": run.epochs_done,
        "epochs": run.epochs,
    }
    return _message(settings, notice, "run", details, f"failed: {notice.reason}")


def _ended_study(session: Session, settings: Settings, notice: Notice) -> Message | None:
    study = studies.find_study(session, notice.subject)
    if (
        study is None
        or not study.runs
        or any(study.counts[status] for status in STATUSES if status not in ENDED)
    ):
        return None
    found = compare(session, Selection([], notice.subject), settings)
    headline = found.verdict.answer[0] if found and found.groups else ""
    details = {"id": study.id, "name": study.name, "counts": study.counts, "headline": headline or None}
    counts = listed([f"{whole(count)} {status}" for status, count in study.counts.items() if count])
    return _message(settings, notice, "study", details, f"ended: {counts}. {headline}".rstrip())


def _message(
    settings: Settings, notice: Notice, kind: str, details: dict[str, Any], happened: str
) -> Message:
    base = settings.public_url or Address(settings.host, settings.port).url
    places = {"run": "runs", "study": "studies"}
    return Message(
        id=f"notice-{notice.id}-{notice.created_at:.0f}",  # a restored database repeats ids
        event=notice.kind,
        time=timestamp(notice.created_at),
        kind=kind,
        name=details["name"],
        happened=happened,
        url=f"{base}/{places[kind]}/{notice.subject}",
        details=details,
    )
