"""The smallest program: one orchestration, one activity.

python examples/hello/hello.py hello.sqlite
"""

import sys

import perdure


@perdure.activity
def make_greeting(context: perdure.ActivityContext, name: str) -> str:
    return f"Hello, {name}!"


@perdure.orchestration
async def greet(context: perdure.OrchestrationContext, name: str) -> str:
    return await context.activity(make_greeting, name)


if len(sys.argv) != 2:
    sys.exit("usage: hello.py PATH-OF-A-SQLITE-FILE")

with perdure.Store(f"sqlite:{sys.argv[1]}") as store, perdure.Runtime(store, [greet, make_greeting]):
    client = perdure.Client(store)
    print(client.result(client.start(greet, "Ada"), timeout=10))
