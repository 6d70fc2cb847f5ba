"""For tests, also in continuous integration. See docs/guides: testing, simulation, replay."""

from .environment import TestEnvironment
from .preflight import PreflightGroup, PreflightReport, preflight
from .replay import ReplayReport, replay
from .simulate import SimulationFailed, SimulationFailure, SimulationReport, simulate
from .simulation import Simulation, World
from .stubs import NEVER, ActivityCall, NotRegistered, Stub

__all__ = [
    "NEVER",
    "ActivityCall",
    "NotRegistered",
    "PreflightGroup",
    "PreflightReport",
    "ReplayReport",
    "Simulation",
    "SimulationFailed",
    "SimulationFailure",
    "SimulationReport",
    "Stub",
    "TestEnvironment",
    "World",
    "preflight",
    "replay",
    "simulate",
]
