"""Postcodes of no postal area, the homes in them and the schools near them."""

from __future__ import annotations

from datetime import date
from random import Random

from tests.support.synthetic_children.model import Home
from tests.support.synthetic_children.words import words

_AREAS = ("ZX", "ZY", "ZK", "ZV", "QX", "QY", "QK", "QV")
_INWARD_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
_UNITS_A_SECTOR = 60
_FAMILIES_A_POSTCODE = 15
_HOUSES_A_POSTCODE = 60
_FLATS = 40
_CHILDREN_A_FAMILY = 1.7
_STEMS = words("""
Acorn Albert Alder Alma Ash Beech Birch Bramble Bridge Broad Brook Castle Cedar Chapel Cherry
Chestnut Church Clarence Coronation Cross Dale Elm Farm Fern Field Foundry George Glebe Green
Grove Hawthorn Hazel Heath High Hill Holly Ivy King Lake Larch Laurel Lime Linden London Manor
Maple Market Meadow Mill Moor New North Oak Orchard Park Pine Poplar Priory Queen Railway Rectory
Regent River Rose Rowan School South Spring Springfield Spruce Station Stone Sycamore Tanner
Thistle Tower Union Vale Vicarage Victoria Walnut Warren Water Well West Westfield Willow Windmill
Wood Woodland York
""")
_KINDS = (
    "Road",
    "Street",
    "Avenue",
    "Close",
    "Lane",
    "Drive",
    "Crescent",
    "Way",
    "Gardens",
    "Court",
)
_MIDDLES = ("",) * 7 + (" Park", " Mill", " Wood")
_HOUSES = ("House", "Court", "Heights", "Point", "Lodge")
_TOWNS = ("Exampleton", "Samplebury", "Mockham", "Specimen Green", "Demoford", "Placeholder Heath")
# Where families of one origin live closer together: the middle of their part of the area.
_QUARTERS = {"muslim": 0.2, "indian": 0.4, "eastern": 0.65, "african": 0.85}


class Area:
    """The places of a partnership with so many children."""

    def __init__(self, children: int, random: Random) -> None:
        self.postcodes = max(8, int(children / _CHILDREN_A_FAMILY / _FAMILIES_A_POSTCODE))
        self.primaries = max(3, round(children * 7 / 18 / 280))
        self.secondaries = max(2, round(children * 7 / 18 / 1000))
        self._streets = [
            f"{random.choice(_STEMS)}{random.choice(_MIDDLES)} {random.choice(_KINDS)}"
            for _ in range(self.postcodes * 2 // 5 + 1)
        ]
        self._taken: set[tuple[int, int]] = set()
        self._buildings = {
            place: (f"{random.choice(_STEMS)} {random.choice(_HOUSES)}", random.randint(1, 120))
            for place in range(self.postcodes)
            if random.random() < 0.2
        }

    def postcode(self, place: int) -> str:
        sectors, unit = divmod(place, _UNITS_A_SECTOR)
        districts, sector = divmod(sectors, 10)
        area, district = divmod(districts, 29)
        unit = unit * 6 + area
        letters = _INWARD_LETTERS[unit // 20 % 20] + _INWARD_LETTERS[unit % 20]
        return f"{_AREAS[area % len(_AREAS)]}{district + 1} {sector}{letters}"

    def find_home(self, random: Random, origin: str = "", near: int | None = None) -> Home:
        """Somewhere for a family; six in ten of those who move stay within a few streets."""
        if near is not None and random.random() < 0.6:
            place = (near + random.randint(-40, 40)) % self.postcodes
        elif origin in _QUARTERS and random.random() < 0.5:
            place = int(random.gauss(_QUARTERS[origin], 0.06) * self.postcodes) % self.postcodes
        else:
            place = random.randrange(self.postcodes)
        return Home(self._address(random, place), self.postcode(place), place)

    def find_schools(self, random: Random, place: int) -> tuple[int, int]:
        """The primary and the secondary school of a family; mostly the nearest."""
        step = random.choice((-1, 0, 0, 0, 0, 1))
        share = place / self.postcodes
        primary = (int(share * self.primaries) + step) % self.primaries
        secondary = (int(share * self.secondaries) + (step if step > 0 else 0)) % self.secondaries
        return primary, secondary

    def _address(self, random: Random, place: int) -> str:
        street = self._streets[place * 2 // 5]
        building = self._buildings.get(place)
        if building and random.random() < 0.8:
            name, number = building
            flat = self._free_number(random, place, 1001, _FLATS) - 1000
            address = f"Flat {flat}, {name}, {number} {street}"
        else:
            number = self._house_number(random, place)
            address = f"{number} {street}"
            chance = random.random()
            if chance < 0.03:
                address = f"{number}{random.choice('AB')} {street}"
            elif chance < 0.06:
                address = f"Flat {random.randint(1, 4)}, {address}"
        if place % 4 == 0:
            address = f"{address}, {_TOWNS[place // 600 % len(_TOWNS)]}"
        return address

    def _house_number(self, random: Random, place: int) -> int:
        """Of the part of the street that has this postcode."""
        before = place * 2 // 5
        first = _HOUSES_A_POSTCODE * sum(
            other * 2 // 5 == before for other in (place - 1, place - 2)
        )
        return self._free_number(random, place, first + 1, _HOUSES_A_POSTCODE)

    def _free_number(self, random: Random, place: int, first: int, count: int) -> int:
        """Seldom one where a family lives already."""
        number = first + random.randrange(count)
        if (place, number) in self._taken and random.random() < 0.8:
            number = first + random.randrange(count)
        self._taken.add((place, number))
        return number


def school_of(born: date, day: date, primary: int, secondary: int) -> str:
    """The URN of the school a child goes to on a day, empty before school age."""
    year = day.year if day.month >= 9 else day.year - 1
    completed = year - born.year - (1 if born.month >= 9 else 0)
    if completed < 4:
        return ""
    # No such numbers have been given to schools so far.
    return str(900_000 + primary) if completed < 11 else str(980_000 + secondary)


def entry_year(born: date) -> int:
    """The calendar year of the September in which a child enters reception."""
    return born.year + (5 if born.month >= 9 else 4)
