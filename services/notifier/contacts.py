"""Whom to tell that notices wait: added, confirmed, listed and removed, by command or by API.

Steps; they never commit. An address is kept as it is, because it must be written to; it is logged
nowhere, and shown whole only to its own organisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import TextClause, text

from chassis.database import Session
from chassis.telemetry import logger
from services.notifier.channels.notify import unset
from services.notifier.obligations import STILL_WAITS
from services.notifier.settings import NotifierGroup

log = logger("notifier.contacts")

Channel = Literal["email", "sms"]

CONTACTS_LIMIT = 20
"""Of one organisation: each notice is noted for each of them."""

NEWCOMER = timedelta(minutes=10)
"""Longer than a batch of notices may take to compose."""

_FOR_DRAMA = "+447700900"
"""Ofcom's numbers that are nobody's; Notify takes them and sends nothing."""


class ContactError(ValueError):
    """A contact that cannot be used: which field, which rule, and in words, without the value."""

    def __init__(self, field: str, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.rule, self.detail = field, rule, detail


@dataclass(frozen=True, slots=True)
class NewContact:
    """What somebody asks for. Quiet hours are Europe/London, both or neither."""

    organisation: str
    channel: Channel
    address: str
    role: str | None = None
    quiet_from: time | None = None
    quiet_until: time | None = None


async def add_contact(
    session: Session, new: NewContact, at: datetime, settings: NotifierGroup
) -> tuple[UUID, bool]:
    """Tell this contact from now on, and of what waits already; the same again confirms it.

    Returns its id and whether it is new. Raises `ContactError`.
    """
    if (new.quiet_from is None) != (new.quiet_until is None):
        raise ContactError("quietUntil", "both", "Quiet hours have a beginning and an end.")
    for field, hour in (("quietFrom", new.quiet_from), ("quietUntil", new.quiet_until)):
        if hour is not None and hour.tzinfo is not None:
            raise ContactError(field, "local", "Quiet hours are local times, without an offset.")
    address = normal_address(new.channel, new.address)
    refuse_unsent(new.channel, settings)
    # Two at once would both pass the count.
    await session.execute(_LOCK, {"organisation": new.organisation})
    found = (
        await session.execute(
            _FIND,
            {
                "organisation": new.organisation,
                "channel": new.channel,
                "address": address,
                "role": new.role or "",
            },
        )
    ).one()
    if found.id is None and found.known >= CONTACTS_LIMIT:
        raise ContactError("", "too-many", f"An organisation has {CONTACTS_LIMIT} at most.")
    if found.id is None and found.told_already:
        raise ContactError(
            "role", "told-already", "This address is a contact in other roles; remove it first."
        )
    contact = found.id or uuid4()
    await session.execute(
        _ADD,
        {
            "id": contact,
            "organisation": new.organisation,
            "role": new.role,
            "channel": new.channel,
            "address": address,
            "quiet_from": new.quiet_from,
            "quiet_until": new.quiet_until,
            "at": at,
        },
    )
    await session.execute(_TELL, {"id": contact, "at": at})
    return contact, found.id is None


async def tell_newcomers(session: Session, at: datetime) -> None:
    """Tell those who were added or confirmed just now of what was being composed at that moment:
    neither of the two transactions saw the other."""
    await session.execute(_TELL_NEWCOMERS, {"at": at, "since": at - NEWCOMER})


async def confirm_contact(session: Session, contact: UUID, at: datetime) -> bool:
    """Somebody says that the contact is right; one that was disabled is told again."""
    done = await session.execute(_CONFIRM, {"id": contact, "at": at})
    if done.rowcount:
        await session.execute(_TELL, {"id": contact, "at": at})
    return bool(done.rowcount)


async def remove_contact(
    session: Session, contact: UUID, organisations: Sequence[str] | None = None
) -> bool:
    """Tell it nothing any more, and forget the address. Of these organisations, or of any."""
    done = await session.execute(
        _REMOVE,
        {"id": contact, "any": organisations is None, "organisations": list(organisations or ())},
    )
    return bool(done.rowcount)


async def list_contacts(
    session: Session, organisations: Sequence[str] | None, at: datetime, confirm_days: float
) -> list[Any]:
    """Every contact of these organisations (None: of all), with `unconfirmed`."""
    rows = await session.execute(
        _LIST,
        {
            "any": organisations is None,
            "organisations": list(organisations or ()),
            "since": at - timedelta(days=confirm_days),
        },
    )
    return list(rows)


async def tell_lapses(session: Session, at: datetime, confirm_days: float) -> dict[str, int]:
    """Say once of each contact that nobody confirmed it in time; returns how many are how."""
    since = at - timedelta(days=confirm_days)
    for row in await session.execute(_LAPSED, {"at": at, "since": since}):
        log.warning(
            "contact_unconfirmed",
            contact=str(row.id),
            organisation=row.organisation,
            next="still told; ask the organisation whether it is right, then confirm or remove it",
        )
    counts = (await session.execute(_COUNT, {"since": since})).mappings().one()
    return {str(state): int(count) for state, count in counts.items()}


def normal_address(channel: Channel, address: str) -> str:
    """The address as it is stored, or `ContactError`. E-mail, or a UK mobile as +44…"""
    if channel == "email":
        try:
            valid = validate_email(address, check_deliverability=False, allow_smtputf8=False)
        except EmailNotValidError:
            raise ContactError("address", "email", "This is no e-mail address.") from None
        # With the domain as mail systems write it: `normalized` may hold letters that they refuse.
        return valid.ascii_email or valid.normalized
    try:
        number = phonenumbers.parse(address, "GB")
    except phonenumbers.NumberParseException:
        raise ContactError("address", "mobile", "This is no telephone number.") from None
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    mobile = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
    if number.country_code != 44 or not (
        mobile or (written.startswith(_FOR_DRAMA) and len(written) == 13)
    ):
        raise ContactError("address", "mobile", "Text messages go to UK mobile numbers only.")
    return written


def masked(channel: str, address: str) -> str:
    """Enough to recognise an address that one knows, and no more."""
    if channel == "sms":
        return f"…{address[-3:]}"
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}…@{domain}"


def how(row: Any) -> str:
    """In one word: confirmed, unconfirmed, failing (the last alert failed) or disabled."""
    if not row.active:
        return f"disabled:{row.disabled_reason}"
    if row.failed_at is not None:
        return f"failing:{row.failed_reason}"
    return "unconfirmed" if row.unconfirmed else "confirmed"


def refuse_unsent(channel: Channel, settings: NotifierGroup) -> None:
    """Raise `ContactError` where nothing could be sent: a contact that is never told is worse than
    none."""
    if channel == "email" and settings.alerts.email_by == "smtp":
        if not settings.smtp.host:
            raise ContactError(
                "channel",
                "no-relay",
                "No e-mail is sent here: SGB_NOTIFIER__SMTP__HOST is not set.",
            )
    elif unset(settings.notify, channel):
        raise ContactError(
            "channel",
            "no-notify",
            "Nothing is sent by GOV.UK Notify here: SGB_NOTIFIER__NOTIFY__API_KEY or the template "
            "is not set.",
        )


_LOCK = text("select pg_advisory_xact_lock(hashtextextended('contacts ' || :organisation, 0))")

_FIND = text("""
    select (select id from notifier.contact
             where organisation = :organisation and channel = :channel and address = :address
               and coalesce(role, '') = :role and disabled_reason is distinct from 'removed') as id,
           (select count(*) from notifier.contact
             where organisation = :organisation
               and disabled_reason is distinct from 'removed') as known,
           exists (select from notifier.contact
                    where organisation = :organisation and channel = :channel
                      and address = :address and disabled_reason is distinct from 'removed'
                      and (role is null or :role = '')) as told_already""")

_ADD = text("""
    insert into notifier.contact (id, organisation, role, channel, address, quiet_from,
                                  quiet_until, added_at, confirmed_at, active)
    values (:id, :organisation, :role, :channel, :address, :quiet_from, :quiet_until, :at, :at,
            true)
        on conflict (id) do update
       set quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until,
           confirmed_at = excluded.confirmed_at, active = true, disabled_reason = null,
           failed_at = null, failed_reason = null, lapse_told_at = null""")


def _tell(contacts: str, known: str) -> TextClause:
    return text(f"""
        insert into notifier.alert_notice (notice, contact, at)
        select o.id, c.id, :at
          from notifier.contact c join notifier.obligation o
            on o.organisation = c.organisation and (c.role is null or c.role = o.role)
         where {contacts} and o.owner = 'notifier' and o.content is not null and {STILL_WAITS}
            on conflict (notice, contact) do {known}""")


# What waits already, and it was not told of: a new contact is often the answer to a dead one, and
# one that is confirmed again has missed what failed.
_TELL = _tell(
    "c.id = :id",
    """update set alert = null, at = excluded.at
     where exists (select from notifier.alert a
                    where a.id = alert_notice.alert and a.status in ('failed', 'bounced'))""",
)

_TELL_NEWCOMERS = _tell("c.active and c.confirmed_at >= cast(:since as timestamptz)", "nothing")

_CONFIRM = text("""
    update notifier.contact
       set confirmed_at = :at, lapse_told_at = null, active = true, disabled_reason = null,
           failed_at = null, failed_reason = null
     where id = :id and disabled_reason is distinct from 'removed'""")

_REMOVE = text("""
    update notifier.contact set active = false, disabled_reason = 'removed', address = ''
     where id = :id and disabled_reason is distinct from 'removed'
       and (:any or organisation = any(:organisations))""")

_LIST = text("""
    select c.*, c.active and c.confirmed_at < :since as unconfirmed
      from notifier.contact c
     where disabled_reason is distinct from 'removed'
       and (:any or organisation = any(:organisations))
     order by organisation, added_at, id""")

_LAPSED = text("""
    update notifier.contact set lapse_told_at = :at
     where active and confirmed_at < :since and lapse_told_at is null
    returning id, organisation""")

_COUNT = text("""
    select count(*) filter (where active) as active,
           count(*) filter (where active and confirmed_at < :since) as unconfirmed,
           count(*) filter (where active and failed_at is not null) as failing,
           count(*) filter (where not active) as disabled
      from notifier.contact where disabled_reason is distinct from 'removed'""")
