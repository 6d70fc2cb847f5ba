"""GUIDs and random numbers derived from the instance: docs/wire-format.md, "Derived randomness"."""

from __future__ import annotations

import uuid

_MASK = (1 << 64) - 1


class Chance:
    """SplitMix64, seeded with FNV-1a of the instance id, a zero byte and the execution."""

    def __init__(self, instance: str, execution: int) -> None:
        state = 0xCBF29CE484222325
        for byte in instance.encode() + b"\0" + str(execution).encode():
            state = ((state ^ byte) * 0x100000001B3) & _MASK
        self._state = state

    def _next(self) -> int:
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def guid(self) -> uuid.UUID:
        high = self._next()
        return uuid.UUID(int=(high << 64) | self._next(), version=4)

    def number(self) -> float:
        return float((self._next() >> 11) * 2.0**-53)
