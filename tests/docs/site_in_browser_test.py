"""The built site in a headless browser, opened as a file: site_in_browser_test.py SITE PICTURES.

Nothing is fetched from elsewhere, the search answers, and no page is wider than a phone. Pictures are kept in the
folder PICTURES, to be looked at.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "serve"))
from web_driver import Browser, find_browser  # noqa: E402

SKIPPED = 77  # ctest's SKIP_RETURN_CODE
PAGES = ("index.html", "cli.html", "cluster.html", "reference/python/answers.html", "reference/cpp/span_qa.html")
VIEWS = {"light": (1280, 900, "light"), "dark": (1280, 900, "dark"), "phone": (390, 844, "light")}


def check_pages(browser, site, pictures, view):
    for page in PAGES:
        browser.open(f"file://{site}/{page}")
        name = f"{view}-{page.removesuffix('.html').replace('/', '-')}"
        browser.save_picture(pictures / f"{name}.png")
        wide = browser.run("return document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{name}: {wide} pixels wider than the window"


def check_search(browser, site):
    browser.open(f"file://{site}/index.html")
    browser.run("document.querySelector('.md-search__input').focus()")
    browser.type(".md-search__input", "fingerprint")
    browser.wait_for("results of the search", lambda: "passage_store.h" in browser.text(".md-search-result__list"))


def check_dark(browser):
    colour = browser.run("return getComputedStyle(document.body).backgroundColor")
    shades = [int(shade) for shade in colour.removeprefix("rgb(").rstrip(")").split(",")]
    assert max(shades) < 80, f"the dark page's background: {colour}"


def main(site, pictures):
    site, pictures, found = Path(site).resolve(), Path(pictures), find_browser()
    if found is None or not (site / "index.html").is_file():
        print("SKIPPED: no chromium and chromedriver, or the site is not built")
        return SKIPPED
    pictures.mkdir(parents=True, exist_ok=True)
    for view, settings in VIEWS.items():
        with Browser(*found) as browser:  # a new one each: the page remembers the colours that were chosen
            browser.set_view(*settings)
            check_pages(browser, site, pictures, view)
            if view == "dark":
                check_dark(browser)
            if view == "light":
                check_search(browser, site)
            assert browser.console() == []
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
