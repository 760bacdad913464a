"""What a sender does about a refusal, or about a flag: by code, in a sentence. Pure."""

from __future__ import annotations

REFUSALS: dict[str, str] = {
    "invalid-event": "Correct the fields that are named, and send the event again.",
    "unstorable": "Take out what cannot be stored, and send the event again.",
    "source-not-yours": "Send it with your own source, or with the credential of that source.",
    "type-not-allowed": "Another kind of agency sends this type; ask the partnership.",
    "record-not-yours": "An organisation states its own record; ask its authority for another's.",
    "id-reused": "Send it with a new id, and with `supersedes` if it corrects the earlier event.",
    "not-json": "Send JSON in UTF-8, each name once in its object.",
    "invalid-batch": "Send a list of at least one event.",
    "too-many": "Send smaller batches.",
    "too-large": "Send less text, or fewer events at once.",
    "broken-header": "Write the header as CloudEvents says, percent-encoded.",
    "encoding-not-taken": "Send the body as it is, not compressed.",
    "type-not-taken": "Send one of the three encodings of CloudEvents.",
    "cut-off": "The request ended before its body did: send it again.",
}
"""By the problem's code; nothing of a refused event was stored, and its id is free."""

FLAGS: dict[str, str] = {
    "nhs-number-invalid": "Correct the number in your record; it was used for nothing.",
    "nhs-number-missing": "Look the number up, or say why there is none (`reasonAbsent`).",
    "upn-invalid": "Correct the UPN in your record; it was used for nothing.",
    "school-number-invalid": "Correct the school's number; it was used for nothing.",
    "name-missing": "Give the child's name.",
    "name-empty": "Give a given or a family name.",
    "birth-date-missing": "Give a date of birth, as exactly as it is known.",
    "voice-missing": "Record what the child said, or how it was seen, or why neither.",
    "voice-reason-missing": "Say why the child was not spoken to.",
    "basis-missing": "Give the basis for sharing.",
    "reason-missing": "Say why the family was not informed.",
    "no-structured-child": "Name the child of whom the text speaks: a text finds nobody.",
    "only-adults-named": "Name the children, if there are any: who is not linked is not found.",
    "unknown-field": "Correct the field's name, or leave it out: it was ignored.",
}
"""By the flag's code. The event was accepted and told all the same: to mend it, send the whole
event again with a new id and with `supersedes`."""

ANY_REFUSAL = "Correct what is named, and send the event again."
ANY_FLAG = "Correct the field in your record."


def mend_refusal(code: str) -> str:
    """What to do about a refusal."""
    return REFUSALS.get(code, ANY_REFUSAL)


def mend_flag(code: str) -> str:
    """What to do about a flag."""
    return FLAGS.get(code, ANY_FLAG)
