"""Records of one's own loggers: where they come from, and once for each line."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any, Iterator, List

import pytest

import perdure

pytestmark = pytest.mark.library

FIELDS = ("instance", "execution", "orchestration", "activity", "attempt")
logger = logging.getLogger("test-logs")


class Keep(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: List[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        fields = [getattr(record, f"perdure_{name}") for name in FIELDS]
        self.lines.append((record.getMessage(), *fields))


@pytest.fixture
def keep() -> Iterator[Keep]:
    handler = Keep()
    handler.addFilter(perdure.LogFilter())
    for each in (logger, logging.getLogger("perdure.activity")):
        each.addHandler(handler)
        each.setLevel("INFO")
    yield handler
    for each in (logger, logging.getLogger("perdure.activity")):
        each.removeHandler(handler)


@perdure.activity
def plain(ctx: perdure.ActivityContext) -> None:
    logger.info("plain")
    ctx.log.info("by the context", extra={"more": 1})


@perdure.activity
async def waiting(ctx: perdure.ActivityContext, number: int) -> None:
    await asyncio.sleep(0)
    logger.info("waiting %d", number)


@perdure.orchestration
async def talks(ctx: perdure.OrchestrationContext) -> None:
    logger.info("begun")
    await ctx.activity(plain)
    logger.info("in the middle")
    await asyncio.gather(ctx.activity(waiting, 1), ctx.activity(waiting, 2))
    logger.info("at the end")


@pytest.mark.parametrize("cache", [True, False])
def test_each_line_is_written_once_and_says_where_it_comes_from(rig: Any, keep: Keep, cache: bool) -> None:
    rig(talks, plain, waiting, cache=cache).run(talks, instance="t")
    here = ("t", 1, "talks")
    assert [line for line in keep.lines if line[4] is None] == [
        (text, *here, None, None) for text in ("begun", "in the middle", "at the end")
    ]
    assert sorted(line for line in keep.lines if line[4] is not None) == [
        ("by the context", *here, "plain", 1), ("plain", *here, "plain", 1),
        ("waiting 1", *here, "waiting", 1), ("waiting 2", *here, "waiting", 1),
    ]  # fmt: skip


def test_other_code_says_nothing_of_instances(rig: Any, keep: Keep) -> None:
    rig(talks, plain, waiting).run(talks)
    keep.lines.clear()
    logger.info("outside")
    thread = threading.Thread(target=logger.info, args=("on a thread",))
    thread.start()
    thread.join()
    assert keep.lines == [("outside", *[None] * 5), ("on a thread", *[None] * 5)]
