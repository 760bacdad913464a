"""What a recipient gives back for a notice: codes only, which may travel back to the sender."""

from __future__ import annotations

from enum import StrEnum


class Speaker(StrEnum):
    """Who spoke on the telephone, by role; never a name."""

    SAFEGUARDING_LEAD = "safeguarding-lead"
    DEPUTY_SAFEGUARDING_LEAD = "deputy-safeguarding-lead"
    HEAD_TEACHER = "head-teacher"
    SCHOOL_OFFICE = "school-office"
    SCHOOL_NURSE = "school-nurse"
    HEALTH_VISITOR = "health-visitor"
    TEAM_DUTY = "team-duty"
    MASH_WORKER = "mash-worker"
    DUTY_OFFICER = "duty-officer"
    ALLOCATED_WORKER = "allocated-worker"
    MANAGER = "manager"
    OTHER_STAFF = "other-staff"


class DeclineReason(StrEnum):
    """Why a recipient does not take a notice on."""

    NOT_OUR_CHILD = "not-our-child"
    LEFT_THIS_SCHOOL = "left-this-school"
    WRONG_ORGANISATION = "wrong-organisation"
    DUPLICATE = "duplicate"
    CANNOT_ACCEPT = "cannot-accept"


QUESTION_LENGTH = 2000
"""Characters of one question or answer, at most."""
