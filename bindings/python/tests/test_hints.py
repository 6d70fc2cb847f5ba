"""Which type a hint means, and which means none."""

from __future__ import annotations

import collections
import functools
from dataclasses import dataclass
from typing import Any, List, Optional

import pytest
from script import Script

from perdure import _types


@dataclass
class Order:
    price: int


def test_names_for_the_type_checker_only_leave_the_value_as_it_is() -> None:
    def handler(value: Nowhere) -> None:  # type: ignore[name-defined]  # noqa: F821
        ...

    assert _types.parameter_decoder(handler, "The input") is None


@pytest.mark.parametrize(
    ("hint", "resolved"),
    [
        ("int", int), ("Order", Order), (Order, Order), ("'Order'", Order), ("Any", Any),
        ("None", type(None)), (None, type(None)), ("collections.Counter", collections.Counter),
        ("List[Order]", List[Order]), ("Optional[Order]", Optional[Order]),
        (Optional["Order"], Optional[Order]), ("Nowhere", None), ("List[Nowhere]", None), ("1 +", None),
        ("Order.price", None),
    ],
)  # fmt: skip
def test_each_hint_is_resolved_by_itself(hint: Any, resolved: Any) -> None:
    def function(ctx: Nowhere, value: Any) -> Nowhere: ...  # type: ignore[name-defined]  # noqa: F821

    function.__annotations__["value"] = hint
    assert _types.hint_of(function, "value") == resolved
    assert _types.hint_of(function, "return") is None
    assert _types.hint_of(function, "nothing") is None
    wrapped = functools.wraps(function)(lambda *arguments: function(*arguments))
    assert _types.hint_of(wrapped, "value") == resolved
    assert _types.hint_of(functools.partial(function), "value") is None


def test_a_context_for_the_type_checker_only_does_not_spoil_the_input() -> None:
    async def code(ctx: Nowhere, order: Order) -> int:  # type: ignore[name-defined]  # noqa: F821
        return order.price

    script = Script(code)
    script.start({"price": 3})
    assert script.output == 3
