"""Bodies of responses about machines, storage and settings."""

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
