"""Histories as timelines: what happened to an order, when, and in which process."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Event = dict[str, Any]

WIDTH = 94
# A terminal gets boxes and colours, a file gets plain text.
PRETTY = sys.stdout.isatty() and "utf" in (sys.stdout.encoding or "").lower()
COLOURED = PRETTY and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36", "kill": "1;31"}
TOP, SIDE, BOTTOM, DASH = ("┌", "│", "└", "╌") if PRETTY else ("", "", "", "-")


def paint(text: str, colour: str) -> str:
    return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if COLOURED and colour else text


def progress(seconds: float, words: str) -> str:
    return f"{paint(f'{seconds:6.2f} s', 'dim')}  {words}"


def killed(words: str) -> str:
    return paint(words, "kill")


def emphasis(words: str, is_bad: bool) -> str:
    return "\n".join(paint(line, "kill" if is_bad else "bold") for line in words.splitlines())


# ---- What really ran ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """An activity that began, as its own process wrote it down."""

    at: int
    pid: int
    #: The idempotency key, INSTANCE/EXECUTION/ACTION: names the activity in its history.
    key: str
    step: str


@dataclass(frozen=True)
class SideLog:
    path: Path

    def runs(self) -> list[Run]:
        """In the order in which they began."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        fields = (line.split() for line in lines)
        return [Run(int(at), int(pid), key, step) for at, pid, key, step in fields]


def scheduled(instance: str, history: list[Event]) -> list[str]:
    """The keys of the activities that an order wanted."""
    return [f"{instance}/1/{event['action']}" for event in history if event["kind"] == "ActivityScheduled"]


def results(instance: str, history: list[Event]) -> dict[str, list[Event]]:
    """The results that are recorded for each key."""
    recorded: dict[str, list[Event]] = {}
    for event in history:
        if event["kind"] in ("ActivityCompleted", "ActivityFailed"):
            recorded.setdefault(f"{instance}/1/{event['action']}", []).append(event)
    return recorded


# ---- Timelines ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A line of a timeline. Times in milliseconds since 1970."""

    at: float
    what: str
    outcome: str = ""
    worker: int = 0
    colour: str = ""


def of_order(
    instance: str, goods: str, fate: str, history: list[Event], log: list[Run], *,
    workers: list[int], begin: float, killed_at: float | None,
) -> list[str]:  # fmt: skip
    """The lines for one order. `workers`: process ids; `begin`, `killed_at`: seconds since 1970."""
    rows = message_rows(history)
    recorded = results(instance, history)
    for key in scheduled(instance, history):
        rows += step_rows([run for run in log if run.key == key], recorded.get(key, []), workers)
    rows.sort(key=lambda row: row.at)
    end = rows.pop()

    lines = [f"{TOP} {paint(f'{instance:<10}', 'bold')}{goods:<24}{paint(fate, 'cyan')}".strip()]
    for row in rows:
        if killed_at is not None and row.at > killed_at * 1000:
            lines.append(kill_line(killed_at - begin))
            killed_at = None
        lines.append(line_of(row, begin, SIDE))
    if killed_at is not None and end.at > killed_at * 1000:
        lines.append(kill_line(killed_at - begin))
    return [*lines, line_of(end, begin, BOTTOM)]


def line_of(row: Row, begin: float, edge: str) -> str:
    seconds = paint(f"{row.at / 1000 - begin:6.2f} s", "dim")
    worker = paint(f"worker #{row.worker}", "cyan" if row.worker == 1 else "yellow") if row.worker else ""
    what, outcome = f"{row.what:<22}", f"{row.outcome:<46}"
    return f"{edge} {seconds}  {what}{paint(outcome, row.colour)}{worker}".rstrip()


def kill_line(seconds: float) -> str:
    words = " worker #1 killed "
    ruled = f"{seconds:6.2f} s  {DASH * 22}{words}{DASH * (WIDTH - 35 - len(words))}"
    return f"{SIDE} {paint(ruled, 'kill')}"


def step_rows(runs: list[Run], recorded: list[Event], workers: list[int]) -> list[Row]:
    """An activity: a row for each time that it began."""
    rows = []
    for number, run in enumerate(runs):
        what = run.step.replace("_", " ") + (", again" if number else "")
        outcome, colour = "no result", "red"
        if number + 1 < len(runs):
            outcome = "cut off by the kill"
        elif recorded:
            took = f"{(recorded[0]['at'] - run.at) / 1000:.2f} s"
            outcome, colour = f"done in {took}", "green"
            if recorded[0]["kind"] == "ActivityFailed":
                outcome, colour = f"failed in {took}: {recorded[0]['failure']['message']}", "red"
        rows.append(Row(run.at, what, outcome, workers.index(run.pid) + 1, colour))
    return rows


def message_rows(history: list[Event]) -> list[Row]:
    """Everything but activities."""
    rows = []
    is_awaited = False
    fire_at = next((event["fireAt"] for event in history if event["kind"] == "TimerCreated"), None)
    for event in history:
        kind, at = event["kind"], event["at"]
        if kind == "OrchestrationStarted":
            rows.append(Row(at, "begins"))
        elif kind == "EventSubscribed":
            is_awaited = True
            limit = f"for {(fire_at - at) / 1000:.1f} s at most" if fire_at else ""
            rows.append(Row(at, "waits for approval", limit))
        elif kind == "EventRaised":
            kept = "" if is_awaited else ", kept: nobody waits for it yet"
            rows.append(Row(at, "approval arrives", f"from {event['data']['by']}{kept}"))
        elif kind == "TimerFired":
            rows.append(Row(at, "deadline passes", "what was done is undone", colour="yellow"))
        elif kind == "OrchestrationCompleted":
            output = str(event["output"])
            what, _, detail = output.partition(": ")
            is_shipped = what == "shipped"
            rows.append(Row(at, what, detail, colour="green" if is_shipped else "yellow"))
        elif kind in ("OrchestrationFailed", "OrchestrationCancelled"):
            rows.append(Row(at, kind.removeprefix("Orchestration").lower(), colour="red"))
    return rows
