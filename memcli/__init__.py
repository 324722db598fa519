"""A personal assistant in the terminal: a local model, a local memory, nothing leaves the machine."""

__version__ = "0.1.0"
