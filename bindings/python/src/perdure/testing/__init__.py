"""For tests of orchestrations. See docs/guides/simulation.md."""

from .simulate import SimulationFailed, SimulationFailure, SimulationReport, simulate
from .simulation import Simulation, World

__all__ = ["Simulation", "SimulationFailed", "SimulationFailure", "SimulationReport", "World", "simulate"]
