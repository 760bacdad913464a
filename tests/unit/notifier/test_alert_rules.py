"""When an alert is sent, what it says, and which settings are refused: pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from chassis.clock import LONDON
from services.notifier.channels.alert import Message, is_of_address
from services.notifier.channels.email import write_email
from services.notifier.contacts import ContactError, masked, normal_address
from services.notifier.gather import send_at
from services.notifier.settings import AlertSettings, NotifySettings, SmtpSettings

SETTINGS = AlertSettings(gather_seconds=60, urgent_gather_seconds=2)
NIGHT = (time(21), time(7))
SMTP = SmtpSettings(host="relay.example", sender="notices@bus.example")
KEY = "live-11111111-2222-4333-8444-555555555555-66666666-7777-4888-9999-000000000000"
TOKEN = "a-token-of-twenty-characters"


def london(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


@pytest.mark.parametrize(
    ("first", "quiet", "sent"),
    [
        ("2026-03-03 08:31", NIGHT, "2026-03-03 08:32"),
        ("2026-03-03 08:31", None, "2026-03-03 08:32"),
        ("2026-03-02 22:40", NIGHT, "2026-03-03 07:00"),
        ("2026-03-03 02:00", NIGHT, "2026-03-03 07:00"),
        # It begins to be quiet while it is gathered; and it has just ended.
        ("2026-03-02 20:59", NIGHT, "2026-03-03 07:00"),
        ("2026-03-03 06:59", NIGHT, "2026-03-03 07:00"),
        ("2026-03-03 07:00", NIGHT, "2026-03-03 07:01"),
        # Within one day; and no hours at all.
        ("2026-03-03 12:30", (time(12), time(13)), "2026-03-03 13:00"),
        ("2026-03-03 13:00", (time(12), time(13)), "2026-03-03 13:01"),
        ("2026-03-03 12:00", (time(12), time(12)), "2026-03-03 12:01"),
        # Over both changes of the clock it is seven by the clock on the wall.
        ("2026-03-28 23:00", NIGHT, "2026-03-29 07:00"),
        ("2026-10-24 23:00", NIGHT, "2026-10-25 07:00"),
        # An end that spring skips (01:30 of 29 March) is when it would have been.
        ("2026-03-29 00:10", (time(23), time(1, 30)), "2026-03-29 02:30"),
    ],
)
def test_quiet_hours_hold_back_until_their_end(first: str, quiet: Any, sent: str) -> None:
    assert send_at(london(first), quiet, SETTINGS) == london(sent)


def test_an_end_that_autumn_repeats_is_its_first_reading_and_never_in_the_past() -> None:
    quiet = (time(23), time(1, 30))
    first = datetime(2026, 10, 25, 0, 20, tzinfo=UTC)  # 01:20, the first time.
    assert send_at(first, quiet, SETTINGS) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    second = datetime(2026, 10, 25, 1, 20, tzinfo=UTC)  # 01:20, the second time.
    assert send_at(second, quiet, SETTINGS) == datetime(2026, 10, 25, 1, 21, tzinfo=UTC)


def test_a_missing_child_is_hardly_gathered_and_an_urgent_step_wakes() -> None:
    night = london("2026-03-02 22:40")
    assert send_at(night, NIGHT, SETTINGS, overtakes=True) == night.replace(second=2)
    assert send_at(night, NIGHT, SETTINGS, wakes=True) == london("2026-03-02 22:41")


def test_an_alert_says_how_many_where_and_its_reference_and_nothing_else() -> None:
    message = Message(
        UUID(int=7), "duty@la.example", 1, datetime(2026, 3, 3, 8, 32, tzinfo=UTC),
        "https://notices.example/",
    )  # fmt: skip
    assert write_email(message, SMTP).decode("ascii").split("\r\n") == [
        "From: Notices <notices@bus.example>",
        "To: duty@la.example",
        "Subject: 1 notice waits for you",
        "Date: Tue, 03 Mar 2026 08:32:00 +0000",
        "Message-ID: <00000000-0000-0000-0000-000000000007@bus.example>",
        "Auto-Submitted: auto-generated",
        'Content-Type: text/plain; charset="utf-8"',
        "Content-Transfer-Encoding: 7bit",
        "MIME-Version: 1.0",
        "",
        "1 notice waits for you.",
        "",
        "Sign in to read: https://notices.example/",
        "",
        "Do not discuss with parents or carers.",
        "",
        "Reference: 00000000-0000-0000-0000-000000000007",
        "This address is not read. Do not reply, and do not forward.",
        "",
    ]


@pytest.mark.parametrize(
    ("channel", "given", "kept"),
    [
        ("email", " Lead@School.example", None),
        ("email", "Lead@School.Example", "Lead@school.example"),
        ("email", "lead@schülle.example", "lead@xn--schlle-5ya.example"),
        ("email", "lëad@school.example", None),
        ("email", "lead@localhost", None),
        ("email", "a@b.example, c@d.example", None),
        ("sms", "07700 900123", "+447700900123"),
        ("sms", "+44 7700 900123", "+447700900123"),
        ("sms", "07400 123456", "+447400123456"),
        ("sms", "020 7946 0123", None),
        ("sms", "+1 202 555 0123", None),
        ("sms", "+4477009001234", None),
        ("sms", "nothing", None),
    ],
)
def test_an_address_is_kept_as_it_is_written_to(channel: Any, given: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(ContactError) as refused:
            normal_address(channel, given)
        assert given not in str(refused.value)
    else:
        assert normal_address(channel, given) == kept


def test_a_masked_address_is_known_to_who_knows_it() -> None:
    assert masked("email", "lead@school.example") == "l…@school.example"
    assert masked("sms", "+447700900123") == "…123"


def test_which_mail_statuses_speak_of_the_address() -> None:
    said = ["5.1.1", "5.1.10", "5.2.1", "5.4.1", "5.4.4"]
    others = ["5.2.2", "5.7.1", "5.0.0", "5.4.14", "4.1.1", "5.1", "", "5.1.1 no"]
    assert [one for one in said + others if is_of_address(one)] == said


@pytest.mark.parametrize(
    ("settings", "values", "says"),
    [
        (SmtpSettings, {"host": "relay.example"}, "sender must be"),
        (SmtpSettings, {"host": "relay.example", "sender": "A <a@b.example>"}, "sender must be"),
        (SmtpSettings, {"host": "r.example", "sender": "a@b.example", "bounce_address": "x"},
         "bounce_address must be"),
        (SmtpSettings, {"host": "10.0.0.1", "sender": "a@b.example", "require_starttls": False},
         "loopback only"),
        (NotifySettings, {"api_key": "short", "callback_token": TOKEN}, "key of Notify"),
        (NotifySettings, {"api_key": KEY}, "callback_token"),
        (NotifySettings, {"api_key": KEY, "callback_token": "short"}, "callback_token"),
        (NotifySettings, {"api_key": KEY, "callback_token": TOKEN,
                          "base_url": "http://notify.example"}, "https"),
        (AlertSettings, {"timeout_seconds": 20, "lease_seconds": 30}, "twice"),
        (AlertSettings, {"urgent_gather_seconds": 6}, "less than or equal to 5"),
    ],
)  # fmt: skip
def test_settings_that_would_send_in_the_clear_or_in_vain_are_refused(
    settings: Any, values: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        settings(**values)


def test_usual_settings_are_taken() -> None:
    assert SmtpSettings(host="::1", sender="a@b.example", require_starttls=False)
    assert NotifySettings(api_key=KEY, callback_token=TOKEN)
