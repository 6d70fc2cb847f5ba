"""What operators ask, with the real library on SQLite."""

from __future__ import annotations

import asyncio
from typing import Callable, List

import pytest
from rig import WAIT, Rig

import perdure

pytestmark = pytest.mark.library

Make = Callable[..., Rig]


@perdure.orchestration
async def nothing(ctx: perdure.OrchestrationContext) -> None:
    pass


def test_nodes_are_the_living_runtimes_with_what_they_serve(rig: Make) -> None:
    world = rig(nothing)
    management = world.client.management(actor="ana")
    (node,) = management.nodes()
    assert node.orchestrations == {"nothing": ["1.0.0"]}
    assert node.untagged
    world.runtime.stop(0)
    assert management.nodes() == []


def test_what_is_not_known_is_named(rig: Make) -> None:
    management = rig(nothing).client.management()
    with pytest.raises(perdure.InvalidArgument, match="operation must be"):
        management._ask("dance")
    with pytest.raises(perdure.InvalidArgument, match="step is not a member known here"):
        management._ask("nodes", step=1)


def test_asyncio_programs_manage_too(rig: Make) -> None:
    world = rig(nothing)

    async def main() -> List[str]:
        async with perdure.AsyncClient(world.store) as client:
            await client.result(await client.start(nothing, instance="a"), WAIT)
            exported = await client.management().export_instance("a")
            with pytest.raises(perdure.AlreadyExists):
                await client.management().import_instances(exported)
            await client.management("ana").delete(["a"])
            await client.management("bo").import_instances(exported, reason="back")
            records = await client.management().audit()
            counts = (await client.management().statistics()).counts
            assert counts.total == 1
            return [f"{each.operation} {each.target} {each.actor} {each.reason}" for each in records]

    assert asyncio.run(main()) == ["import a bo back", "delete a ana "]
