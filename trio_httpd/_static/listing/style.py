"""Listing style: how the page of a listing looks, and what it may load.

The one style of every such page, and the policy that lets a browser take this style and
nothing else: no name of a file, however it was made to look like markup, can bring in a
script, a picture or a form.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from urllib.parse import quote

_ARROW_UP = "M8 13.5v-10M3.5 8 8 3.5 12.5 8"
_FILE = "M3.5 1.5H9L12.5 5v9.5h-9zM9 1.5V5h3.5"
_FOLDER = "M1.5 13.5v-11h5l1.5 2h6.5v9z"


def _picture(path: str, fill: str = "none", stroke: str = "black") -> str:
    """Return the URL of a picture of 16 by 16 that is one path."""
    look = f"fill='{fill}' stroke='{stroke}' stroke-linejoin='round'"
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' {look}>"
    return "data:image/svg+xml," + quote(f"{svg}<path d='{path}'/></svg>", safe="/:='")


ICON = _picture(_FOLDER, "steelblue", "steelblue")
"""What a browser shows beside the title; so it does not ask for an icon in vain."""

STYLE = f"""
:root {{
  color-scheme: light dark;
  --page: #fcfcfb; --text: #1f2328; --faint: #59616b; --line: #e3e5e8;
  --link: #0a58ca; --over: #eff3f9; --mark: #9a3412; --marked: #fdebdc;
}}
@media (prefers-color-scheme: dark) {{
  :root {{
    --page: #15181d; --text: #e4e7eb; --faint: #9aa4b2; --line: #2a3038;
    --link: #86b6fb; --over: #1e2530; --mark: #fdba74; --marked: #3b2a1d;
  }}
}}
html {{ scroll-padding-top: 3rem; }}
* {{ box-sizing: border-box; }}
body {{
  margin: 0 auto; max-width: 62rem; padding: clamp(1rem, 4vw, 2.5rem);
  background: var(--page); color: var(--text);
  font: 1rem/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}}
a {{ color: var(--link); text-decoration: none; }}
a:hover {{ text-decoration: underline; text-underline-offset: .2em; }}
a:focus-visible {{ outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px; }}
bdi {{ white-space: break-spaces; overflow-wrap: anywhere; }}
bdi span {{
  margin: 0 .1em; padding: 0 .25em; border-radius: .25em; font-size: .85em;
  white-space: nowrap; color: var(--mark); background: var(--marked);
}}
h1 {{ position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }}
nav {{ font-size: clamp(1.15rem, 4vw, 1.5rem); line-height: 1.3; }}
nav ol {{
  display: flex; flex-wrap: wrap; align-items: baseline; margin: 0; padding: 0; list-style: none;
}}
nav li {{ display: flex; align-items: baseline; font-weight: 650; }}
nav li + li::before {{
  content: "\\203a"; content: "\\203a" / ""; margin: 0 .4em; color: var(--faint);
}}
nav a, nav li::before {{ font-weight: 400; }}
nav a {{ margin: 0 -.35em; padding: .15em .35em; }}
table {{
  width: calc(100% + 1.5rem); margin: 0 -.75rem; border-collapse: collapse;
  font-variant-numeric: tabular-nums;
}}
caption {{ padding: .25rem .75rem 1.25rem; text-align: start; color: var(--faint); }}
th {{ font-weight: inherit; text-align: start; }}
th, td {{ padding: 0 .75rem; border-bottom: 1px solid var(--line); vertical-align: baseline; }}
td {{ color: var(--faint); white-space: nowrap; text-align: end; }}
thead th {{
  position: sticky; top: 0; z-index: 1; background: var(--page);
  border: 0; box-shadow: inset 0 -2px var(--line); font-size: .9rem; white-space: nowrap;
}}
thead th:first-child {{ width: 100%; }}
thead th + th {{ text-align: end; }}
thead a {{ display: inline-block; padding: .5rem 0; color: var(--faint); font-weight: 600; }}
thead [aria-sort] a {{ color: var(--text); }}
[aria-sort] a::after {{ content: " \\2191"; content: " \\2191" / ""; }}
[aria-sort=descending] a::after {{ content: " \\2193"; content: " \\2193" / ""; }}
tbody tr:hover {{ background: var(--over); }}
tbody a {{ display: block; position: relative; padding: .45rem 0 .45rem 1.75rem; }}
tbody a::before {{
  content: ""; position: absolute; left: 0; top: .65rem; width: 1.05rem; height: 1.05rem;
  background: var(--faint); mask: url("{_picture(_FILE)}");
}}
tbody a[href$="/"] {{ font-weight: 550; }}
tbody a[href$="/"]::before {{ background: var(--link); mask: url("{_picture(_FOLDER, "black")}"); }}
tbody a[rel] {{ font-weight: inherit; }}
tbody a[rel]::before {{ background: var(--faint); mask: url("{_picture(_ARROW_UP)}"); }}
@media (max-width: 40rem) {{
  tr > :nth-child(3) {{ display: none; }}
}}
"""

_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()

POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
"""The value of ``Content-Security-Policy``; pictures are those in the style (CSP 3 §6.1)."""
