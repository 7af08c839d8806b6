"""Whether every page fits a screen of 400 pixels: a browser loads all of them in frames of that width and measures."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WIDTH = 400
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Seconds after which a browser that says nothing is given up.
PATIENCE = 900
MEASURE = """<!doctype html><meta charset="utf-8"><body><script>
const pages = PAGES, found = {};
async function next(frame) {
  while (pages.length) {
    const page = pages.pop();
    await new Promise(done => { frame.onload = done; frame.src = "/" + page; });
    found[page] = frame.contentDocument.scrollingElement.scrollWidth;
  }
}
const frames = [...Array(4)].map(() => document.body.appendChild(document.createElement("iframe")));
for (const frame of frames) { frame.width = WIDTH; frame.height = 800; frame.style.border = 0; }
Promise.all(frames.map(next)).then(() => fetch("/found", {method: "POST", body: JSON.stringify(found)}));
</script>"""


class _Handler(SimpleHTTPRequestHandler):
    """The files of a site, the page that measures them, and what it found."""

    def do_GET(self) -> None:
        if self.path != "/measure":
            return super().do_GET()
        pages = json.dumps(
            [path.relative_to(self.directory).as_posix() for path in Path(self.directory).rglob("*.html")]
        )
        text = MEASURE.replace("PAGES", pages).replace("WIDTH", str(WIDTH)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_POST(self) -> None:
        self.server.found = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.done.set()

    def log_message(self, *_: Any) -> None:
        pass


def browser() -> str | None:
    """A browser that can measure, if there is one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def widths(site: Path, program: str) -> dict[str, int]:
    """The width in pixels that each page of a site takes on a narrow screen."""
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(site))) as server,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
    ):
        server.found, server.done = {}, threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}"]
        address = f"http://127.0.0.1:{server.server_port}/measure"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        # With a port for debugging the browser stays until it is ended.
        running = subprocess.Popen([program, *options, "--remote-debugging-port=0", address], **quiet)
        try:
            server.done.wait(PATIENCE)
        finally:
            running.terminate()
            running.wait()
            server.shutdown()
    return server.found


def wide(site: Path, program: str) -> Iterator[str]:
    """One sentence for each page that a narrow screen cuts off."""
    found = widths(site, program)
    if not found:
        yield f"{program} measured no page within {PATIENCE} seconds"
    yield from (
        f"{page}: is {width} pixels wide on a screen of {WIDTH}"
        for page, width in sorted(found.items())
        if width > WIDTH
    )
