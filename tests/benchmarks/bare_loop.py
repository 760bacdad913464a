"""The baseline of deliveries: one aiohttp session posting prepared bodies, and nothing else.

`python -m tests.benchmarks.bare_loop URL COUNT CONCURRENCY`.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from uuid import uuid4

import aiohttp
import uvloop


async def main(url: str, count: int, concurrency: int) -> None:
    """Post every body once, so many at a time."""
    now = datetime.now(UTC).isoformat()
    waiting = []
    for _ in range(count):
        notice = str(uuid4())
        body = (
            f'{{"type":"notice.waiting","timestamp":"{now}","data":{{"notice":"{notice}",'
            f'"url":"http://127.0.0.1:8000/v1/notices/{notice}"}}}}'
        ).encode()
        headers = {
            "webhook-id": notice,
            "webhook-timestamp": "1700000000",
            "webhook-signature": "v1," + "A" * 43 + "=",
            "Content-Type": "application/json",
        }
        waiting.append((body, headers))

    async def post(session: aiohttp.ClientSession) -> None:
        while waiting:
            body, headers = waiting.pop()
            async with session.post(url, data=body, headers=headers) as answer:
                await answer.read()

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(post(session) for _ in range(concurrency)))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
