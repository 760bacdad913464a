"""Names, numbers and addresses that belong to nobody, and look as if they belong to nobody.

NHS numbers begin with 999, a range that is never issued; UPNs carry 999, the number of no
authority; postcodes begin with Z and a letter of no postal area. Check digits are right.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from schemas.identifiers import normalise_nhs_number, normalise_upn

GIVEN_NAMES: dict[str, tuple[str, ...]] = {
    "female": (
        "Ada", "Aisha", "Alba", "Amara", "Amina", "Anya", "Beatrix", "Bella", "Blessing", "Bronte",
        "Carys", "Chloe", "Cora", "Daisy", "Delia", "Dilys", "Edie", "Eira", "Elif", "Elsie",
        "Erin", "Esme", "Faith", "Farah", "Fern", "Flora", "Freya", "Gaia", "Grace", "Hana",
        "Hazel", "Heidi", "Imani", "Inaya", "Iris", "Isla", "Ivy", "Jasmin", "Joy", "June",
        "Kezia", "Kira", "Layla", "Leena", "Lottie", "Luna", "Mabel", "Maja", "Maya", "Meera",
        "Mila", "Nadia", "Nell", "Niamh", "Noor", "Olive", "Opal", "Orla", "Pearl", "Petra",
        "Poppy", "Priya", "Quinn", "Rhoda", "Roma", "Rosa", "Ruth", "Saba", "Safa", "Selma",
        "Simran", "Sofia", "Tamsin", "Tara", "Thea", "Uma", "Vera", "Wren", "Yara", "Zara",
    ),
    "male": (
        "Abel", "Adam", "Ahmed", "Alfie", "Amir", "Angus", "Arlo", "Asher", "Basil", "Bilal",
        "Bryn", "Caleb", "Casper", "Cian", "Cyrus", "Dafydd", "Dara", "Dexter", "Dominik", "Eddie",
        "Elijah", "Emrys", "Ezra", "Felix", "Finlay", "Frank", "Gabriel", "George", "Gethin",
        "Hamza", "Harris", "Hugo", "Ibrahim", "Idris", "Isaac", "Ivan", "Jago", "Jonah", "Jude",
        "Kai", "Karim", "Kit", "Kofi", "Leon", "Levi", "Logan", "Lorcan", "Luca", "Magnus",
        "Malik", "Milo", "Mohsin", "Nathan", "Nico", "Noah", "Oisin", "Omar", "Oscar", "Otis",
        "Owen", "Parth", "Piotr", "Rafi", "Ravi", "Reuben", "Rhys", "Rory", "Rowan", "Samir",
        "Seth", "Silas", "Stanley", "Tariq", "Teo", "Tobias", "Umar", "Victor", "Wilf", "Yusuf",
        "Zain",
    ),
}  # fmt: skip

_SYNTHETIC = ("Demo", "Example", "Mock", "Sample", "Specimen")
_ENDINGS = (
    "acre", "ash", "bank", "barn", "beck", "beech", "berry", "birch", "bourne", "bridge",
    "brook", "brow", "burn", "bury", "by", "cliff", "combe", "cote", "court", "cove",
    "croft", "dale", "dell", "den", "down", "edge", "elm", "end", "fell", "fen",
    "field", "firth", "fold", "ford", "garth", "gate", "glen", "green", "grove", "hall",
    "ham", "hawk", "hay", "hazel", "heath", "hedge", "hill", "holm", "holt", "hurst",
    "ing", "kirk", "lake", "land", "law", "lea", "ley", "lock", "low", "marsh",
    "mead", "mere", "mill", "moor", "moss", "mount", "ness", "oak", "orchard", "over",
    "park", "path", "pike", "pine", "pond", "pool", "quay", "ridge", "rigg", "rowan",
    "rush", "scar", "shaw", "shore", "side", "slade", "spring", "stead", "stile", "stock",
    "stone", "stow", "strand", "thorn", "thorpe", "thwaite", "ton", "tor", "vale", "view",
    "wade", "warren", "water", "weir", "well", "wick", "willow", "wold", "wood", "worth",
)  # fmt: skip
SURNAMES = tuple(f"{first}{last}" for first in _SYNTHETIC for last in _ENDINGS)
"""Plainly synthetic, and one word each: a text that says "example" mentions none of them."""

STREETS = tuple(
    f"{last.capitalize()} {kind}"
    for last in _ENDINGS[:60]
    for kind in ("Road", "Avenue", "Close", "Lane")
)
_UPN_LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"
_INWARD_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
_UPN_AUTHORITY = "999"


def nhs_numbers(random: Random) -> Iterator[str]:
    """Different valid numbers of the 999 range, up to about 900,000, in a scattered order."""
    start = random.randrange(1_000_000)
    for step in range(1_000_000):
        # The factor shares no divisor with a million, so that every number comes once.
        number = make_nhs_number((start + step * 271_829) % 1_000_000)
        if number is not None:
            yield number


def make_nhs_number(middle: int) -> str | None:
    """The number 999 + six digits + check digit; None where no check digit exists (one in 11)."""
    body = f"999{middle:06d}"
    total = sum(weight * int(digit) for weight, digit in zip(range(10, 1, -1), body, strict=True))
    check = (11 - total % 11) % 11
    return None if check == 10 else normalise_nhs_number(f"{body}{check}")


def make_upn(establishment: int, entry_year: int, serial: int) -> str:
    """A valid UPN: check letter, authority, establishment, year of entry, serial (0 to 999)."""
    body = f"{_UPN_AUTHORITY}{establishment:04d}{entry_year % 100:02d}{serial:03d}"
    total = sum(weight * int(digit) for weight, digit in enumerate(body, start=2))
    upn = normalise_upn(f"{_UPN_LETTERS[total % 23]}{body}")
    if upn is None:
        raise ValueError("establishment has four digits, serial three")
    return upn


def make_postcode(outward: str, random: Random) -> str:
    """A well-formed postcode of the given outward code."""
    letters = random.choice(_INWARD_LETTERS) + random.choice(_INWARD_LETTERS)
    return f"{outward} {random.randint(1, 9)}{letters}"
