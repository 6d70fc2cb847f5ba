"""For tests of code that runs on Perdure, and for continuous integration."""

from .preflight import PreflightGroup, PreflightReport, preflight
from .replay import ReplayReport, replay

__all__ = ["PreflightGroup", "PreflightReport", "ReplayReport", "preflight", "replay"]
