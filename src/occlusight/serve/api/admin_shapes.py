"""What /admin/models takes and gives."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from occlusight.serve.api.shapes import Form, Reply


class PullRequest(Form):
    """A model of the Hugging Face hub, or of ModelScope."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"model": "Qwen/Qwen3-VL-2B-Instruct"}]})

    model: str


class SwitchRequest(Form):
    """A model on this machine: `default`, `blind`, one that was downloaded, or a checkpoint folder."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"model": "default"}]})

    model: str


class AdminEvent(Reply):
    """What is told meanwhile: `progress` of a download, `done` of `total` bytes of weights; `told`, a line of what
    opens a model; and at the end `done`, with the model."""

    event: Literal["progress", "told", "done"]
    done: int | None = None
    total: int | None = None
    text: str | None = None
    model: str | None = None


class Speed(Reply):
    """Seconds to the first token about a picture of 512x512 pixels, and tokens a second after it."""

    first_token_s: float
    tokens_per_s: float


class AboutModel(Reply):
    """What a model takes. `needs`: bytes of memory by what --quantize takes, null where our engine does not run it
    (`why_not`), and `fits` those that fit into `free_memory`; `measured` on `measured_on`, which is another machine;
    `here`: the revision that was downloaded, `newest` the hub's (null where it could not be asked), `download_bytes`
    what must still be downloaded, and `free_disk` the bytes that are free for it."""

    name: str
    needs: dict[str, int] | None
    why_not: str | None
    measured: dict[str, Speed]
    measured_on: str | None
    fits: list[str]
    free_memory: int
    free_disk: int
    here: str
    newest: str | None
    download_bytes: int | None
