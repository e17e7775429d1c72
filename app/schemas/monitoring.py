"""Bodies of responses about workers, machines, storage and settings."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field


class GpuUse(BaseModel):
    """One GPU of a machine, over the last hour."""

    name: Annotated[str, Field(description="Name of the GPU.")]
    memory_total: Annotated[int | None, Field(description="Its memory in bytes; null if it is not reported.")]
    use: Annotated[
        list[float | None],
        Field(description="Fraction of the time in which a kernel ran; null where it is not reported."),
    ]
    memory_used: Annotated[list[int | None], Field(description="Used memory in bytes.")]


class MachineOut(BaseModel):
    """The use of a worker's machine over the last hour, by all its processes; lists are oldest first."""

    host: Annotated[str, Field(description="Host name.")]
    cores: Annotated[int, Field(description="Number of logical CPU cores.")]
    memory_total: Annotated[int, Field(description="Memory in bytes.")]
    age_seconds: Annotated[list[float], Field(description="Ages of the samples in seconds.")]
    cpu: Annotated[list[float], Field(description="Fraction of all cores that was busy.")]
    memory_used: Annotated[list[int], Field(description="Bytes not available to other processes.")]
    gpus: Annotated[list[GpuUse], Field(description="Its NVIDIA GPUs.")]


class StorageOut(BaseModel):
    """Used and free storage in bytes, not older than a minute."""

    runs: Annotated[
        int | None, Field(description="Size of the files of runs; null if they are in an object store.")
    ]
    database: Annotated[int, Field(description="Size of the database.")]
    free: Annotated[int | None, Field(description="Free space for files of runs; null in an object store.")]


class SettingOut(BaseModel):
    """A setting in use by the server."""

    name: Annotated[str, Field(description="The environment variable.")]
    value: Annotated[str | None, Field(description="The value in use, without passwords and tokens.")]
    source: Annotated[
        Literal["default", "environment"],
        Field(description="Where it comes from; command-line options count as environment."),
    ]


class ServerOut(BaseModel):
    """The server: versions, storage and settings."""

    versions: Annotated[dict[str, str], Field(description="Versions of its software.")]
    storage: Annotated[StorageOut, Field(description="Used and free storage.")]
    settings: Annotated[list[SettingOut], Field(description="Settings in use.")]


class WorkerDevice(BaseModel):
    """A device that a worker offers."""

    device: Annotated[str, Field(description="The device, such as `cpu` or `cuda:0`.")]
    name: Annotated[str, Field(description="Name of the hardware.")]


class WorkerNode(BaseModel):
    """A machine of a cluster on which a worker trains runs."""

    host: Annotated[str, Field(description="Name of the machine.")]
    cpus: Annotated[float, Field(description="CPUs that the machine gives to the cluster.")]
    gpus: Annotated[float, Field(description="GPUs that the machine gives to the cluster.")]
    memory: Annotated[int, Field(description="Memory that the machine gives to the cluster, in bytes.")]
    slots: Annotated[int, Field(description="How many runs it trains at a time.")]
    devices: Annotated[list[WorkerDevice], Field(description="Its devices; empty while it detects them.")]
    runs: Annotated[list[int], Field(description="Ids of the runs that it trains.")]
    problem: Annotated[str | None, Field(description="Why it trains no runs, if it can't.")]
    memory_per_run: Annotated[
        int | None, Field(description="Memory that it reserves for a run, in bytes; null if unknown.")
    ] = None


class WorkerOut(BaseModel):
    """A live worker."""

    id: Annotated[str, Field(description="The worker's id.")]
    host: Annotated[str, Field(description="Its host name.")]
    devices: Annotated[list[WorkerDevice], Field(description="Its devices; empty while it detects them.")]
    slots: Annotated[int, Field(description="How many runs it trains at a time.")]
    threads: Annotated[int, Field(description="CPU threads per run.")]
    heartbeat_age_seconds: Annotated[float, Field(description="Seconds since its last heartbeat.")]
    runs: Annotated[list[int], Field(description="Ids of the runs that it trains.")]
    versions: Annotated[dict[str, str], Field(description="Versions of its software.")]
    nodes: Annotated[
        list[WorkerNode],
        Field(description="Machines of its cluster; empty if it trains on its own machine only."),
    ]


class WorkerList(BaseModel):
    """Response of `GET /workers`."""

    workers: Annotated[list[WorkerOut], Field(description="Live workers.")]
    machines: Annotated[
        list[MachineOut], Field(description="Machines of workers, with their use over the last hour.")
    ]
    server: Annotated[ServerOut, Field(description="The server that responded.")]


class Health(BaseModel):
    """Response of `GET /health`."""

    status: Annotated[Literal["ok"], Field(description="The server responds.")]
    version: Annotated[str, Field(description="Version of Depthboard.")]
    time: Annotated[
        str, Field(description="Current time of the database's clock, as used for all times in responses.")
    ]
    database: Annotated[
        Literal["unchecked", "checking", "sound", "damaged"],
        Field(
            description="Result of the integrity check of the SQLite file, which runs after an unclean "
            "shutdown; also `damaged` if a request has found damage since."
        ),
    ]
    detail: Annotated[
        str | None, Field(description="The damage found, or a note on the check that passed.")
    ] = None
