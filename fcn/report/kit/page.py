"""One HTML page: text, tables and figures in a single file that asks for nothing else."""

import html
from dataclasses import dataclass, field
from pathlib import Path

from fcn.report.kit.picture import Picture
from fcn.report.kit.table import Table

_CSS_PX_PER_IN = 96
_SHEET = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --quiet: #555; --rule: #d9d9d9;
        --band: #f5f6f7; --warn: #a34700; --good: #00619a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e4e4; --paper: #16181b; --quiet: #a8adb3; --rule: #3a3e44; --band: #1f2226;
          --warn: #f0955a; --good: #6cb8e8; }
}
body { font: 15px/1.5 system-ui, "Segoe UI", "Liberation Sans", sans-serif; color: var(--ink);
       background: var(--paper); max-width: 70rem; margin: 2rem auto; padding: 0 1.2rem;
       overflow-wrap: break-word; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .3rem; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--rule); }
p { max-width: 46rem; margin: .4rem 0 .8rem; }
.lead { color: var(--quiet); }
.flag { display: inline-block; padding: .05rem .55rem; border: 1.5px solid currentColor; border-radius: .3rem;
        font-weight: 600; font-size: .85rem; letter-spacing: .02em; }
.warn { color: var(--warn); } .good { color: var(--good); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums;
        margin: .4rem 0 1rem; }
th, td { padding: .2rem .6rem; text-align: right; white-space: nowrap; }
th { border-bottom: 1.5px solid var(--ink); font-weight: 600; vertical-align: bottom; white-space: normal; }
th.left, td.left { text-align: left; }
td.left:last-child { white-space: normal; min-width: 7.5rem; }
td.prose { white-space: normal; min-width: 8rem; overflow-wrap: anywhere; }
td.prose:first-child { min-width: 13rem; }
tbody tr:nth-child(even) { background: var(--band); }
caption, figcaption { text-align: left; color: var(--quiet); font-size: .85rem; max-width: 50rem; }
figure { margin: .6rem 0 1.2rem; overflow-x: auto; } img { max-width: 100%; height: auto; }
@media (max-width: 45rem) { img { max-width: none; } }  /* a figure is scrolled rather than shrunk */
"""


@dataclass
class Page:
    """Collects the parts of a page in order."""

    title: str
    parts: list[str] = field(default_factory=list)

    def heading(self, text: str) -> None:
        """A section."""
        self.parts.append(f"<h2>{html.escape(text)}</h2>")

    def text(self, text: str, kind: str = "") -> None:
        """A paragraph; kind is a class of the style sheet."""
        self.parts.append(f'<p class="{kind}">{html.escape(text)}</p>')

    def flag(self, text: str, kind: str) -> None:
        """A label that cannot be overlooked."""
        self.parts.append(f'<p><span class="flag {kind}">{html.escape(text)}</span></p>')

    def table(self, table: Table) -> None:
        """A table; wide ones scroll in their own frame."""
        self.parts.append(f'<div class="scroll">{table.to_html()}</div>')

    def picture(self, picture: Picture, alternative: str, caption: str = "") -> None:
        """A figure, embedded; the alternative text is read where it cannot be seen."""
        note = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
        width_px = round(picture.width_in * _CSS_PX_PER_IN)  # type keeps its size from figure to figure
        image = f'<img src="{picture.data_uri}" width="{width_px}" alt="{html.escape(alternative)}">'
        self.parts.append(f"<figure>{image}{note}</figure>")

    def write(self, path: Path) -> None:
        """Write the page."""
        title, body = html.escape(self.title), "\n".join(self.parts)
        path.write_text(
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{title}</title><style>{_SHEET}</style></head>\n"
            f"<body><h1>{title}</h1>\n{body}\n</body></html>\n",
            encoding="utf-8",
        )
