"""The home page: what is here, in plain words, and where to go. It shows no credential."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from deploy.laptop.pages import page, table

FIRST_EVENT_COMMAND = r"""curl -i http://127.0.0.1:{port}/v1/events \
  -H @{data}/demo/as-police.txt \
  -H 'Content-Type: application/json' \
  -H 'ce-specversion: 1.0' \
  -H 'ce-type: domestic-abuse.recorded' \
  -H 'ce-source: police.example' \
  -H "ce-id: paste-$(date +%s)-$RANDOM" \
  -H "ce-time: $(date -u +%Y-%m-%dT%H:%M:%SZ)" \
  --data @{data}/demo/first-event.json"""
"""A new event at each paste, from the folder of the checkout; the credential is in the file."""

_TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "first-event.md"
_STEPS = (
    ("Police post an event", "It is stored before the answer: 202 means committed."),
    ("The directory looks", "Which child is this, and who must know?"),
    ("Notices are composed", "Each recipient gets only what that recipient may see."),
    ("Notices are delivered", "A webhook to the school, a mailbox for the school nurse."),
    ("Somebody confirms", "If nobody does before the deadline, the next person is told."),
    ("The sender reads who knows", "Every step, with its time."),
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of this run answer."""

    port: int = 8000
    data: str = ".data"
    receiver_url: str = "http://127.0.0.1:8001"
    peer_url: str = "http://127.0.0.1:8002"


def home_routes(addresses: Addresses) -> APIRouter:
    """`GET /` and `GET /tutorial`."""
    router = APIRouter()
    text = page("What is here", _body(addresses))
    tutorial_page = page("Tutorial", _tutorial())

    @router.get("/", include_in_schema=False)
    async def home() -> HTMLResponse:
        return HTMLResponse(text)

    @router.get("/tutorial", include_in_schema=False)
    async def tutorial() -> HTMLResponse:
        return HTMLResponse(tutorial_page)

    return router


def _body(addresses: Addresses) -> str:
    links = [
        ('<a href="/docs">Programming interface</a>', "Every request, with its shapes"
         " (the page's own scripts come from the internet)"),
        ('<a href="/openapi.json">The same as OpenAPI</a>', "For tools"),
        ('<a href="/health/ready">Health</a>', "Ready means that each thing needed answers now"),
        ('<a href="/metrics">Metrics</a>', "For Prometheus"),
        (f'<a href="{escape(addresses.receiver_url)}/">The receiver</a>', "Stands for a school's"
         " system: the webhooks it got, each with its signature checked"),
        (f"<code>{escape(addresses.peer_url)}</code>", "Stands for a hospital's system: takes"
         " FHIR messages"),
    ]  # fmt: skip
    steps = "\n".join(f"<li><strong>{escape(a)}.</strong> {escape(b)}</li>" for a, b in _STEPS)
    command = escape(FIRST_EVENT_COMMAND.format(port=addresses.port, data=addresses.data))
    return f"""<h1>One event, from the police to everyone who must know</h1>
<p>When police record that a child may be a victim of domestic abuse, every school of that child
must be told before its next school day begins, the school nurse must know that something happened
but not what, and somebody must notice when nobody answers. This machine runs all of it, for a
partnership that does not exist.</p>
<h2 id="first">Try it</h2>
<p>In a second terminal, in the folder of the checkout:</p>
<pre tabindex="0">{command}</pre>
<p>The answer's <code>Location</code> is the event's progress: who was told, when, and who has
confirmed. The <a href="/tutorial">tutorial</a> goes on from there; one credential per agency is in
<code>{escape(addresses.data)}/demo.json</code>.</p>
<h2>What happens</h2>
<ol>
{steps}
</ol>
<h2>Where to look</h2>
{table("On this machine", ("Address", "What it is"), links)}
"""


def _tutorial() -> str:
    """The tutorial's own text, as it lies in `docs/`."""
    text = _TUTORIAL.read_text(encoding="utf-8") if _TUTORIAL.exists() else "docs/ is not here."
    return f'<h1>Tutorial</h1><pre tabindex="0">{escape(text)}</pre>'
