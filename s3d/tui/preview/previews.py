"""Reads an object for its preview, range by range through the agent's cache, and has it decoded."""

from __future__ import annotations

from dataclasses import dataclass, field

from s3d.tui.agent_client import Agent
from s3d.tui.control_paths import object_path
from s3d.tui.preview.decoder_client import Decoder
from s3d.tui.preview.drawing import Drawing, Range
from s3d.tui.preview.object_parts import DecodeRequest, Part
from s3d.tui.preview.read_plan import BUDGETS, first_range, next_ranges

_MAX_ROUNDS = 4
"""Reads one after another: the beginning, then what the decoder asks for."""


@dataclass(frozen=True, slots=True)
class PreviewTarget:
    """An object, or one version of it. etag: tells one state of it from another."""

    bucket: str
    key: str
    size: int
    etag: str = ""
    version: str = ""


@dataclass(slots=True)
class Preview:
    """What was read of an object, and how it is drawn."""

    target: PreviewTarget
    drawing: Drawing
    parts: list[Part] = field(default_factory=list)
    level: int = 0
    """Index of the budget that was used."""

    @property
    def read(self) -> int:
        """Bytes that were read."""
        return sum(len(part.data) for part in self.parts)

    @property
    def can_read_more(self) -> bool:
        """Whether the next budget would show more."""
        if self.level + 1 >= len(BUDGETS):
            return False
        budget = BUDGETS[self.level + 1]
        return bool(next_ranges(self.drawing, self.target.size, self.read, budget))


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a drawing is made for. width and height: cells. more: the sign for what is cut."""

    width: int = 80
    height: int = 24
    is_hex: bool = False
    more: str = "…"


class Previews:
    """Both methods raise AgentUnreachable, RequestRefused and DecoderFailed."""

    def __init__(self, agent: Agent, decoder: Decoder) -> None:
        self._agent, self._decoder = agent, decoder

    async def read(
        self,
        target: PreviewTarget,
        canvas: Canvas,
        *,
        level: int = 0,
        before: Preview | None = None,
    ) -> Preview:
        """Read and decode. level: index of the budget. before: what was read of it already."""
        budget = BUDGETS[level]
        parts = list(before.parts) if before is not None else []
        preview = Preview(target, Drawing(""), parts, level)
        is_first = not parts and target.size > 0
        ranges = [first_range(target.key, target.size, budget)] if is_first else []
        for _ in range(_MAX_ROUNDS):
            for each in ranges:
                parts.append(await self._read_range(target, each))
            preview.drawing = await self._decode(preview, canvas)
            if any(
                len(part.data) < each.size
                for part, each in zip(parts[-len(ranges) :], ranges, strict=False)
            ):
                preview.drawing.missing = []  # the object has become shorter
                break
            ranges = next_ranges(preview.drawing, target.size, preview.read, budget)
            if not ranges:
                break
        return preview

    async def draw(self, preview: Preview, canvas: Canvas) -> Preview:
        """Decode what was read once more, for another canvas."""
        drawing = await self._decode(preview, canvas)
        return Preview(preview.target, drawing, preview.parts, preview.level)

    async def _read_range(self, target: PreviewTarget, part: Range) -> Part:
        path = object_path(target.bucket, target.key, version=target.version)
        return Part(part.start, await self._agent.read_range(path, part.start, part.size))

    async def _decode(self, preview: Preview, canvas: Canvas) -> Drawing:
        target = preview.target
        request = DecodeRequest(
            target.key, target.size, preview.parts, canvas.width, canvas.height,
            BUDGETS[preview.level].seconds, canvas.is_hex, canvas.more,
        )  # fmt: skip
        return await self._decoder.decode(request)

    async def close(self) -> None:
        await self._decoder.close()
