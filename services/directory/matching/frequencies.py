"""How common each value is on the register: to agree on a rare name says more than on a common one.

Natural logarithms of shares, never lower than a floor: a name seen once may be a slip of the hand.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from math import exp, log

from services.directory.matching.names import Name, is_close, skeleton, sounds_alike
from services.directory.matching.person import Home, Person

FLOOR_COUNT = 1
RAREST_SEEN = 0.1
"""No value is taken for rarer than that."""
A_HOME_FOR_MANY = 6
"""From so many people on a home is kept by itself: a hostel, a home for children."""
MOST_ALIKE = 300
RAREST_INITIAL = 0.01
RIGHT = 0.83
"""So many names are written as they are."""
UNHEARD = 0.1
"""A name that nobody of the register bears counts as borne by so many."""
GUARDIAN_VARIANTS = (0.08, 40.0)
"""Of a parent's name: how often it is written in another way, and in how many ways."""
FEWEST_SEEN = 30
"""So many values must be seen equally often before it is reckoned how often they are to come."""
MOST_RARE = 4


_COUNTED = (
    "given_names", "family_names", "births", "postcodes", "schools", "homes", "guardian_names",
)  # fmt: skip


@dataclass
class Frequencies:
    """Counts of a register's values, and how many records they are of."""

    people: int = 0
    given_names: Counter[str] = field(default_factory=Counter)
    family_names: Counter[str] = field(default_factory=Counter)
    births: Counter[str] = field(default_factory=Counter)
    postcodes: Counter[str] = field(default_factory=Counter)
    schools: Counter[str] = field(default_factory=Counter)
    homes: Counter[str] = field(default_factory=Counter)
    guardian_names: Counter[str] = field(default_factory=Counter)
    _others: float | None = field(default=None, repr=False)
    _expected: dict[str, tuple[float, ...]] = field(default_factory=dict, repr=False)
    _near: dict[tuple[str, str], float] = field(default_factory=dict, repr=False)
    _initials: dict[str, Counter[str]] = field(default_factory=dict, repr=False)
    _alike: dict[str, dict[str, list[str]]] = field(default_factory=dict, repr=False)

    def add(self, person: Person) -> None:
        """Count one record; all of them before a share is asked for."""
        self.people += 1
        given, family = person.names[0] if person.names else (None, None)
        if given is not None:
            self.given_names.update(dict.fromkeys(given.parts, 1))
        if family is not None:
            self.family_names[family.text] += 1
            for part in family.parts:
                if part != family.text:
                    self.family_names[part] += 1
        if person.birth is not None:
            self.births[person.birth.digits] += 1
        if person.home is not None and person.home.postcode:
            self.postcodes[person.home.postcode] += 1
        if person.home is not None and person.home.number:
            self.homes[home_key(person.home)] += 1
        if person.school is not None:
            self.schools[person.school] += 1
        for guardian, _ in person.guardians:
            if guardian is not None:
                self.guardian_names[guardian.parts[0]] += 1

    def prepare(self) -> None:
        """Sort the names by likeness now: some tenths of a second that no question then waits."""
        self._by_likeness("given", self.given_names)
        self._by_likeness("family", self.family_names)
        self._by_likeness("guardian", self.guardian_names)

    @property
    def version(self) -> str:
        """A short name of these counts."""
        return name_of(self.to_json())

    def to_json(self) -> str:
        """As text, names in order."""
        counts = {name: dict(sorted(getattr(self, name).items())) for name in _COUNTED}
        counts["homes"] = {at: n for at, n in counts["homes"].items() if n >= A_HOME_FOR_MANY}
        known = {"people": self.people, "beside_one": self._beside_one()}
        return json.dumps({**known, **counts}, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Frequencies:
        """Raises KeyError or ValueError where the text holds no counts."""
        read = json.loads(text)
        counted = Frequencies(read["people"])
        counted._others = read["beside_one"]
        for name in _COUNTED:
            getattr(counted, name).update(read[name])
        return counted

    def given(self, name: str) -> float:
        """log share of a first given name."""
        return self._share("given_names", name)

    def family(self, name: str) -> float:
        """log share of a family name."""
        return self._share("family_names", name)

    def birth(self, digits: str) -> float:
        """log share of a birth date."""
        return self._share("births", digits)

    def postcode(self, code: str) -> float:
        """log share of a postcode."""
        return self._share("postcodes", code)

    def home(self, home: Home) -> float:
        """log share of one house: of a home for many, else of as many others as share one."""
        living = float(self.homes[home_key(home)])
        if living < A_HOME_FOR_MANY:
            living = self._beside_one()
        return log(living / max(self.people, 1_000))

    def _beside_one(self) -> float:
        """How many others live with somebody, on average."""
        if self._others is None:
            together = sum(size * (size - 1) for size in self.homes.values())
            self._others = max(together / max(self.homes.total(), 1), RAREST_SEEN)
        return self._others

    def school(self, urn: str) -> float:
        """log share of a school."""
        return self._share("schools", urn)

    def guardian(self, name: str) -> float:
        """log share of a parent's given name."""
        return self._share("guardian_names", name)

    def initial_given(self, letter: str) -> float:
        """log share of given names with this first letter."""
        return self._initial("given", self.given_names, letter)

    def initial_family(self, letter: str) -> float:
        """The same of family names."""
        return self._initial("family", self.family_names, letter)

    def _initial(self, kind: str, counts: Counter[str], letter: str) -> float:
        shares = self._initials.get(kind)
        if shares is None:
            shares = Counter()
            for name, count in counts.items():
                shares[name[0]] += count
            self._initials[kind] = shares
        # At least one in a hundred: an initial alone never says much.
        share = shares[letter] / max(shares.total(), 1)
        return log(min(max(share, RAREST_INITIAL), 0.999))

    def given_variant(
        self, written: str, meant: str, share: float, ways: float
    ) -> tuple[float, float]:
        """Two given names that are alike, of which one may be the other, written in another way.

        share: how often a name is written so; ways: in how many ways it can be. Two names that
        many people bear are two names; a name that nobody else bears is a mistaken one. Returns
        the logarithm of how often strangers agree so, and of how much less often relatives do.
        """
        return self._variant("given", self.given_names, written, meant, share, ways)

    def family_variant(self, written: str, meant: str, share: float, ways: float) -> float:
        """The same of family names, of strangers only."""
        return self._variant("family", self.family_names, written, meant, share, ways)[0]

    def guardian_variant(self, written: str, meant: str) -> float:
        """The same of parents' given names, one of which may be an initial."""
        if min(len(written), len(meant)) == 1:
            return self._initial("guardian", self.guardian_names, meant[0])
        return self._variant("guardian", self.guardian_names, written, meant, *GUARDIAN_VARIANTS)[0]

    def _variant(
        self, kind: str, counts: Counter[str], written: str, meant: str, share: float, ways: float
    ) -> tuple[float, float]:
        people = max(self.people, 1_000)
        one = share / ways
        borne_written, borne_meant = counts[written] / people, counts[meant] / people
        near = self._near_share(kind, counts, written)
        unheard = UNHEARD / people
        seen_written = RIGHT * borne_written + one * near + unheard
        seen_meant = RIGHT * borne_meant + one * self._near_share(kind, counts, meant) + unheard
        both = one * RIGHT * (borne_written + borne_meant + 2 * unheard)
        others = log(share * seen_written * seen_meant / both)
        without = RIGHT * borne_written + one * max(near - borne_meant, 0.0) + unheard
        return min(others, -1e-9), min(log(without / seen_written), -1e-9)

    def _near_share(self, kind: str, counts: Counter[str], name: str) -> float:
        known = self._near.get((kind, name))
        if known is None:
            others = {
                other
                for key in _likeness(name)
                for other in self._by_likeness(kind, counts).get(key, ())
                if other != name and (is_close(name, other) or sounds_alike(name, other))
            }
            known = sum(counts[other] for other in others) / max(self.people, 1_000)
            self._near[kind, name] = known
        return known

    def _by_likeness(self, kind: str, counts: Counter[str]) -> dict[str, list[str]]:
        found = self._alike.get(kind)
        if found is None:
            found = {}
            for name, _ in counts.most_common():
                for key in _likeness(name):
                    behind = found.setdefault(key, [])
                    if len(behind) < MOST_ALIKE:
                        behind.append(name)
            self._alike[kind] = found
        return found

    def straight(self, given: Name | None, family: Name | None) -> float:
        """How much likelier two names are as given and family than the other way round."""
        straight = meant = 1.0
        if given is not None:
            straight *= exp(self.given(given.parts[0]))
            meant *= exp(self.family(given.text))
        if family is not None:
            straight *= exp(self.family(family.text))
            meant *= exp(self.given(family.parts[0]))
        return straight / meant

    def _share(self, kind: str, value: str) -> float:
        # A value that nobody has counts as one that a single person has.
        count = max(getattr(self, kind)[value], FLOOR_COUNT)
        expected = self._expected.get(kind)
        if expected is None:
            expected = self._expected[kind] = _expect(getattr(self, kind))
        if count < len(expected):
            count = expected[count]
        return log(count / max(self.people, 1_000))


def _expect(counts: Counter[str]) -> tuple[float, ...]:
    """Of a value seen once, twice, ...: how often it is to be expected of as many others.

    Good and Turing's estimate: of dates of birth nearly all of which are single, one says much
    more than "one in so many". Where too few values are seen so often, the count stands.
    """
    seen = Counter(counts.values())
    expected = [0.0]
    for count in range(1, MOST_RARE):
        least, most = expected[-1] or RAREST_SEEN, float(count)
        if seen[count] >= FEWEST_SEEN:
            most = min(most, (count + 1) * seen[count + 1] / seen[count])
        expected.append(max(least, most))
    return tuple(expected)


def name_of(text: str) -> str:
    """A short name of what was learnt: the same text, the same name."""
    return blake2b(text.encode(), digest_size=6).hexdigest()


def home_key(home: Home) -> str:
    """One house, as the register writes it."""
    return f"{home.postcode}/{home.number}/{home.street}"


def _likeness(name: str) -> tuple[str, ...]:
    """By what names that are mistaken for one another are found together."""
    return (name[:2], "~" + skeleton(name))


def count(people: Iterable[Person]) -> Frequencies:
    """The frequencies of a register."""
    counted = Frequencies()
    for person in people:
        counted.add(person)
    return counted
