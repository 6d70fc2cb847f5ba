"""Verdicts of the chaos programs: one line each, then the sums that .ci/suites.py reads."""

from __future__ import annotations

import math

#: Of fewer samples the p99 is the worst one or two: a pause of the machine, and nothing to judge by.
P99_SAMPLES = 100


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, math.ceil(part * len(values)) - 1)]


class Verdicts:
    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def check(self, name: str, wrong: list[str]) -> None:
        """`ok` if nothing is wrong.

        name: what was checked, with its figure.
        wrong: each finding as a phrase.
        """
        if wrong:
            self.failed += 1
            print(f"FAIL {name}: {len(wrong)}, such as {'; '.join(wrong[:3])}", flush=True)
        else:
            self.passed += 1
            print(f"ok {name}", flush=True)

    def end(self) -> int:
        """Prints the sums. Returns the exit status."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 0 if self.failed == 0 and self.passed > 0 else 1
