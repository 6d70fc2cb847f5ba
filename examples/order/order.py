"""Orders that survive being killed: reserve the stock, charge the card, wait for an approval, ship.

What was done is undone, in reverse order, when a step fails or nobody approves in time.

    python examples/order/order.py demo --store sqlite:demo.sqlite       the whole story, in six orders

or by hand, in two terminals; kill the worker as often as you like:

    python examples/order/order.py worker --store sqlite:orders.sqlite
    python examples/order/order.py start --store sqlite:orders.sqlite order-1 book 20
    python examples/order/order.py approve --store sqlite:orders.sqlite order-1
    python examples/order/order.py status --store sqlite:orders.sqlite
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import demo
import perdure


@dataclass
class Order:
    item: str
    price: int
    card: str = "valid"
    #: How many seconds the order waits for its approval.
    patience: float = 60.0


class CardDeclined(Exception):
    pass


class NoCarrier(Exception):
    pass


# ---- Activities: ordinary functions that may do anything, run at least once ---------------------------
# A real shop would hand `context.idempotency_key` to its bank, which then takes repeated calls for one.


@perdure.activity
def reserve_stock(context: perdure.ActivityContext, order: Order) -> str:
    take_time(context)
    return f"reservation of {order.item}"


@perdure.activity
def charge_card(context: perdure.ActivityContext, order: Order) -> str:
    take_time(context)
    if order.card != "valid":
        raise CardDeclined(f"the card is {order.card}")
    return f"payment of {order.price}"


@perdure.activity
def ship(context: perdure.ActivityContext, order: Order) -> str:
    take_time(context)
    if order.item == "anvil":
        raise NoCarrier("too heavy for any carrier")
    return f"parcel with {order.item}"


@perdure.activity
def refund_card(context: perdure.ActivityContext, payment: str) -> None:
    take_time(context)


@perdure.activity
def release_stock(context: perdure.ActivityContext, reservation: str) -> None:
    take_time(context)


# ---- The orchestration: one function, however often its process dies ----------------------------------


@perdure.orchestration
async def order(context: perdure.OrchestrationContext, order: Order) -> str:
    undo: list[tuple[perdure.Activity[str, None], str]] = []
    try:
        context.set_custom_status("reserving")
        reservation = await context.activity(reserve_stock, order)
        undo.append((release_stock, reservation))
        context.set_custom_status("charging")
        payment = await context.activity(charge_card, order)
        undo.append((refund_card, payment))
        context.set_custom_status("waiting for approval")
        # A race of an event and a durable timer. The event may have come long before.
        await asyncio.wait_for(context.wait_for_event("approved"), order.patience)
        context.set_custom_status("shipping")
        parcel = await context.activity(ship, order)
        return f"shipped: {parcel}"
    except perdure.ActivityFailed as error:
        await compensate(context, undo)
        return f"compensated: {error.failure.message}"
    except asyncio.TimeoutError:
        await compensate(context, undo)
        return "compensated: nobody approved in time"
    except asyncio.CancelledError:
        await compensate(context, undo)
        raise


async def compensate(
    context: perdure.OrchestrationContext, undo: list[tuple[perdure.Activity[str, None], str]]
) -> None:
    context.set_custom_status("compensating")
    for activity, receipt in reversed(undo):
        await context.activity(activity, receipt)


# ---- The worker ----------------------------------------------------------------------------------------


@dataclass
class Settings:
    """Of this worker process: where its activities leave a line when they begin, and how long they take."""

    log: Path | None = None
    seed: int = 1


settings = Settings()


def take_time(context: perdure.ActivityContext) -> None:
    """Says that the activity really runs, then takes as long as a call to another service does."""
    if settings.log is not None:
        line = f"{int(time.time() * 1000)} {os.getpid()} {context.idempotency_key} {context.name}\n"
        # One write to a file opened for appending: whole or not there, whenever the process is killed.
        descriptor = os.open(settings.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(descriptor, line.encode())
        os.close(descriptor)
    time.sleep(random.Random(f"{settings.seed} {context.idempotency_key}").uniform(0.1, 0.4))


def stop_at_end_of_input(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def run_worker(options: argparse.Namespace) -> int:
    settings.log, settings.seed = options.log, options.seed
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if options.attached:
        # A worker that was started by another process does not outlive it.
        threading.Thread(target=stop_at_end_of_input, args=[stop], daemon=True).start()
    definitions: list[perdure.Activity[Any, Any] | perdure.Orchestration[Any, Any]]
    definitions = [order, reserve_stock, charge_card, ship, refund_card, release_stock]
    with perdure.Store(options.store) as store, perdure.Runtime(store, definitions):
        stop.wait()
    return 0


# ---- Commands: each is a client, in a process of its own ----------------------------------------------


def start_order(options: argparse.Namespace) -> int:
    with perdure.Client(options.store) as client:
        client.start(order, Order(options.item, options.price), instance=options.id)
    print(f"{options.id} is on disk")
    return 0


def approve_order(options: argparse.Namespace) -> int:
    with perdure.Client(options.store) as client:
        client.raise_event(options.id, "approved", {"by": os.environ.get("USER", "somebody")})
    print(f"the approval of {options.id} is on disk")
    return 0


def show_status(options: argparse.Namespace) -> int:
    with perdure.Client(options.store) as client:
        for one in client.list(orchestration=order):
            print(f"{one.instance:<12} {one.status:<10} {one.output or one.custom_status or ''}")
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Orders that survive being killed.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, words: str, run: Any) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=words, description=words)
        added.set_defaults(run=run)
        added.add_argument("--store", required=True, metavar="URL", help="such as sqlite:orders.sqlite")
        return added

    whole = command("demo", "kills a worker in the middle of orders, and shows their timelines", demo.run)
    whole.add_argument("--orders", type=int, default=6, help="how many, 1 to 60 (default 6)")
    whole.add_argument("--seed", type=int, default=3, help="decides how long each activity takes")

    worker = command("worker", "runs orders until it is interrupted", run_worker)
    worker.add_argument("--log", type=Path, help="file that gets a line whenever an activity begins")
    worker.add_argument("--seed", type=int, default=1, help="decides how long each activity takes")
    worker.add_argument("--attached", action="store_true", help="stop when the standard input ends, too")

    start = command("start", "places an order", start_order)
    start.add_argument("id")
    start.add_argument("item", help="nobody can ship an anvil")
    start.add_argument("price", type=int)
    command("approve", "approves an order", approve_order).add_argument("id")
    command("status", "lists the orders", show_status)
    return parser.parse_args(arguments)


def main() -> int:
    options = parse(sys.argv[1:])
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return 130
    except perdure.PerdureError as error:
        print(f"order: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
