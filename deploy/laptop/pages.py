"""The plain pages of a laptop: HTML without scripts and without anything fetched from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #0b0c0c; --paper: #fff; --quiet: #505a5f;
  --line: #b1b4b6; --link: #1a65a6; --band: #12436d; --soft: #f3f2f1; }
@media (prefers-color-scheme: dark) { :root { --ink: #f3f2f1; --paper: #14181b; --quiet: #b1b4b6;
  --line: #505a5f; --link: #8fc1ec; --soft: #22282c; } }
* { box-sizing: border-box; }
body { margin: 0; font: 1.0625rem/1.5 system-ui, "Segoe UI", Arial, sans-serif;
  color: var(--ink); background: var(--paper); }
header { background: var(--band); color: #fff; padding: 1rem 0; }
header p { margin: 0; font-weight: 600; }
header p + p { font-weight: 400; }
header > div, main, footer { max-width: 60rem; margin: 0 auto; padding: 0 1.25rem; }
main { padding-top: 1.5rem; padding-bottom: 2.5rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 1rem; }
h2 { font-size: 1.35rem; margin: 2.25rem 0 .75rem; }
p, li { max-width: 42rem; }
a { color: var(--link); text-underline-offset: .15em; }
a:focus-visible, pre:focus-visible, .scroll:focus-visible { outline: 3px solid #ffdd00;
  outline-offset: 1px; box-shadow: 0 0 0 4px #0b0c0c; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .55rem 1.25rem .55rem 0;
  border-bottom: 1px solid var(--line); }
td:first-child { white-space: nowrap; }
caption { text-align: left; color: var(--quiet); padding-bottom: .4rem; }
code, pre { font: .9375rem/1.5 ui-monospace, "SFMono-Regular", Consolas, monospace; }
pre { background: var(--soft); border-left: 4px solid var(--band); padding: 1rem;
  overflow-x: auto; }
.scroll { overflow-x: auto; }
.note { color: var(--quiet); }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 1rem; background: #ffdd00; color: #0b0c0c; padding: .5rem; }
footer { border-top: 1px solid var(--line); padding-top: 1rem; padding-bottom: 2rem; }
"""


def page(title: str, body: str) -> str:
    """A whole page. `body` is HTML already; `title` is text."""
    return f"""<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} – Safeguarding Bus</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header><div><p>Safeguarding Bus</p>
<p>Demonstration with synthetic data: nobody here is real</p></div></header>
<main id="content">
{body}
</main>
<footer><p class="note">Runs on this machine only. Nothing is fetched from elsewhere.</p></footer>
</body>
</html>
"""


def table(caption: str, heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table. The cells are HTML already; the caption and the heads are text."""
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    lines = "\n".join(
        "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>\n{lines}\n</tbody></table></div>"
    )
