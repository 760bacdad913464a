"""The demonstration's recipient system: takes webhooks, verifies them, shows and logs ids only.

It is what a school's own system would do at the least: check the signature with somebody else's
library (`standardwebhooks`), answer 204, and never log what a notice says.
"""

from __future__ import annotations

import json
import socket
from collections import deque
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from chassis.clock import now
from deploy.laptop.pages import page, table

KEPT = 200
"""How many webhooks the page and `/received` remember; the log file keeps all."""

_LIMIT_BYTES = 64 * 1024


class Receiver:
    """An HTTP server on loopback: `POST /hooks/{organisation}`, `GET /`, `GET /received`.

    Args:
        port: where to listen; 0 takes any free one.
        secrets: the signing secret (`whsec_…`) of each organisation that is received for.
        log_file: one JSON line per request is appended here.
        say: told one readable line per signed webhook.
    """

    def __init__(
        self,
        port: int,
        secrets: Mapping[str, str],
        log_file: Path,
        say: Callable[[str], None] = print,
    ) -> None:
        self.port = port
        self.received: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._hooks = {organisation: Webhook(secret) for organisation, secret in secrets.items()}
        self._log_file = log_file
        self._say = say
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def hook_url(self, organisation: str) -> str:
        """Where this organisation's webhooks go."""
        return f"{self.url}/hooks/{organisation}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_LIMIT_BYTES)
        app.add_routes(
            [
                web.post("/hooks/{organisation}", self._take),
                web.get("/received", self._list),
                web.get("/", self._show),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        await self._runner.setup()
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        await web.SockSite(self._runner, listener).start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        """One webhook: 204 when signed for this organisation, 401 otherwise."""
        organisation = request.match_info["organisation"]
        hook = self._hooks.get(organisation)
        if hook is None:
            return web.Response(status=404, text="No such recipient here.\n")
        body = await request.read()
        try:
            content = hook.verify(body, dict(request.headers))
        except (WebhookVerificationError, ValueError):
            self._record({"organisation": organisation, "verified": False, "message": ""})
            self._say(f"webhook REFUSED for {organisation}: the signature is not right")
            return web.Response(status=401, text="The signature is not right.\n")
        message = request.headers.get("webhook-id", "")
        self._record(
            {
                "organisation": organisation,
                "verified": True,
                "message": message,
                "body": content,
            }
        )
        self._say(f"webhook received for {organisation}: signed, message {message}")
        return web.Response(status=204)

    def _record(self, entry: dict[str, Any]) -> None:
        entry = {"at": now().isoformat(timespec="milliseconds"), **entry}
        self.received.appendleft(entry)
        with self._log_file.open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response({"received": list(self.received)})

    async def _show(self, _: web.Request) -> web.Response:
        rows = [
            (
                f"<time>{escape(entry['at'])}</time>",
                escape(entry["organisation"]),
                "signature right" if entry["verified"] else "<strong>refused</strong>",
                f"<code>{escape(entry['message'])}</code>",
            )
            for entry in self.received
        ]
        what = (
            table(
                f"The last {len(rows)}, newest first",
                ("When (UTC)", "For", "Signature", "Message id"),
                rows,
            )
            if rows
            else "<p>None yet. Post an event with the <code>curl</code> line that"
            " <code>make run</code> printed.</p>"
        )
        body = (
            "<h1>Webhooks received</h1>"
            "<p>This page stands for a school's own system. A webhook says only that a notice"
            " waits, and where; its content is fetched with the school's credential.</p>"
            '<p><a href="/">Look again</a>, or <a href="/received">read them as JSON</a>.</p>'
            + what
        )
        return web.Response(text=page("Webhooks received", body), content_type="text/html")
