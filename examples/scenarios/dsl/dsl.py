"""An interpreter as an orchestration: what it does stands in a YAML file, and is durable all the same.

A file has variables and a tree of statements: `sequence`, `parallel`, `activity` and `wait`. The program is
the input of the instance, so that a changed file is for new instances only. Two files, two results; the
worker is restarted while both wait for an event.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import perdure
import yaml

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common

Bindings = dict[str, Any]

# ---- The activities of the language, called by name -----------------------------------------------------


@perdure.activity
def add(context: perdure.ActivityContext, arguments: list[int]) -> int:
    common.note(context.instance_id, "add")
    return sum(arguments)


@perdure.activity
def join(context: perdure.ActivityContext, arguments: list[Any]) -> str:
    common.note(context.instance_id, "join")
    return " ".join(map(str, arguments))


@perdure.activity
def upper(context: perdure.ActivityContext, arguments: list[str]) -> str:
    common.note(context.instance_id, "upper")
    return arguments[0].upper()


# ---- The interpreter ------------------------------------------------------------------------------------


class SyntaxWrong(Exception):
    pass


@perdure.orchestration
async def interpret(context: perdure.OrchestrationContext, program: dict[str, Any]) -> Bindings:
    bindings: Bindings = dict(program["variables"])
    await execute(context, program["do"], bindings)
    return bindings


async def execute(context: perdure.OrchestrationContext, statement: Any, bindings: Bindings) -> None:
    """Each statement is an object with one member: its kind, and what belongs to it."""
    if not isinstance(statement, dict) or len(statement) != 1:
        raise SyntaxWrong(f"no statement: {statement}")
    [(kind, body)] = statement.items()
    if kind == "sequence":
        for each in body:
            await execute(context, each, bindings)
    elif kind == "parallel":
        await asyncio.gather(*(execute(context, each, bindings) for each in body))
    elif kind == "activity":
        arguments = [bindings[name] for name in body["arguments"]]
        bindings[body["result"]] = await context.activity(body["name"], arguments)
    elif kind == "wait":
        bindings[body["result"]] = await context.wait_for_event(body["event"])
    else:
        raise SyntaxWrong(f"unknown statement '{kind}'")


def story(scene: common.Scene) -> None:
    client = scene.client
    for file in ("sequence", "parallel"):
        program = yaml.safe_load(Path(__file__).with_name(f"{file}.yaml").read_text())
        client.start(interpret, program, instance=file)
    client.start(interpret, {"variables": {}, "do": {"jump": 10}}, instance="wrong")
    with scene.runtime():
        common.wait_for_note("sequence", "add")
        # The two branches of the other file that need no event.
        common.wait_for_note("parallel", count=3)
        failure = scene.failure("wrong")
        assert (failure.type, failure.message) == ("SyntaxWrong", "unknown statement 'jump'"), failure
    common.say("both programs wait; the worker is restarted")
    client.raise_event("sequence", "paid", "Grace")
    client.raise_event("parallel", "surname", "Lovelace")
    with scene.runtime():
        bindings = {file: scene.result(file) for file in ("sequence", "parallel")}

    common.say(f"sequence: {bindings['sequence']}")
    common.say(f"parallel: {bindings['parallel']}")
    assert bindings["sequence"] == {
        "item": "globe", "price": 70, "shipping": 5, "total": 75, "payer": "Grace", "label": "globe Grace",
    }  # fmt: skip
    assert bindings["parallel"] == {
        "name": "Ada", "one": 1, "two": 2, "three": 3, "sum": 6, "surname": "Lovelace",
        "full": "Ada Lovelace", "loud": "ADA", "line": "ADA Ada Lovelace 6",
    }  # fmt: skip
    assert [step for _, step in common.notes("sequence")] == ["add", "join"]
    # The branches were begun together: the third did not wait for the first.
    scheduled = scene.events("parallel", "ActivityScheduled", "ActivityCompleted", "EventSubscribed")
    kinds = [event["kind"] for event in scheduled[:3]]
    assert kinds == ["ActivityScheduled", "EventSubscribed", "ActivityScheduled"], kinds


if __name__ == "__main__":
    common.play(story, [interpret, add, join, upper])
