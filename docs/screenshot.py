"""Take the README's pictures of the report: python docs/screenshot.py

Reads metrics/report.html of this checkout and writes docs/report-light.png and docs/report-dark.png: the top of the
page, in either colour scheme. Needs Chromium (`apt-get install chromium`) and Pillow, which comes with Matplotlib.
Run it on the sample's report: a report of real recordings holds results and words that are not for the README.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "metrics" / "report.html"
WIDTH, HEIGHT = 1200, 860  # pixels
COLOURS = 256  # of the palette
SCHEMES = {"light": 1, "dark": 0}  # Chromium's numbers for the setting preferredColorScheme
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
EXAMPLE = re.compile(r'<article class="example">.*?</article>', re.DOTALL)


def main() -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("error: Chromium is not installed; install it with: apt-get install chromium")
    if not REPORT.exists():
        sys.exit(f"error: {REPORT} is missing; make it with: dvc repro")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        # They are below the pictures, but what speakers said must not get into them in any case.
        page.write_text(EXAMPLE.sub("", REPORT.read_text(encoding="utf-8")), encoding="utf-8")
        for scheme in SCHEMES:
            taken = Path(folder) / f"{scheme}.png"
            photograph(browser, page, taken, scheme)
            target = ROOT / "docs" / f"report-{scheme}.png"
            shrink(taken, target)
            print(f"{target}: {target.stat().st_size / 1000:.0f} kB")


def photograph(browser: str, page: Path, target: Path, scheme: str) -> None:
    """Save the top of the page as Chromium shows it to readers who prefer this colour scheme."""
    command = [
        browser,
        "--headless",
        "--no-sandbox",  # it cannot start as root with one, and the page is ours
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={target.parent / 'profile'}",
        f"--window-size={WIDTH},{HEIGHT}",
        f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
        f"--screenshot={target}",
        page.as_uri(),
    ]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode or not target.exists():
        sys.exit(f"error: {browser} took no picture:\n{process.stderr}")


def shrink(source: Path, target: Path) -> None:
    """Save the picture with a palette: half the bytes. MAXCOVERAGE keeps the colours of small areas."""
    with Image.open(source) as picture:
        small = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    small.save(target, optimize=True)


if __name__ == "__main__":
    main()
