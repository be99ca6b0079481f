"""The demo: a cohort of simulated patients, models that learn from it, a server, and one real lung CT."""

from service.demo.show import main

__all__ = ["main"]
