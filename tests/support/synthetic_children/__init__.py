"""Synthetic children of a made-up partnership, to judge how well children are recognised.

`generate` makes a register, queries about its children and the truth; `score` judges decisions.
Names and mistakes are lists of its own: what is judged must not have been built from them.
"""

from tests.support.synthetic_children.model import Query, RegisterRow, Truth
from tests.support.synthetic_children.population import Population, generate, write
from tests.support.synthetic_children.settings import GeneratorSettings

__all__ = [
    "GeneratorSettings",
    "Population",
    "Query",
    "RegisterRow",
    "Truth",
    "generate",
    "write",
]
