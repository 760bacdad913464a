"""Two persons side by side: a level per field, and how common the value is on which they agree.

Pure and deterministic. What one of them lacks is MISSING, never a disagreement.
"""

from __future__ import annotations

from math import inf, log

from services.directory.matching.compare_facts import (
    B_SAME,
    P_ADDRESS,
    P_CODE,
    P_HOME,
    compare_births,
    compare_homes,
    compare_numbers,
    same_street,
)
from services.directory.matching.compare_names import (
    F_CLOSE,
    F_INITIAL,
    F_PART,
    F_RESEMBLES,
    F_SAME,
    F_SOUND,
    G_CLOSE,
    G_FAMILIAR,
    G_INITIAL,
    G_PART,
    G_SOUND,
    W_ALIKE,
    W_FAMILY,
    W_GIVEN,
    W_SAME,
    compare_family,
    compare_guardian,
    compare_names,
    shared_names,
    shared_part,
)
from services.directory.matching.fields import MISSING, SEX
from services.directory.matching.frequencies import Frequencies
from services.directory.matching.person import Home, Person

COMMON_NAME = log(0.008)
NAMED_ALIKE = log(0.5)
NAMED_APART = log(0.05)
"""How much less often than a stranger a brother or sister has the same given name. A name that so
many bear may be one that is set before every brother's."""

SAME_DOOR = log(1 / 30)
"""How often two houses of one postcode have the same number."""

OTHER_PARENT = log(0.7)
"""How often a parent of another name bears the family name on which the children agree."""

BY_CHANCE = -1e-9
"""A relative's given name agrees as a stranger's does."""

S_SAME, S_OTHER = range(len(SEX.levels))
# From these on, the given names differ so that the sexes say something of their own.
_SEX_SAYS = G_INITIAL
# Of a name that is not quite the same: how often one is written so, and in how many ways.
_GIVEN_VARIANTS = {G_FAMILIAR: (0.03, 4.0), G_CLOSE: (0.06, 40.0), G_SOUND: (0.03, 20.0)}
_FAMILY_VARIANTS = {F_CLOSE: (0.05, 40.0), F_SOUND: (0.02, 20.0)}


class Comparison:
    """A level per field, in the order of `FIELDS`, and the logarithm of the share of others.

    `others` holds, per field, the natural logarithm of how often a stranger agrees on just this
    value, or 0.0 where the level's own average is to be used. `straight` is 0.0, or where the names
    agree only with given and family name turned round, how much likelier they are as they are
    written (a Nguyen Lachlan is less likely, a Thomas James may be either).
    """

    __slots__ = ("kin", "levels", "others", "straight")

    def __init__(
        self,
        levels: tuple[int, ...],
        others: tuple[float, ...],
        straight: float = 0.0,
        kin: float = 0.0,
    ) -> None:
        self.levels = levels
        self.others = others
        self.straight = straight
        self.kin = kin


def compare(asked: Person, known: Person, common: Frequencies) -> Comparison:
    """How `asked` (of an event) agrees with `known` (of the register)."""
    given, family, mine, theirs, crossed = compare_names(asked, known)
    if crossed:
        mine = (mine[1], mine[0])
    other_given = other_family = 0.0
    kin = 0.0
    if mine[0] is not None and theirs[0] is not None:
        if given <= G_PART:
            other_given = min(common.given(part) for part in shared_names(mine[0], theirs[0]))
            kin = NAMED_ALIKE if other_given > COMMON_NAME else NAMED_APART
        elif given == G_INITIAL:
            # How often initials are written says nothing; that it is this letter does.
            given, kin = MISSING, BY_CHANCE
            other_given = common.initial_given(theirs[0].text[0])
        elif given in _GIVEN_VARIANTS:
            written, meant = mine[0].parts[0], theirs[0].parts[0]
            other_given, kin = common.given_variant(written, meant, *_GIVEN_VARIANTS[given])
    if mine[1] is not None and theirs[1] is not None:
        if family == F_SAME:
            other_family = common.family(theirs[1].text)
        elif family == F_INITIAL:
            family, other_family = MISSING, common.initial_family(theirs[1].text[0])
        elif family == F_PART:
            other_family = common.family(shared_part(mine[1], theirs[1]))
        elif family in _FAMILY_VARIANTS:
            written, meant = mine[1].text, theirs[1].text
            other_family = common.family_variant(written, meant, *_FAMILY_VARIANTS[family])
    straight = common.straight(mine[1], mine[0]) if crossed else 0.0

    birth = MISSING
    if asked.birth is not None and known.birth is not None:
        birth = compare_births(asked.birth, known.birth)
    sex = MISSING
    if asked.sex is not None and known.sex is not None and given >= _SEX_SAYS:
        sex = S_SAME if asked.sex == known.sex else S_OTHER

    place, other_place = MISSING, 0.0
    if asked.home is not None and known.home is not None:
        place = compare_homes(asked.home, known.home)
        if place in (P_HOME, P_ADDRESS):
            other_place = common.home(known.home)
            if place == P_HOME:
                other_place = max(other_place, _by_chance(asked.home, known.home, common))
        elif place == P_CODE:
            other_place = common.postcode(known.home.postcode)
    school, other_school = MISSING, 0.0
    if asked.school is not None and known.school is not None:
        school = 0 if asked.school == known.school else 1
        if school == 0:
            other_school = common.school(known.school)
    guardian, other_guardian = _compare_guardians(asked, known, common)
    return Comparison(
        (
            given,
            family,
            birth,
            sex,
            compare_numbers(asked.nhs_number, known.nhs_number),
            compare_numbers(asked.upn, known.upn),
            place,
            school,
            guardian,
        ),
        (
            other_given,
            other_family,
            common.birth(known.birth.digits) if birth == B_SAME and known.birth else 0.0,
            0.0,
            0.0,
            0.0,
            other_place,
            other_school,
            other_guardian,
        ),
        straight,
        kin,
    )


def _by_chance(mine: Home, theirs: Home, common: Frequencies) -> float:
    """How often two homes of one postcode agree by chance, of which one lacks house or street."""
    shared = common.postcode(theirs.postcode)
    if not (mine.numbers and theirs.numbers):
        return shared
    return -inf if same_street(mine, theirs) else shared + SAME_DOOR


def _compare_guardians(asked: Person, known: Person, common: Frequencies) -> tuple[int, float]:
    """The best of all pairs; a family name says nothing more where it is the child's own."""
    best, pair = MISSING, None
    for mine in asked.guardians:
        for theirs in known.guardians:
            level = compare_guardian(mine, theirs)
            if level < best:
                best, pair = level, (mine, theirs)
    if pair is None:
        return MISSING, 0.0
    (given, family), (known_given, known_family) = pair
    if best == W_FAMILY and any(
        compare_family(family, own) < F_RESEMBLES for _, own in asked.names
    ):
        # The other parent, who bears the child's name: strangers of that name agree as well.
        return (best, OTHER_PARENT) if given and known_given else (MISSING, 0.0)
    if best == W_FAMILY and family is not None and known_family is not None:
        shared = known_family.text if family == known_family else shared_part(family, known_family)
        return best, common.family(shared) if shared else 0.0
    if known_given is None:
        return best, 0.0
    if best <= W_GIVEN:
        return best, common.guardian(known_given.parts[0])
    if best == W_ALIKE and given is not None:
        return best, common.guardian_variant(given.parts[0], known_given.parts[0])
    return best, 0.0


def are_kin(first: Person, second: Person) -> bool:
    """Whether the register itself puts two of its people into one family."""
    if first.household is not None and first.household == second.household:
        return True
    if first.home is not None and first.home == second.home and first.home.number:
        return True
    level, _ = _compare_guardians(first, second, _NOT_COUNTED)
    if level != W_SAME:
        return False
    return any(
        compare_family(mine[1], theirs[1]) <= F_PART
        for mine in first.names
        for theirs in second.names
    )


_NOT_COUNTED = Frequencies()
