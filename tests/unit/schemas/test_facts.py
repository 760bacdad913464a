"""Facts between services: what each reader relies on."""

from datetime import UTC, datetime
from uuid import UUID

from schemas.examples import load
from schemas.facts import FACTS, TOPICS, EventAccepted, Sender, notice_id

RECEIPT = UUID("00000000-0000-5000-8000-000000000001")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_every_fact_names_its_type_and_a_topic_that_exists() -> None:
    assert all(name == fact.fact_type and fact.topic in TOPICS for name, fact in FACTS.items())


def test_a_fact_is_read_as_it_was_written_and_unknown_fields_are_ignored() -> None:
    fact = EventAccepted(
        receipt=RECEIPT,
        event_type="missing.reported",
        key="opaque",
        sender=Sender(organisation="police-example", name="Example Police", kind="police"),
        occurred_at=NOW,
        accepted_at=NOW,
        data=load("missing.reported")["data"],
    )
    text = fact.model_dump_json(by_alias=True)
    assert EventAccepted.model_validate_json(text) == fact
    assert EventAccepted.model_validate_json(text[:-1] + ', "later": 1}') == fact


def test_a_notice_has_the_same_id_wherever_it_is_computed_and_another_per_part() -> None:
    def made(*, child: UUID = RECEIPT, part: str = "whole", rung: int = 0) -> UUID:
        return notice_id(RECEIPT, child, "urn-900001", "school-full", part, rung)

    assert made() == made()
    assert made() == UUID("b74d5b71-641c-56ed-a798-5d425d834a52")
    assert len({made(), made(part="text"), made(rung=1), made(child=UUID(int=1))}) == 4
