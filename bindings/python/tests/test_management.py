"""What operators ask, with the real library on SQLite."""

from __future__ import annotations

from typing import Callable

import pytest
from rig import Rig

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
