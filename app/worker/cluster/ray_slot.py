"""A slot on a node of a Ray cluster: an actor there, and two threads here that carry its messages."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, Final

import ray
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from app.queue import registry
from app.worker import slot_process
from app.worker.cluster.data_sets import Published, Publisher
from app.worker.cluster.nodes import ClusterNode, Need
from app.worker.cluster.place import HEAR_SECONDS, Heard, Place, Terms
from app.worker.cluster.unfit import FAULTS, Fault
from app.worker.engine import Gone
from app.worker.messages import FromSlot, Ready, ToSlot, Train
from app.worker.slot_process import PipedSlot
from app.worker.stall import Activity, Watch
from trainer.files.durable import NotWritten

log = logging.getLogger(__name__)

ACTOR_SILENT_SECONDS: Final = HEAR_SECONDS + 8
"""An actor that does not answer for so long counts as lost with its node; Ray may take longer to say so."""

KILLED: Final = slot_process.told(-signal.SIGKILL)

_UNANSWERED: Final = (exceptions.RayError, ConnectionError, RuntimeError, SystemExit)
"""What a call raises that gets no answer; Ray exits the threads that wait for one when it disconnects."""


class PlaceActor(Place):
    """A place as an actor with one thread each way: messages stay in order, and none waits for the other."""

    begin = ray.method(concurrency_group="hear")(Place.begin)
    hear = ray.method(concurrency_group="hear")(Place.hear)
    tell = ray.method(concurrency_group="tell")(Place.tell)


_ACTORS: Final = ray.remote(concurrency_groups={"hear": 1, "tell": 1})(PlaceActor)
"""Makes the actors of all slots: the head stores each such class for as long as this process runs."""


class RaySlot(PipedSlot):
    """A slot on a node. It is ready once Ray has placed it, which may take until others leave the node.

    Ray kills its actor if this process ends, and the actor's child ends with it. Every call of Ray is in a
    thread, because calls may wait for the head of the cluster.
    """

    def __init__(self, node: ClusterNode, host: str, need: Need, terms: Terms, data: Publisher) -> None:
        super().__init__(need.threads, host, terms.device)
        self.node = node.id
        self.opened = time.monotonic()
        self.placed = False
        self.memory = need.memory if terms.device == "cpu" else None
        self.lost: str | None = None
        """Why its actor or its node is lost, in words; None while its actor answers."""

        self.fault: Fault | None = None
        """What its node lacks, if that is why it can't start."""

        self.child = 0
        """The process id of its child, on its node."""

        self._data = data
        self._how: str | None = None
        self._killed = False
        self._activity = Activity()
        self.watch = Watch(lambda: self._activity)
        self.connection, theirs = Pipe()
        self._outgoing: SimpleQueue[ToSlot | None] = SimpleQueue()
        self._actor: Any = None
        self._created = threading.Event()
        self._start(self._hear, _ACTORS.options(**_resources(node, need, terms)), terms, theirs)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=target, args=arguments, name=f"slot on {self.host}", daemon=True).start()

    def send(self, message: ToSlot) -> None:
        """Send a message to the slot; if it has ended, `receive` says so."""
        self._outgoing.put(message)

    def receive(self) -> FromSlot | Gone:
        """Returns the next message; a slot for a GPU that PyTorch does not find has ended."""
        message = super().receive()
        if isinstance(message, Ready) and self.offered not in registry.kinds(message.devices):
            self.fault = "no_gpu"
            return Gone()
        return message

    def kill(self) -> str:
        """End the actor and its child, if they still run. Returns how they ended, in words."""
        self._killed = True
        self._outgoing.put(None)
        self._start(self._end)
        self.connection.close()
        return FAULTS[self.fault] if self.fault else self._how or KILLED

    def _end(self) -> None:
        self._created.wait()
        with suppress(Exception):  # without its cluster, the actor is gone
            ray.kill(self._actor, no_restart=True)

    def _create(self, actors: Any, terms: Terms) -> None:  # noqa: ANN401  # a class of Ray
        try:
            if not self._killed:
                self._actor = actors.remote(terms)
        finally:
            self._created.set()

    def _hear(self, actors: Any, terms: Terms, theirs: Connection) -> None:  # noqa: ANN401
        """Create the actor, and pass on what the child says, until its end or that of its node."""
        with theirs, suppress(OSError):  # the slot was killed
            try:
                self._create(actors, terms)
                if self._actor is None:
                    return
                self._start(self._tell)
                self._how = ray.get(self._actor.begin.remote())
                self.placed = self._how is None
                while self._how is None:
                    heard: Heard = _answer(self._actor.hear.remote())
                    self.child, self._activity = heard.child, heard.activity
                    for message in heard.messages:
                        theirs.send(message)
                    self._how = heard.ended
                end = Gone()
            except _UNANSWERED as error:
                if not self._killed:
                    self.fault = fault_of(error)
                    self._how = self.lost = told(error)
                end = Gone(machine_lost=True)
            theirs.send(end)

    def _tell(self) -> None:
        """Pass on what the worker says, with the data set of a run, until the slot is killed."""
        while message := self._outgoing.get():
            try:
                published = self._published(message)
                self._actor.tell.remote(message, published)
            except _UNANSWERED as error:  # `_hear` reports it
                log.debug("a message did not reach %s: %s", self.host, error)

    def _published(self, message: ToSlot) -> Published | None:
        if not isinstance(message, Train):
            return None
        name = str(message.config["dataset"])
        try:
            return self._data.publish(name)
        except (OSError, NotWritten) as error:
            log.warning("the data set %s could not be copied into the artifacts: %s", name, error)
            return None  # the node says that it has no such data set


def _resources(node: ClusterNode, need: Need, terms: Terms) -> dict[str, Any]:
    return {
        "num_cpus": need.threads,
        "num_gpus": need.gpus if terms.device == "cuda" else 0,
        "memory": need.memory,
        "max_restarts": 0,
        "scheduling_strategy": NodeAffinitySchedulingStrategy(node_id=node.id, soft=False),
    }


def _answer(called: Any) -> Any:  # noqa: ANN401  # a reference of Ray
    """Returns the result of a call. Waits twice, because this process may have been suspended meanwhile."""
    try:
        return ray.get(called, timeout=ACTOR_SILENT_SECONDS / 2)
    except exceptions.GetTimeoutError:
        return ray.get(called, timeout=ACTOR_SILENT_SECONDS / 2)


def fault_of(error: BaseException) -> Fault | None:
    """Returns what the node of a lost slot lacks; None if nothing is known to be missing."""
    text = str(error)
    return "not_installed" if "No module named" in text or "ModuleNotFoundError" in text else None


def told(error: BaseException) -> str:
    """Returns why a slot was lost, in words."""
    text = str(error)
    if isinstance(error, exceptions.GetTimeoutError):
        return f"its node did not answer for {ACTOR_SILENT_SECONDS:.0f} s"
    if isinstance(error, SystemExit):
        return "this worker has left the cluster"
    if isinstance(error, exceptions.ActorUnavailableError):
        return "its node can't be reached"
    if "node has died" in text or isinstance(error, exceptions.ActorUnschedulableError):
        return "its node died"
    if fault := fault_of(error):
        return FAULTS[fault]
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), type(error).__name__)
    return f"its actor ended: {last}"
