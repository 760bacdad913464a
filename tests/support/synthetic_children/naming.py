"""How families of each origin pass names on: surnames of parents and children, given names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from tests.support.synthetic_children import (
    names_african,
    names_british,
    names_indian,
    names_muslim,
)
from tests.support.synthetic_children.model import Person
from tests.support.synthetic_children.origins import Names, Origin
from tests.support.synthetic_children.spelling import restyle
from tests.support.synthetic_children.variants import VARIANTS

_SIMILAR_TRIES = 25
_SOMALI = {
    "female": Names(names_african.SOMALI_FEMALE, 4, 0.9),
    "male": Names(names_african.SOMALI_MALE, 4, 0.9),
}
_SIKH = {
    "female": Names(names_indian.SIKH_GIRLS, 8, 0.95),
    "male": Names(names_indian.SIKH_BOYS, 8, 0.95),
}
_FEMININE = (("ski", "ska"), ("cki", "cka"), ("dzki", "dzka"), ("ny", "na"))


@dataclass(frozen=True)
class Line:
    """The parents of a family, and which surname a son and a daughter get."""

    mother: Person
    father: Person
    sons: str
    daughters: str
    given: dict[str, Names] | None = None
    """Of a people within the origin that has its own."""

    def surname(self, sex: str) -> str:
        return self.sons if sex == "male" else self.daughters


def name_line(
    random: Random,
    origin: Origin,
    double_barrelled_share: float,
    mother: Person | None = None,
    surname: str | None = None,
) -> Line:
    """Names for parents and children; a given mother keeps hers, a given surname is the father's.

    A tenth of mothers has a surname of another group.
    """
    line = _PRACTICES[origin.name](random, origin, surname or origin.surname(random))
    mother = mother or line.mother
    sons, daughters = line.sons, line.daughters
    own = origin.name in {"british", "african"}
    # Other groups seldom join surnames, so these two do it more often.
    if own and random.random() < double_barrelled_share / 0.75 and "-" not in sons:
        other = mother.family if mother.family != sons else origin.surname(random)
        if other != sons:
            joined = f"{other}-{sons}" if random.random() < 0.5 else f"{sons}-{other}"
            sons = daughters = joined
    return replace(line, mother=mother, sons=sons, daughters=daughters)


def name_child(random: Random, origin: Origin, sex: str, taken: list[str], line: Line) -> str:
    """A given name that no sibling has; now and then a parent's."""
    if origin.name in {"british", "african"} and random.random() < (
        0.05 if sex == "male" else 0.01
    ):
        parent = line.father.given if sex == "male" else line.mother.given
        if not _is_taken(parent, taken):
            return parent
    while True:
        name = _given(random, origin, sex, line.given or origin.given)
        if not _is_taken(name, taken):
            return name


def name_alike(random: Random, origin: Origin, sex: str, taken: list[str], line: Line) -> str:
    """A name for the co-twin of the last of `taken` that begins, or sounds, alike."""
    twin = taken[-1]
    close = random.random() < 0.3
    length = 3 if close else 1
    for _ in range(_SIMILAR_TRIES * length):
        name = name_child(random, origin, sex, taken, line)
        if name[:length] == twin[:length]:
            return name
    return name_child(random, origin, sex, taken, line)


def name_second(
    random: Random, origin: Origin, sex: str, given: str, family: str, line: Line
) -> str:
    """A second given name, or nothing; where names are chains, the surname holds it."""
    if line.given is _SOMALI:
        return ""
    if origin.name == "indian" and family not in {"Singh", "Kaur"} and random.random() < 0.3:
        return "Singh" if sex == "male" else "Kaur"
    if random.random() >= origin.second_share or " " in given:
        return ""
    names = origin.second if random.random() < 0.5 else line.given or origin.given
    second = names[sex].pick(random)
    return "" if second == given else second


def feminine(family: str) -> str:
    """The form that a woman bears, where there is one."""
    for masculine, woman in _FEMININE:
        if family.endswith(masculine):
            return family.removesuffix(masculine) + woman
    return family


def _given(random: Random, origin: Origin, sex: str, names: dict[str, Names]) -> str:
    name = names[sex].pick(random)
    chance = random.random()
    variants = VARIANTS.get(name)
    if variants and chance < 0.3:
        name = variants[int(random.random() * len(variants) * 0.999)]
    elif chance > 0.95:
        name = restyle(random, name)
    elif origin.name == "british" and chance > 0.91:
        firsts, lasts = names_british.JOINED_FIRSTS[sex], names_british.JOINED_LASTS[sex]
        name = f"{random.choice(firsts)}-{random.choice(lasts)}"
    if origin.name == "muslim" and sex == "male" and chance > 0.7:
        prefix = random.choice(names_muslim.PREFIXES[:3])
        if not name.startswith(("Mu", "Mo", "Md")):
            name = f"{prefix} {name}"
    return name


def _is_taken(name: str, taken: list[str]) -> bool:
    """Whether a sibling is called so; no family has an Isabel and an Isabelle."""
    called = name.split(" ")[-1]
    for other in taken:
        sibling = other.split(" ")[-1]
        if called == sibling or called[:5] == sibling[:5] or called in VARIANTS.get(sibling, ()):
            return True
    return False


def _parents(random: Random, origin: Origin, mother: str, father: str) -> tuple[Person, Person]:
    return (
        Person(origin.parents["female"].pick(random), mother),
        Person(origin.parents["male"].pick(random), father),
    )


def _british(random: Random, origin: Origin, surname: str) -> Line:
    own = surname if random.random() < 0.5 else origin.surname(random)
    mother, father = _parents(random, origin, own, surname)
    child = surname if random.random() < 0.85 else own
    return Line(mother, father, child, child)


def _muslim(random: Random, origin: Origin, surname: str) -> Line:
    chance = random.random()
    own = random.choice(names_muslim.WOMENS) if chance < 0.45 else surname
    if chance > 0.8:
        own = origin.surname(random)
    mother, father = _parents(random, origin, own, surname)
    practice = random.random()
    if practice < 0.64:
        return Line(mother, father, surname, surname)
    if practice < 0.78:
        return Line(mother, father, father.given, father.given)
    if practice < 0.94:
        return Line(mother, father, surname, random.choice(names_muslim.WOMENS[:5]))
    return Line(mother, father, surname, own)


def _indian(random: Random, origin: Origin, surname: str) -> Line:
    if random.random() < 0.5:
        own = surname if random.random() < 0.75 else origin.surname(random)
        mother, father = _parents(random, origin, own, surname)
        return Line(mother, father, surname, surname)
    practice = random.random()
    if practice < 0.4 or surname in {"Singh", "Kaur"}:
        mother, father = _parents(random, origin, "Kaur", "Singh")
        return Line(mother, father, "Singh", "Kaur", _SIKH)
    mother, father = _parents(random, origin, "Kaur" if practice < 0.7 else surname, surname)
    if practice < 0.5:
        return Line(mother, father, f"Singh {surname}", f"Kaur {surname}", _SIKH)
    return Line(mother, father, surname, surname, _SIKH)


def _eastern(random: Random, origin: Origin, surname: str) -> Line:
    married = feminine(surname)
    own = married if random.random() < 0.65 else feminine(origin.surname(random))
    mother, father = _parents(random, origin, own, surname)
    # Some girls are registered in the form of the father, as is the custom here.
    return Line(mother, father, surname, surname if random.random() < 0.2 else married)


def _african(random: Random, origin: Origin, surname: str) -> Line:
    if random.random() < 0.22:
        own, fathers, grandfathers = random.sample(names_african.SOMALI_MALE, 3)
        mothers = " ".join(random.sample(names_african.SOMALI_MALE, 2))
        woman = _SOMALI["female"].pick(random)
        # The child's chain goes on with the father's own name; clerks keep its last or both.
        child = f"{own} {fathers}" if random.random() < 0.5 else fathers
        father = Person(own, f"{fathers} {grandfathers}")
        return Line(Person(woman, mothers), father, child, child, _SOMALI)
    return _british(random, origin, surname)


_PRACTICES: dict[str, Callable[[Random, Origin, str], Line]] = {
    "british": _british,
    "muslim": _muslim,
    "indian": _indian,
    "eastern": _eastern,
    "african": _african,
}
