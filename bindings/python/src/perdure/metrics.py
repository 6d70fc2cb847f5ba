"""What an open store has counted. docs/operations.md has the names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple


@dataclass(frozen=True)
class Series:
    """One value of a family, told apart from the others by its labels."""

    labels: Dict[str, str]
    #: Of a counter or a gauge.
    value: Optional[float] = None
    #: Of a histogram: how many values, and their sum.
    count: Optional[int] = None
    sum: Optional[float] = None
    #: The upper end of each bucket, and how many values were at most so large.
    buckets: Tuple[Tuple[float, int], ...] = ()

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> Series:
        buckets = tuple((each["le"], each["count"]) for each in wire.get("buckets") or ())
        return cls(wire["labels"], wire.get("value"), wire.get("count"), wire.get("sum"), buckets)


@dataclass(frozen=True)
class Family:
    """The series of one name."""

    #: "perdure_turns": without the "_total" that the text form gives to counters.
    name: str
    #: "counter", "gauge" or "histogram".
    type: str
    unit: Optional[str]
    help: str
    #: Of a metric of orchestration code (`ctx.metric`): the name that the code gave it.
    source: Optional[str]
    series: List[Series]

    @classmethod
    def of_wire(cls, wire: Dict[str, Any]) -> Family:
        series = [Series.of_wire(each) for each in wire["series"]]
        return cls(wire["name"], wire["type"], wire.get("unit"), wire["help"], wire.get("source"), series)


class Metrics(Mapping[str, Family]):
    """Families by name, at one moment. Counters begin when the store is opened."""

    def __init__(self, wire: Dict[str, Any]) -> None:
        #: Of the snapshot, and of the opening of the store, in milliseconds since 1970.
        self.at: int = wire["at"]
        self.since: int = wire["since"]
        self._families = {each["name"]: Family.of_wire(each) for each in wire["families"]}

    def __getitem__(self, name: str) -> Family:
        return self._families[name]

    def __iter__(self) -> Any:
        return iter(self._families)

    def __len__(self) -> int:
        return len(self._families)

    def value(self, name: str, **labels: str) -> float:
        """The sum of a counter or gauge over all series that have these labels; 0 if there is none."""
        family = self._families.get(name)
        return sum(
            each.value or 0
            for each in (family.series if family else ())
            if all(each.labels.get(key) == value for key, value in labels.items())
        )

    def by(self, name: str, label: str) -> Dict[str, float]:
        """The values of a counter or gauge by one of its labels."""
        found: Dict[str, float] = {}
        for each in self._families[name].series if name in self._families else ():
            key = each.labels.get(label, "")
            found[key] = found.get(key, 0) + (each.value or 0)
        return found
