"""The path of the checkout, for tests that read its documents, matrices and committed results."""

from pathlib import Path

TOP = Path(__file__).parents[2]
