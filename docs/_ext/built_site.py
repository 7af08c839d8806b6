"""What may be wrong with the site that was built: links that lead nowhere, the network, heavy pages."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# A page with all that it loads.
LARGEST = 1_000_000
# Atlases hold all of their cells.
HEAVY = ("atlas.html", "relu_atlas.html", "atlases.html")
# What of an element is loaded with the page.
LOADED = {"script": "src", "img": "src", "source": "src", "iframe": "src", "video": "src", "audio": "src"}
# The links of these are not loaded by browsers before they are followed.
FOLLOWED = {"index", "search", "next", "prev", "canonical", "alternate", "author", "copyright"}


class Page(HTMLParser):
    """What a page links to, loads, and can be linked to at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element."""
        found = {name: value or "" for name, value in attrs}
        self.anchors.update(found[name] for name in ("id", "name") if name in found)
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and not FOLLOWED & set(found.get("rel", "").split()):
            self.loads.append(found.get("href", ""))
        if tag in LOADED and found.get(LOADED[tag]):
            self.loads.append(found[LOADED[tag]])


def faults(site: Path) -> Iterator[str]:
    """One sentence for each thing that is wrong."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    if not pages:
        yield f"{site} has no pages"
    for path, page in pages.items():
        name = path.relative_to(site.resolve()).as_posix()
        # The page of an atlas makes its links and anchors as it is read.
        if name not in HEAVY[:2]:
            yield from (
                f"{name}: the link {link} leads nowhere" for link in page.links if not _found(link, page, pages)
            )
        yield from (f"{name}: {load} is loaded from the network" for load in page.loads if _foreign(load))
        if name not in HEAVY and (size := _size(page)) > LARGEST:
            yield f"{name}: has {size:,} bytes with what it loads; at most {LARGEST:,} are allowed"


def _foreign(link: str) -> bool:
    parts = urlsplit(link)
    return bool(parts.netloc) or parts.scheme in ("http", "https")


def _target(link: str, page: Page) -> Path:
    path = unquote(urlsplit(link).path)
    return (page.path.parent / path).resolve() if path else page.path.resolve()


def _found(link: str, page: Page, pages: dict[Path, Page]) -> bool:
    if _foreign(link) or urlsplit(link).scheme:
        return True
    target, anchor = _target(link, page), unquote(urlsplit(link).fragment)
    if target.name in HEAVY[:2]:
        return target.is_file()
    if target in pages:
        return not anchor or anchor in pages[target].anchors
    return target.is_file()


def _size(page: Page) -> int:
    loaded = {_target(link, page) for link in page.loads if not _foreign(link) and not link.startswith("data:")}
    # Pictures below the first screen wait until they are seen, and count all the same.
    return page.path.stat().st_size + sum(path.stat().st_size for path in loaded if path.is_file())
