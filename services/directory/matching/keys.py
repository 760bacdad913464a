"""The keys by which a person is found: some 25 hashes, one B-tree, no search over texts.

Each key holds what two records of one child still share after a certain kind of error; whoever
shares no key is not compared. A person of an event asks for more keys than the register keeps:
the names turned round, day and month turned round.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from services.directory.matching.names import Name, skeleton
from services.directory.matching.person import Birth, Home, Person

VERSION = 2
"""Changes with every change of a key: the register's keys must then be made anew."""


def keys_of(person: Person) -> set[int]:
    """By which keys the register keeps somebody: signed 64-bit numbers."""
    return {_hash(text) for text in _texts(person)}


def asked_keys(person: Person) -> set[int]:
    """By which keys somebody of an event is looked for."""
    texts = set(_texts(person))
    birth = person.birth
    for one in _readings(birth):
        if one.known == 8:
            turned = Birth(one.digits[:4] + one.digits[6:] + one.digits[4:6])
            if turned != one:
                texts.update(_birth_texts(person, turned))
    swapped = tuple((family, given) for given, family in person.names if given and family)
    if swapped:
        texts.update(_texts(person._replace(names=swapped)))
    return {_hash(text) for text in texts}


def _texts(person: Person) -> Iterator[str]:
    if person.nhs_number:
        yield "n" + person.nhs_number
    if person.upn:
        yield "u" + person.upn
    births = _readings(person.birth)
    for birth in births:
        yield from _birth_texts(person, birth)
    year = births[0].digits[:4] if births else ""
    if person.home is not None and person.home.postcode and person.birth is not None:
        # Two figures of the one and two of the other turned round, and no name that helps.
        yield f"C{''.join(sorted(person.home.postcode))}|{''.join(sorted(person.birth.digits))}"
    if person.home is not None:
        yield from _home_texts(person, person.home, year)
    for given, family in person.names:
        if given is None or family is None:
            continue
        for sound in family.skeletons:
            yield f"a{given.skeletons[0]}|{sound}|{year}"
            yield f"b{given.skeletons[0]}|{sound}"
            if person.school:
                yield f"c{person.school}|{sound}|{given.parts[0][0]}"
        yield f"d{family.text[:4]}|{given.text[:3]}|{year}"
    for names in person.names:
        for name in names:
            # Says much where the name is rare; where it is common, too many stand behind it.
            if name is not None:
                yield f"w{name.text}"
    for guardian, _ in person.guardians:
        if guardian is None:
            continue
        for given, family in person.names:
            if family is not None:
                yield f"e{guardian.skeletons[0]}|{family.skeletons[-1]}|{year}"
            if given is not None:
                yield f"f{guardian.skeletons[0]}|{given.skeletons[0]}|{year}"


def _readings(birth: Birth | None) -> tuple[Birth, ...]:
    """A date as it is, or, with one figure too many, without each in turn."""
    if birth is None:
        return ()
    digits = birth.digits
    if len(digits) == 8:
        return (birth,)
    if len(digits) != 9:
        return ()
    shorter = dict.fromkeys(digits[:at] + digits[at + 1 :] for at in range(len(digits)))
    return tuple(Birth(one) for one in shorter if _is_likely(one))


def _is_likely(digits: str) -> bool:
    return digits[:2] in ("19", "20") and "01" <= digits[4:6] <= "12" and "01" <= digits[6:] <= "31"


def _birth_texts(person: Person, birth: Birth) -> Iterator[str]:
    digits = birth.digits
    if birth.known == 8:
        yield f"x{digits}"
        if person.sex is not None:
            yield f"y{digits}|{person.sex}"
        if person.home is not None and person.home.postcode:
            yield f"g{digits}|{person.home.outward}"
        if person.school:
            yield f"h{digits}|{person.school}"
    for given, family in person.names:
        first = given.skeletons[0] if given is not None else ""
        letter = given.text[0] if given is not None else ""
        if birth.known == 8:
            for sound in _skeletons(given):
                yield f"i{digits}|{sound}"
            for sound in _skeletons(family):
                yield f"j{digits}|{sound}"
            if given is not None and family is not None:
                yield f"k{digits}|{letter}{family.text[0]}"
        if family is None or given is None or birth.known < 6:
            continue
        for sound in family.skeletons:
            # A birth date with one wrong part keeps the two others.
            yield f"l{digits[:6]}|{sound}|{letter}"
            if birth.known == 8:
                yield f"m{digits[4:]}|{sound}|{letter}"
                yield f"o{digits[:4]}{digits[6:]}|{sound}|{letter}"
        yield f"B{digits[:6]}|{first}|{family.text[0]}"
        if birth.known == 8:
            yield f"p{digits[4:]}|{first}|{family.text[0]}"


def _home_texts(person: Person, home: Home, year: str) -> Iterator[str]:
    if home.postcode:
        yield f"z{home.postcode}"
        if year:
            yield f"q{home.postcode}|{year}"
    if home.number and home.street:
        for word in home.words:
            yield f"v{home.number}|{skeleton(word)}"
        for _, family in person.names:
            for sound in _skeletons(family):
                yield f"A{home.number}|{skeleton(home.street)}|{sound}"
    turned = "".join(sorted(home.postcode))
    for given, family in person.names:
        if home.postcode:
            for sound in _skeletons(given)[:2]:
                yield f"r{turned}|{sound}"
            for sound in _skeletons(family):
                yield f"s{turned}|{sound}"
        if given is not None and home.outward:
            for sound in _skeletons(family):
                yield f"t{home.outward}|{sound}|{given.skeletons[0]}"


def _skeletons(name: Name | None) -> tuple[str, ...]:
    return name.skeletons if name is not None else ()


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
