"""Sends the messages of the outbox to the webhook until it accepts them."""

import asyncio
import base64
import hashlib
import hmac
import logging
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fastapi.concurrency import run_in_threadpool
from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from app import __version__
from app.formats import plural
from app.settings import Settings
from app.storage import outbox
from app.storage.database import Database, clock
from app.storage.integrity import Integrity
from app.storage.tables import Notice
from app.web.events import within
from app.web.webhook.messages import Message, compose

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 2.0
TIMEOUT_SECONDS: Final = 10.0
FIRST_RETRY_SECONDS: Final = 10.0
"""Delay of the second try; it doubles with each further try, up to `LONGEST_RETRY_SECONDS`."""

LONGEST_RETRY_SECONDS: Final = 3600.0
GIVE_UP_SECONDS: Final = 24 * 3600.0
"""Age at which a message that was never accepted is removed."""

_SLACK_HOST: Final = "hooks.slack.com"


class Delivery:
    """Sends messages one by one, oldest first, while `run` runs.

    The URL is a secret: logs name only its host. Redirects count as failures, so that nothing is sent to a
    host that the operator did not name.
    """

    def __init__(self, database: Database, settings: Settings, url: SecretStr, integrity: Integrity) -> None:
        self._database = database
        self._settings = settings
        self._url = url.get_secret_value()
        self._host = urlsplit(self._url).hostname or ""
        self._integrity = integrity

    async def run(self, ending: asyncio.Event) -> None:
        """Send what is due until the server ends; a request in progress is then sent again later."""
        import httpx  # noqa: PLC0415  # only a server with a webhook needs it

        agent = {"User-Agent": f"Depthboard/{__version__}"}
        async with httpx.AsyncClient(
            timeout=TIMEOUT_SECONDS, follow_redirects=False, headers=agent
        ) as client:
            while not await within(POLL_SECONDS, ending):
                try:
                    while await self._send_next(client, ending):
                        pass
                except SQLAlchemyError as error:
                    self._integrity.met(error)
                except Exception:
                    log.exception("a message to the webhook could not be sent; it is sent again later")

    async def _send_next(self, client: "httpx.AsyncClient", ending: asyncio.Event) -> bool:
        """Send the next message that is due; returns whether to go on with another one at once."""
        notice, message = await run_in_threadpool(self._take)
        if notice is None or ending.is_set():
            return False
        if message is None:
            await run_in_threadpool(self._remove, notice)
            return True
        problem, delay = await self._send(client, message, notice, ending)
        if problem is None:
            await run_in_threadpool(self._remove, notice)
            return True
        await run_in_threadpool(self._postpone, notice, message, problem, delay)
        return False

    def _take(self) -> tuple[Notice | None, Message | None]:
        """Claim the next message that is due, and compose it."""
        with self._database.read() as session:
            if not outbox.anything_due(session):
                return None, None
        with self._database.write() as session:
            notice = outbox.claim(session)
        if notice is None:
            return None, None
        with self._database.read() as session:
            return notice, compose(session, self._settings, notice)

    async def _send(
        self, client: "httpx.AsyncClient", message: Message, notice: Notice, ending: asyncio.Event
    ) -> tuple[str | None, float]:
        """Send a message; returns why it was not accepted, None if it was, and the delay of the next try."""
        delay = retry_delay(notice.tries)
        sending = asyncio.create_task(self._post(client, message))
        stopping = asyncio.create_task(ending.wait())
        await asyncio.wait({sending, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not sending.done():
            sending.cancel()
            return "the server stopped meanwhile", 0.0
        try:
            status, wait = sending.result()
        except OSError as error:
            return str(error), delay
        if 200 <= status < 300:  # noqa: PLR2004
            return None, 0.0
        return f"it answered {status}", max(delay, wait)

    async def _post(self, client: "httpx.AsyncClient", message: Message) -> tuple[int, float]:
        """The status of the answer, and the seconds that it asks to wait. The answer's body is not read.

        Raises:
            OSError: there was no answer.
        """
        import httpx  # noqa: PLC0415

        body = message.as_slack if self._is_slack else message.as_json
        headers = {"Content-Type": "application/json"} | signature(
            self._settings.webhook_secret, message.id, body, int(time.time())
        )
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                async with client.stream("POST", self._url, content=body, headers=headers) as answer:
                    wait = answer.headers.get("retry-after", "")
                    seconds = float(wait) if wait.isdecimal() else 0.0
                    return answer.status_code, min(seconds, LONGEST_RETRY_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            words = str(error).replace(self._url, "…") or f"no answer in {TIMEOUT_SECONDS:g} s"
            raise OSError(words) from None

    @property
    def _is_slack(self) -> bool:
        chosen = self._settings.webhook_format
        return chosen == "slack" or (chosen == "auto" and self._host == _SLACK_HOST)

    def _remove(self, notice: Notice) -> None:
        with self._database.write() as session:
            outbox.remove(session, notice)

    def _postpone(self, notice: Notice, message: Message, problem: str, delay: float) -> None:
        """Send a message again later, or give it up if it is too old."""
        with self._database.write() as session:
            is_over = clock(session) + delay - notice.created_at > GIVE_UP_SECONDS
            if is_over:
                outbox.remove(session, notice)
            else:
                outbox.postpone(session, notice, delay)
        if is_over:
            log.warning(
                "gave up the message about %s after %s; webhook at %s: %s",
                message.url, plural(notice.tries, "try", "tries"), self._host, problem,
            )  # fmt: skip
        elif notice.tries == 1:
            log.warning(
                "the webhook at %s did not accept a message, which is sent again: %s", self._host, problem
            )


def retry_delay(tries: int) -> float:
    """Seconds until the next try, after this many."""
    return float(min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(tries - 1, 30)))


def signature(secret: SecretStr | None, message_id: str, body: bytes, moment: int) -> dict[str, str]:
    """The headers that identify and sign a message as in the specification Standard Webhooks.

    `moment` is in seconds since 1970. Without a secret, there is no signature.
    """
    headers = {"webhook-id": message_id, "webhook-timestamp": str(moment)}
    if secret is None:
        return headers
    signed = f"{message_id}.{moment}.".encode() + body
    digest = hmac.new(secret.get_secret_value().encode(), signed, hashlib.sha256).digest()
    return headers | {"webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}
