"""Looks at every page of the built site in a browser, at three widths, light and dark.

`python docs/site/look.py build/site` prints what is wrong, and fails if anything is: a table that
is cut, a page that is wider than the window, an image that is missing, an address outside of the
site for what a page shows, an error in the console. It needs playwright and its browser
(`pip install playwright && playwright install chromium`), or another Chromium.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDTHS = (400, 800, 1400)
WIDE = 1400  # Here tables need no scrolling, but for those of all metrics in the explorer.
HEIGHT = 900
# A page of the explorer follows the browser; one of mkdocs has a button.
TO_DARK = "document.querySelector('label[for=__palette_1]')?.click(); scrollTo(0, 0);"
# Opens the folds, and returns what is wrong with the page as it stands in the window.
FAULTS = """
wide => {
  const found = [];
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  const page = document.scrollingElement;
  if (page.scrollWidth > innerWidth) found.push(`the page is ${page.scrollWidth} pixels wide`);
  for (const shown of document.querySelectorAll("table, .drawing > svg, article > p > img")) {
    const edge = shown.getBoundingClientRect();
    if (edge.width === 0) continue;
    const text = (shown.querySelector("th, text") ?? shown).textContent || shown.alt;
    const boxes = [];
    for (let box = shown; box !== document.body; box = box.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)) boxes.push(box);
    }
    const scrolled = boxes.find((box) => box.scrollWidth > box.clientWidth + 1);
    const room = (shown.closest("article") ?? page).getBoundingClientRect().right;
    if (scrolled && wide && shown.closest("article")) {
      found.push(`${scrolled.scrollWidth} pixels in ${scrolled.clientWidth}: ${text.slice(0, 40)}`);
    } else if (!scrolled && edge.right > room + 1) found.push(`cut: ${text.slice(0, 40)}`);
    else if (scrolled && scrolled.getBoundingClientRect().right > innerWidth + 1) {
      found.push(`its box is cut: ${text.slice(0, 40)}`);
    }
  }
  for (const image of document.images) {
    if (image.complete && image.naturalWidth === 0) found.push(`no image: ${image.src}`);
  }
  const title = document.querySelector("h1");
  if (!title) found.push("no title");
  else if (title.getBoundingClientRect().top > innerHeight / 3) found.push("starts without title");
  return found;
}
"""


def main() -> int:
    """Prints every fault once, with the windows in which it was seen; returns the exit code."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("--pages", nargs="*", help="addresses such as papers/swav/; default: all")
    parser.add_argument("--images", type=Path, help="a folder for an image of each window")
    parser.add_argument("--browser", help="a Chromium of the system; default: playwright's own")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright  # after the options, which need no browser

    handler = partial(_Quiet, directory=options.site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as started:
        Thread(target=server.serve_forever, daemon=True).start()
        browser = started.chromium.launch(executable_path=options.browser)
        address = f"http://127.0.0.1:{server.server_port}/"
        faults: dict[str, list[str]] = {}
        for path in options.pages or sorted(_pages(options.site)):
            for window, fault in _look(browser, address, path, options.images):
                faults.setdefault(f"{path or 'home'}: {fault}", []).append(window)
        browser.close()
        server.shutdown()
    for fault, windows in faults.items():
        print(f"{fault} ({', '.join(windows)})")
    print(f"{len(faults)} faults")
    return bool(faults)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing of a request."""


def _pages(site: Path) -> Iterator[str]:
    for path in site.rglob("*.html"):
        uri = path.relative_to(site).as_posix()
        if uri != "404.html":
            yield uri.removesuffix("index.html")


def _look(
    browser: "Browser", address: str, path: str, images: Path | None
) -> Iterator[tuple[str, str]]:
    """Yields the window and the fault."""
    said: list[str] = []
    page = browser.new_page(viewport={"width": WIDE, "height": HEIGHT})
    page.on("console", lambda it: said.append(it.text) if it.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "request",
        lambda it: None if it.url.startswith((address, "data:")) else said.append(f"asks {it.url}"),
    )
    page.goto(address + path, timeout=120_000)
    for scheme in ("light", "dark"):
        if scheme == "dark":
            page.emulate_media(color_scheme="dark")
            page.evaluate(TO_DARK)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            if images:
                name = path.strip("/").replace("/", "-") or "home"
                page.screenshot(path=images / f"{name}-{width}-{scheme}.png")
            for fault in page.evaluate(FAULTS, width == WIDE):
                yield f"{width} {scheme}", fault
    page.close()
    for words in said:
        yield "any", words


if __name__ == "__main__":
    sys.exit(main())
