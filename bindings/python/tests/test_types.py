"""Values by type hints: what comes back from JSON, and what is said of what does not fit."""

from __future__ import annotations

import collections
import enum
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import (
    Any,
    Deque,
    Dict,
    FrozenSet,
    Generic,
    List,
    Literal,
    Mapping,
    NamedTuple,
    NewType,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypedDict,
    TypeVar,
    Union,
)  # fmt: skip

import pytest
from script import Script

import perdure
from perdure import _json, _types

T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int
    y: float = 0.5


class Options(TypedDict, total=False):
    depth: int
    color: Color


@dataclass
class Item:
    name: str
    price: int
    tags: Set[str] = field(default_factory=set)


@dataclass
class Order:
    number: int
    items: List[Item]
    due: Optional[date] = None


@dataclass
class Card:
    kind: Literal["card"]
    number: str


@dataclass
class Cash:
    kind: Literal["cash"]


@dataclass
class Plain:
    name: str


@dataclass
class Named:
    name: str
    age: int = 0


@dataclass
class Box(Generic[T]):
    content: T
    more: List[T] = field(default_factory=list)


@dataclass
class Crate(Box[Item]):
    weight: float = 1.0


@dataclass
class Tree:
    value: int
    children: List[Tree] = field(default_factory=list)


@dataclass
class Positive:
    value: int

    def __post_init__(self) -> None:
        if self.value <= 0:
            raise ValueError("it must be positive")


Number = NewType("Number", int)
NOON = datetime(2026, 1, 2, 12, 30, tzinfo=timezone.utc)
ID = uuid.UUID(int=7)


def decoded(hint: Any, value: Any) -> Any:
    decode = _types.decoder(hint)
    return value if decode is None else decode(value)


@pytest.mark.parametrize(("hint", "value"), [
    (int, 3), (float, 1.5), (str, "text"), (bool, True), (Any, {"a": 1}), (Number, 4),
    (Color, Color.BLUE), (Level, Level.LOW),
    (datetime, NOON), (date, NOON.date()), (time, time(1, 2, 3)), (timedelta, timedelta(days=2.5)),
    (uuid.UUID, ID), (Decimal, Decimal("0.10")), (bytes, b"\0\xff"), (Path, Path("a/b")),
    (List[datetime], [NOON]), (Sequence[int], [1, 2]), (Set[str], {"a"}), (FrozenSet[int], frozenset([1])),
    (Deque[int], collections.deque([1, 2])), (Tuple[int, Color], (1, Color.RED)), (Tuple[int, ...], (1, 2)),
    (tuple, (1, 2)), (list, [1, "a"]), (Dict[str, Color], {"a": Color.RED}), (Dict[int, str], {1: "one"}),
    (Mapping[uuid.UUID, int], None), (Dict[Level, int], {Level.LOW: 2}), (Dict[bool, int], {True: 1}),
    (Point, Point(1, 2.5)), (Options, {"depth": 2, "color": Color.RED}), (Options, {}),
    (Order, Order(1, [Item("pen", 2, {"a"})], date(2026, 1, 2))), (Order, Order(1, [])),
    (Optional[Item], None), (Optional[Item], Item("pen", 1)), (Union[int, str], "a"), (Union[int, str], 3),
    (Union[int, float], 2.5), (Union[str, datetime], "text"), (Union[datetime, int], NOON),
    (Union[Card, Cash], Cash("cash")), (Union[Card, Cash, None], Card("card", "1")),
    (Union[Plain, Named], Named("ada", 36)), (Union[Named, Plain], Plain("ada")),
    (Literal["a", 1, None], "a"), (Literal["a", 1, None], None), (Literal[Color.RED], Color.RED),
    (Box[int], Box(1, [2])), (Box[Box[Color]], Box(Box(Color.RED))), (Crate, Crate(Item("pen", 1), [], 2.5)),
    (Tree, Tree(1, [Tree(2), Tree(3, [Tree(4)])])),
])  # fmt: skip
def test_a_value_comes_back_as_it_was(hint: Any, value: Any) -> None:
    if value is None and hint == Mapping[uuid.UUID, int]:
        assert decoded(hint, {str(ID): 1}) == {ID: 1}
        return
    back = decoded(hint, _json.decode(_json.encode(value)))
    if value == Plain("ada") and hint is not Plain:
        # Both fit: the first one is as good.
        assert back in (Plain("ada"), Named("ada"))
        return
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(("hint", "wire", "value"), [
    (int, 3.0, 3), (float, 3, 3.0), (datetime, "2026-01-02T12:30:00Z", NOON), (Decimal, 1.5, Decimal("1.5")),
    (Point, {"x": 1}, Point(1)), (Point, [1], Point(1)), (timedelta, 60, timedelta(minutes=1)),
    (Order, {"number": 1, "items": [], "unknown": 1}, Order(1, [])), (Options, {"extra": 1}, {"extra": 1}),
])  # fmt: skip
def test_what_other_languages_send_fits_as_well(hint: Any, wire: Any, value: Any) -> None:
    assert decoded(hint, wire) == value
    assert type(decoded(hint, wire)) is type(value)


@pytest.mark.parametrize(("hint", "wire", "said"), [
    (int, "3", "order: expected int, got str"),
    (int, True, "order: expected int, got bool"),
    (int, 2.5, "order: expected int, got float"),
    (str, None, "order: expected str, got None"),
    (Order, {"number": 1, "items": [{"name": "a", "price": 1}] * 3 + [{"name": "b", "price": "1"}]},
     "order.items[3].price: expected int, got str"),
    (Order, {"number": 1}, "order.items: Order needs it, and it is missing"),
    (Order, [1], "order: expected Order, got list"),
    (Order, {"number": 1, "items": [], "due": "soon"}, "order.due: expected date (ISO 8601), got 'soon'"),
    (Dict[str, List[int]], {"a": [1, "x"]}, "order['a'][1]: expected int, got str"),
    (Dict[int, int], {"one": 1}, "order['one']: expected int (as text), got 'one'"),
    (Set[int], {"a": 1}, "order: expected set, got dict"),
    (Set[List[int]], [[1]], "order: expected a set, got items that cannot be in one"),
    (Tuple[int, str], [1], "order: expected 2 items, got 1"),
    (Tuple[int, str], [1, 2], "order[1]: expected str, got int"),
    (Color, "green", "order: expected Color ('red', 'blue'), got 'green'"),
    (Literal["a", "b"], "c", "order: expected 'a' or 'b', got 'c'"),
    (Literal["a", "b"], [], "order: expected 'a' or 'b', got list"),
    (Literal[1], True, "order: expected 1, got True"),
    (Optional[int], "a", "order: expected int, got str"),
    (Union[int, str], [], "order: expected int or str, got list"),
    (Union[Card, None, int], {"kind": "card"}, "order.number: Card needs it, and it is missing"),
    (uuid.UUID, "x", "order: expected UUID (text), got 'x'"),
    (bytes, "%", "order: expected bytes (base64), got '%'"),
    (Decimal, "much", "order: expected Decimal, got 'much'"),
    (timedelta, "P1D", "order: expected timedelta (a number of seconds), got str"),
    (Options, {"depth": "x"}, "order.depth: expected int, got str"),
    (Point, ["x"], "order.x: expected int, got str"),
    (Point, [], "order.x: Point needs it, and it is missing"),
    (Box[int], {"content": "x"}, "order.content: expected int, got str"),
    (Crate, {"content": {"name": 1, "price": 1}}, "order.content.name: expected str, got int"),
    (Tree, {"value": 1, "children": [{"value": None}]}, "order.children[0].value: expected int, got None"),
    (List[Positive], [{"value": 0}], "order[0]: Positive refuses it: ValueError: it must be positive"),
    (float, 10**400, "order: expected float, got an int that is too large for one"),
])  # fmt: skip
def test_what_does_not_fit_is_named_by_its_path(hint: Any, wire: Any, said: str) -> None:
    decode = _types.checked(_types.decoder(hint), "order", "The input")
    assert decode is not None
    with pytest.raises(perdure.ConversionError) as caught:
        decode(wire)
    assert str(caught.value) == f"The input does not fit its type: {said}."
    assert caught.value.path == said.split(": ")[0]
    assert caught.value.non_retryable


def test_sets_are_sent_in_an_order_that_does_not_change() -> None:
    assert _json.encode({"b", "a", "c"}) == '["a","b","c"]'
    assert _json.encode({Color.RED, Color.BLUE}) == '["blue","red"]'


@pytest.mark.parametrize("value", [{1: object()}, [Path], {("a", 1)} | {object()}])
def test_what_cannot_be_sent_is_refused(value: Any) -> None:
    with pytest.raises(perdure.InvalidArgument, match="which cannot be encoded as JSON"):
        _json.encode(value, "The value")


# ---- In use --------------------------------------------------------------------------------------


def test_an_input_that_does_not_fit_fails_its_orchestration() -> None:
    async def code(ctx: perdure.OrchestrationContext, order: Order) -> None: ...

    script = Script(code)
    script.start({"number": 1, "items": [{"name": "pen", "price": "1"}]})
    assert script.failure["type"] == "ConversionError"
    assert script.failure["nonRetryable"] is True
    assert "order.items[0].price: expected int, got str" in script.failure["message"]


def test_a_result_that_does_not_fit_is_raised_where_it_is_awaited() -> None:
    @perdure.activity
    def load(ctx: perdure.ActivityContext) -> Order: ...

    async def code(ctx: perdure.OrchestrationContext) -> str:
        try:
            await ctx.activity(load)
        except perdure.ConversionError as error:
            return error.path
        return "it fits"

    script = Script(code)
    script.start()
    script.complete(1, {"number": 1, "items": [{"name": "pen"}]})
    assert script.output == "result.items[0].price"


def test_messages_are_converted_by_their_type() -> None:
    async def code(ctx: perdure.OrchestrationContext) -> Any:
        card = await ctx.wait_for_event("paid", of=Card)
        cash = await ctx.dequeue("till", of=Cash)
        ctx.subscribe("news")
        try:
            await ctx.wait_for_topic("news", of=Order)
        except perdure.ConversionError as error:
            return [card.number, cash.kind, str(error)]

    script = Script(code)
    script.start()
    script.enqueue("till", {"kind": "cash"})
    script.raise_event("paid", {"kind": "card", "number": "7"})
    script.publish("news", {"number": 1, "items": {}})
    said = "The topic 'news' does not fit its type: topic.items: expected list, got dict."
    assert script.output == ["7", "cash", said]


def test_without_an_input_the_default_of_the_function_holds() -> None:
    async def code(ctx: perdure.OrchestrationContext, count: int = 3) -> int:
        return count

    for value, expected in [(None, 3), (5, 5)]:
        script = Script(code)
        script.start(value)
        assert script.output == expected


# ---- pydantic ------------------------------------------------------------------------------------

pydantic = pytest.importorskip("pydantic")


class Line(pydantic.BaseModel):  # type: ignore[name-defined, misc]
    price: Decimal
    amount: int = pydantic.Field(alias="count", gt=0)


class Bill(pydantic.BaseModel):  # type: ignore[name-defined, misc]
    lines: List[Line]
    at: datetime


@pydantic.dataclasses.dataclass
class Limits:
    most: int


def test_models_of_pydantic_come_back_as_they_were() -> None:
    bill = Bill(lines=[Line(price=Decimal("1.50"), count=2)], at=NOON)
    wire = _json.decode(_json.encode({"bill": bill, "limits": Limits(3)}))
    assert wire["bill"]["lines"] == [{"price": "1.50", "count": 2}]
    assert decoded(Bill, wire["bill"]) == bill
    assert decoded(Dict[str, Optional[Bill]], {"a": wire["bill"], "b": None}) == {"a": bill, "b": None}
    assert decoded(Limits, wire["limits"]) == Limits(3)


@pytest.mark.parametrize(("hint", "wire", "said"), [
    (Bill, {"lines": [{"price": "1", "count": 0}], "at": NOON.isoformat()},
     "order.lines[0].count: Input should be greater than 0"),
    (List[Limits], [{"most": "x"}], "order[0].most: Input should be a valid integer"),
    (Bill, {"lines": 1}, "order.lines: Input should be a valid list (and 1 more)"),
])  # fmt: skip
def test_what_pydantic_refuses_is_named_by_its_path(hint: Any, wire: Any, said: str) -> None:
    decode = _types.checked(_types.decoder(hint), "order", "The input")
    assert decode is not None
    with pytest.raises(perdure.ConversionError) as caught:
        decode(wire)
    assert said in str(caught.value)


def test_threads_meet_a_type_for_the_first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One is at its decoder when another one has a value already."""

    @dataclass
    class Parcel:
        weight: int
        inside: Optional[Parcel] = None

    Parcel.__annotations__["inside"] = Optional[Parcel]
    is_made, goes_on = threading.Event(), threading.Event()
    make = _types._make

    def slow(hint: Any) -> Any:
        if hint is Parcel:
            is_made.set()
            goes_on.wait(30)
        return make(hint)

    def first(value: Any) -> Any:
        decode = _types.decoder(List[Parcel])
        assert decode is not None
        return decode(value)

    monkeypatch.setattr(_types, "_make", slow)
    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(first, [{"weight": 1, "inside": {"weight": 2}}])
        assert is_made.wait(30)
        other = threads.submit(first, [{"weight": 3}])
        assert not other.done()
        goes_on.set()
        assert one.result(30) == [Parcel(1, Parcel(2))]
        assert other.result(30) == [Parcel(3)]


def test_a_type_that_cannot_be_read_says_so_each_time() -> None:
    @dataclass
    class Broken:
        part: Missing  # type: ignore[name-defined]  # noqa: F821

    for _ in range(2):
        with pytest.raises(NameError, match="Missing"):
            _types.decoder(Broken)
