"""What an answer means, what a receiver may ask for, and what is signed."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook

from chassis.webhooks import (
    Delivered,
    Refused,
    Unreachable,
    backoff_seconds,
    judge,
    read_retry_after,
    sign,
)
from services.notifier.channels.webhook import Body
from services.notifier.settings import SendSettings

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SETTINGS = SendSettings()
NOTICE = UUID("00000000-0000-4000-8000-000000000001")


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_2xx_is_delivered(status: int) -> None:
    assert judge(status, {}, AT, SETTINGS) == Delivered(status)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (301, "redirected"),
        (307, "redirected"),
        (400, "refused"),
        (404, "refused"),
        (410, "endpoint-gone"),
    ],
)
def test_what_never_will_be_is_refused(status: int, code: str) -> None:
    assert judge(status, {}, AT, SETTINGS) == Refused(code, status)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_be_later_is_tried_again(status: int) -> None:
    assert isinstance(judge(status, {}, AT, SETTINGS), Unreachable)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 1.0),
        ("99999999999999", 600.0),
        ("Mon, 02 Mar 2026 12:02:00 GMT", 120.0),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 1.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_honoured_within_limits(value: str, seconds: float | None) -> None:
    outcome = judge(503, {"Retry-After": value}, AT, SETTINGS)
    assert isinstance(outcome, Unreachable)
    assert outcome.after_seconds == seconds


def test_retry_after_counts_only_where_it_is_defined() -> None:
    outcome = judge(500, {"Retry-After": "120"}, AT, SETTINGS)
    assert isinstance(outcome, Unreachable)
    assert outcome.after_seconds is None
    assert read_retry_after(None, AT) is None


def test_every_secret_of_a_rotation_verifies_the_same_request() -> None:
    bodies = Body('http://odd"host.example/v1/notices')
    body = bodies.of(str(NOTICE), AT)
    secrets = ["whsec_" + "a" * 43 + "=", "whsec_" + "b" * 43 + "="]
    now = datetime.now(UTC)
    headers = sign(tuple(Webhook(one) for one in secrets), str(NOTICE), now, body)
    for secret in secrets:
        verified = Webhook(secret).verify(body, headers)
        assert verified["data"]["notice"] == str(NOTICE)
    assert bodies.of(str(NOTICE), AT) == body


def test_back_off_grows_to_a_limit_and_is_spread() -> None:
    delays = [backoff_seconds(60, SETTINGS) for _ in range(200)]
    assert max(delays) <= SETTINGS.retry_last_seconds
    assert len(set(delays)) > 100
    assert max(backoff_seconds(1, SETTINGS) for _ in range(50)) <= SETTINGS.retry_first_seconds


def test_a_lease_shorter_than_two_time_outs_is_refused() -> None:
    with pytest.raises(ValidationError):
        SendSettings(timeout_seconds=20, lease_seconds=30)
