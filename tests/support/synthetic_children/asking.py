"""Queries about children: who is asked about, what has changed since, and the truth about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests.support.synthetic_children.families import World
from tests.support.synthetic_children.model import Child, Family, Person, Query, Truth
from tests.support.synthetic_children.origins import ORIGINS
from tests.support.synthetic_children.qualities import (
    HEALTH,
    NIGHT_PAPER,
    POLICE,
    SCHOOL,
    Quality,
)
from tests.support.synthetic_children.recording import record
from tests.support.synthetic_children.settings import GeneratorSettings

_UNREGISTERED = (
    ("unregistered-sibling", 0.35),
    ("unregistered-twin", 0.25),
    ("namesake", 0.25),
    ("stranger", 0.15),
)
_SCHOOL_CHANGED_BY_MOVE = 0.35
_GUARDIAN_CHANGED_TOO = 0.6


class Asking:
    """Asks about children of the families it is shown; `id_of` gives the ids of the register."""

    def __init__(
        self,
        settings: GeneratorSettings,
        world: World,
        id_of: Callable[[int], str],
        random: Random,
    ) -> None:
        self._settings = settings
        self._world = world
        self._id_of = id_of
        self._random = random

    def ask(self, query: str, family: Family, model: Child) -> tuple[Query, Truth]:
        """One query about the model, or about somebody who is easily taken for the model."""
        child, relation = self._choose(family, model)
        quality = self._choose_quality(child)
        seen = self._let_time_pass(child)
        written = record(self._random, query, seen, quality, self._settings.reference_day)
        self._mix_up_numbers(written, child, family)
        found = self._id_of(child.number) if relation == "own" else ""
        twin = "yes" if child.twin else "no"
        return written, Truth(query, found, child.origin, quality.name, relation, twin)

    def _choose(self, family: Family, model: Child) -> tuple[Child, str]:
        random, world = self._random, self._world
        if not model.registered:
            return model, _relation(family, model)
        if random.random() >= self._settings.unregistered_share:
            return model, "own"
        relation = random.choices(
            [name for name, _ in _UNREGISTERED], [share for _, share in _UNREGISTERED]
        )[0]
        if relation == "unregistered-twin" and not model.twin:
            return world.add_twin(family, model), relation
        if relation in {"unregistered-twin", "unregistered-sibling"}:
            sibling = world.add_sibling(family, model)
            if sibling:
                return sibling, "unregistered-sibling"
        if relation == "stranger":
            return world.make_stranger(), relation
        # Some are also of an age, which is how registers come to hold one child for two.
        year = model.born.year if random.random() < 0.3 else None
        child = world.make_stranger(model.origin, year)
        child.given, child.family = model.given, model.family
        child.sex = model.sex
        child.carers = tuple(Person(carer.given, model.family) for carer in child.carers)
        return child, "namesake"

    def _choose_quality(self, child: Child) -> Quality:
        chance, settings = self._random.random(), self._settings
        if chance < settings.good_share:
            return SCHOOL if child.school and self._random.random() < 0.55 else HEALTH
        return POLICE if chance < settings.good_share + settings.middling_share else NIGHT_PAPER

    def _let_time_pass(self, child: Child) -> Child:
        """The child as its sender knows it, who is ahead of the register or behind it."""
        random, settings, area = self._random, self._settings, self._world.area
        seen = replace(child)
        if random.random() < settings.moved_share:
            seen.home = area.find_home(random, child.origin, near=child.home.place)
        moved = seen.home is not child.home
        changed = _SCHOOL_CHANGED_BY_MOVE if moved else settings.school_changed_share
        if child.school and random.random() < changed:
            primary, secondary = area.find_schools(random, seen.home.place)
            is_secondary = child.school.startswith("98")
            seen.school = str(980_000 + secondary if is_secondary else 900_000 + primary)
        if random.random() < settings.surname_changed_share:
            seen.family = ORIGINS[child.origin].surname(random)
            if random.random() < _GUARDIAN_CHANGED_TOO:
                mother = Person(child.carers[0].given, seen.family)
                seen.carers = (mother, *child.carers[1:])
        return seen

    def _mix_up_numbers(self, written: Query, child: Child, family: Family) -> None:
        """A sibling's number is given by mistake, a co-twin's before another's."""
        if not written.nhs_number:
            return
        others = [
            other for other in family.children if other is not child and other.home is child.home
        ]
        if others and self._random.random() < self._settings.number_mixups:
            twins = [other for other in others if other.born == child.born]
            written.nhs_number = self._random.choice(twins or others).nhs_number


def _relation(family: Family, child: Child) -> str:
    """Of a child whom the register lacks: the nearest whom it has."""
    others = [other for other in family.children if other is not child and other.registered]
    if any(other.born == child.born for other in others):
        return "unregistered-twin"
    return "unregistered-sibling" if others else "stranger"
