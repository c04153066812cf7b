"""What the site (mkdocs.yml) takes from outside docs/: README.md, experiments/, and what pages link to.

Links in pages go by their place in the repository, as GitHub reads them. In the site what is in docs/ lies
at its top and the rest where it is; links are written anew for that.
"""

import posixpath
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

DOCS = "docs/"
FLOORS = "<!-- floors of pyproject.toml -->"  # in a page: where the layers of the import contract come
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
_LINK = re.compile(r"(?<=\]\()([^)\s#:]+)(?=[#)])")


def on_config(config: Any) -> None:
    """Complete the navigation: decisions, and, as Further, pages that mkdocs.yml does not list."""
    root = Path(config.config_file_path).parent
    pages = [path.relative_to(root / DOCS).as_posix() for path in (root / DOCS).rglob("*.md")]
    pages += [path.relative_to(root).as_posix() for path in root.glob("experiments/*/*.md")]
    unlisted = sorted(set(pages) - set(_pages(config.nav)))
    decisions = [page for page in unlisted if page.startswith("decisions/")]
    further = [page for page in unlisted if page not in decisions]
    config.nav += [{"Decisions": decisions}] + ([{"Further": further}] if further else [])


def _pages(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for each in nav.values() if isinstance(nav, dict) else nav:
            yield from _pages(each)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages outside docs/, and every file that a page links to."""
    root = Path(config.config_file_path).parent
    pages = [*PAGES, *(path.relative_to(root).as_posix() for path in root.glob("experiments/*/*.md"))]
    for place in pages:
        files.append(File.generated(config, place, abs_src_path=str(root / place)))
    for page in list(files.documentation_pages()):
        for linked in _LINK.findall(Path(page.abs_src_path).read_text("utf-8")):
            place = _linked(page.src_uri, linked)
            source = root / place
            uri = place.removeprefix(DOCS)
            if source.is_file() and files.get_file_from_path(uri) is None:
                files.append(File.generated(config, uri, abs_src_path=str(source)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Links from where a page lies in the repository become links from where it lies in the site."""
    uri = page.file.src_uri
    if FLOORS in markdown:
        markdown = markdown.replace(FLOORS, f"```text\n{_floors(Path(config.config_file_path).parent)}\n```")

    def moved(found: re.Match[str]) -> str:
        site = _linked(uri, found[1]).removeprefix(DOCS)
        return posixpath.relpath(site, posixpath.dirname(uri) or ".")

    return _LINK.sub(moved, markdown)


def _floors(root: Path) -> str:
    """The layers of the first import contract, a line each."""
    with (root / "pyproject.toml").open("rb") as file:
        return "\n".join(tomllib.load(file)["tool"]["importlinter"]["contracts"][0]["layers"])


def _linked(uri: str, link: str) -> str:
    """Place in the repository of what a page of the site links to."""
    outside = uri in PAGES or uri.startswith("experiments/")
    place = uri if outside else DOCS + uri
    return posixpath.normpath(posixpath.join(posixpath.dirname(place), link))
