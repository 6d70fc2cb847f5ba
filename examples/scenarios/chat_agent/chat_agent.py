"""An agent in a conversation of many turns: messages come by a queue, answers go out as custom status.

Each turn thinks, may use a tool and think again, answers, and continues as new with the transcript: its
history stays as long as one turn. Messages that are sent while it thinks, or while no worker runs, wait in
order. The worker process is killed in the middle of a thought; another one thinks it again, and no turn is
lost or answered twice. (The model here is a few lines of rules; a real one is called at the same place.)
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import perdure

sys.path.append(str(Path(__file__).resolve().parent.parent))
import common


@dataclass
class Chat:
    transcript: list[str] = field(default_factory=list)
    turn: int = 1


@dataclass
class Thought:
    """What the model says: an answer, or the tool that it wants to use first."""

    answer: str | None = None
    numbers: list[int] = field(default_factory=list)


@perdure.activity
def think(context: perdure.ActivityContext, transcript: list[str]) -> Thought:
    last = transcript[-1]
    common.note("thinks", last)
    if last.startswith("tool: "):
        return Thought(answer=f"That makes {last.removeprefix('tool: ')}.")
    if "+" in last:
        return Thought(numbers=[int(word) for word in last.split() if word.isdigit()])
    if "ponder" in last:
        context.wait_cancelled(0.5)
    spoken = sum(line.startswith("user: ") for line in transcript)
    return Thought(answer=f"You have said {spoken} things.")


@perdure.activity
def add(context: perdure.ActivityContext, numbers: list[int]) -> int:
    return sum(numbers)


@perdure.orchestration
async def chat(context: perdure.OrchestrationContext, state: Chat) -> list[str]:
    message = await context.dequeue("messages")
    state.transcript.append(f"user: {message}")
    context.set_custom_status({"turn": state.turn, "thinking about": message})
    if message == "bye":
        return state.transcript
    thought = await context.activity(think, state.transcript)
    while thought.answer is None:
        total = await context.activity(add, thought.numbers)
        state.transcript.append(f"tool: {total}")
        thought = await context.activity(think, state.transcript)
    state.transcript.append(f"agent: {thought.answer}")
    context.set_custom_status({"turn": state.turn, "answer": thought.answer})
    state.turn += 1
    context.continue_as_new(state)


def story(scene: common.Scene) -> None:
    client = scene.client

    def answer(turn: int) -> Any:
        """Pushed, not polled: returns as soon as the status shows it."""
        wanted = scene.status("chat", lambda status: status and status["turn"] == turn and "answer" in status)
        return wanted.custom_status["answer"]

    client.start(chat, Chat(), instance="chat")
    client.enqueue("chat", "messages", "hello")  # Nobody is there yet.
    first = scene.worker()
    common.say(f"user: hello\nagent: {answer(1)}")
    client.enqueue("chat", "messages", "what is 20 + 22")
    common.say(f"user: what is 20 + 22\nagent: {answer(2)}")
    client.enqueue("chat", "messages", "ponder this")
    common.wait_for_note("thinks", "user:", "ponder")
    first.kill()
    common.say(f"(worker {first.pid} is killed in the middle of a thought)")
    client.enqueue("chat", "messages", "bye")  # After the answer that is still to come.
    scene.worker()
    transcript = scene.result("chat")

    assert transcript == [
        "user: hello",
        "agent: You have said 1 things.",
        "user: what is 20 + 22",
        "tool: 42",
        "agent: That makes 42.",
        "user: ponder this",
        "agent: You have said 3 things.",
        "user: bye",
    ], transcript
    common.say("\n".join(transcript[-3:]))
    described = client.describe("chat")
    assert described.execution == 4, "one execution for each turn"
    sizes = [len(scene.events("chat", execution=turn)) for turn in range(1, 5)]
    assert max(sizes) <= 14, f"the history grows with the conversation: {sizes}"
    # The thought that was cut off began twice, all others once.
    thoughts = [" ".join(line[1:]) for line in common.notes("thinks")]
    expected = ["user: hello", "user: what is 20 + 22", "tool: 42", "user: ponder this", "user: ponder this"]
    assert thoughts == expected, thoughts


if __name__ == "__main__":
    common.play(story, [chat, think, add])
