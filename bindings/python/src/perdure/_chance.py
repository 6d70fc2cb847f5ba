"""GUIDs and random numbers derived from the instance: docs/wire-format.md, "Derived randomness"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from uuid import UUID

_MASK = (1 << 64) - 1


class Chance:
    """SplitMix64, seeded with FNV-1a of the instance id, a zero byte and the execution."""

    def __init__(self, instance: str, execution: int) -> None:
        self._seed = f"{instance}\0{execution}"
        # Made at first use: most instances need no chance.
        self._state: Optional[int] = None

    def _begin(self) -> int:
        state = 0xCBF29CE484222325
        for byte in self._seed.encode():
            state = ((state ^ byte) * 0x100000001B3) & _MASK
        return state

    def _next(self) -> int:
        state = self._begin() if self._state is None else self._state
        self._state = (state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def guid(self) -> UUID:
        from uuid import UUID

        high = self._next()
        return UUID(int=(high << 64) | self._next(), version=4)

    def number(self) -> float:
        return float((self._next() >> 11) * 2.0**-53)
