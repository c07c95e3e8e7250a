"""The service's page in a headless browser: page_test.py TOOL MODEL PICTURES.

Paste, ask, see the answer marked, choose a runner-up, encode, ask by id; with a key; by keyboard. Pictures of each view
are kept in the folder PICTURES, to be looked at.
"""

import json
import pathlib
import sys
import tempfile
import urllib.request

from service_process import Service, skip
from web_driver import Browser, find_browser

TEXT = ("\U0001f3ed Dick Kerr & Co. built trams in Preston. Its women's football team began in 1917, when munition workers beat "
        "the men of the factory. Lily Parr joined them at fourteen and scored more than nine hundred goals before she stopped "
        "in 1951. In 1921 the Football Association forbade women to play on the grounds of its clubs; the ban held for "
        "fifty years.")
# The first piece of a file is sent, the second waits to be stopped. What the store holds comes when the test says so.
HOLD_THE_SECOND_PIECE = """
    const real = window.fetch;
    let posts = 0;
    window.let_go = () => { window.fetch = real; };
    const told = new Promise((go) => { window.tell = go; });
    window.fetch = (path, options) => {
      if (path === "/v1/info") return told.then(() => real(path, options));
      if (path !== "/v1/passages" || ++posts < 2) return real(path, options);
      return new Promise((_, reject) => options.signal.addEventListener("abort", () => reject(options.signal.reason)));
    };
    window.posts_so_far = () => posts;"""
VIEWS = {"desktop": (1280, 860), "phone": (390, 844)}


class PageTest:
    def __init__(self, browser, service, pictures):
        self.browser = browser
        self.service = service
        self.pictures = pictures

    def open(self):
        self.browser.open(self.service.url + "/")
        self.browser.wait_for("what the service is", lambda: "layers" in self.browser.text("#facts"))

    def picture(self, name):
        for view, (width, height) in VIEWS.items():
            for scheme in ("light", "dark"):
                self.browser.set_view(width, height, scheme)
                self.browser.save_picture(self.pictures / f"{name}-{view}-{scheme}.png")
                wide = self.browser.run("return document.documentElement.scrollWidth")
                assert wide <= width, f"{name}: {wide} pixels wide in a window of {width}"
        self.browser.set_view(*VIEWS["desktop"], "light")

    def ask(self, question):
        browser = self.browser
        browser.clear("#question")
        browser.type("#question", question)
        browser.click("#ask")
        browser.wait_for("the end of asking", lambda: not browser.run("return document.querySelector('#ask').disabled"))
        assert not browser.visible("#fault"), browser.text("#fault")

    def marked(self):
        return self.browser.text("mark.chosen")

    # ---- What is tested ----

    def policy_is_strict(self):
        with urllib.request.urlopen(self.service.url + "/") as response:
            policy = response.headers["Content-Security-Policy"]
            page = response.read().decode()
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy, policy
        for way_out in ('src="http', "url(http", "@import", "//cdn"):
            assert way_out not in page, way_out
        # It is the policy that holds: a script of another's is not run.
        self.browser.run("const s = document.createElement('script'); s.textContent = 'window.intruder = 1';"
                         "document.body.append(s)")
        assert self.browser.run("return window.intruder ?? 0") == 0
        assert any("Content Security Policy" in line for line in self.browser.console())

    def answers_what_is_pasted(self):
        browser = self.browser
        browser.type("#passage", TEXT)
        self.ask("Who scored more than nine hundred goals?")
        assert self.marked() == "Lily Parr", self.marked()
        assert browser.text("#answer-text") == "Lily Parr"
        assert "Probability" in browser.text("#answer-note")
        assert "Answer: Lily Parr" in browser.text("#status")
        assert browser.text("#reading") == TEXT
        # It was kept, asked again, and both times are there.
        browser.wait_for("cold and warm", lambda: len(browser.run("return [...document.querySelectorAll('.bars .name')]")) == 2)
        assert "1 passage in lmdb" in browser.text("#facts"), browser.text("#facts")
        assert browser.visible("#reuse") and "One question" in browser.text("#curve-note")

    def shows_runners_up(self):
        browser = self.browser
        before = self.marked()
        runners = browser.run("return [...document.querySelectorAll('.runner')].map(e => e.ariaPressed)")
        assert runners == ["true"] + ["false"] * (len(runners) - 1) and len(runners) > 1, runners
        browser.click("#runner-list li:nth-child(2) button")
        assert self.marked() != before and self.marked() == browser.text("#answer-text")
        assert browser.run("return document.querySelectorAll('.runner')[1].ariaPressed") == "true"
        browser.click("#runner-list li:nth-child(1) button")
        assert self.marked() == before

    def reuse_curve_grows(self):
        for question in ("When did the team begin?", "Where were trams built?", "How long did the ban hold?"):
            self.ask(question)
        assert "4 questions" in self.browser.text("#curve-note"), self.browser.text("#curve-note")
        assert self.browser.run("return document.querySelectorAll('#curve circle').length") == 10
        self.picture("ask")

    # As after a restart with a store in memory: the page has the text, the store has it no more.
    def asks_again_what_has_gone(self):
        stored = json.loads(self.service.request("GET", "/v1/passages")[1])["passages"]
        assert len(stored) == 1, stored
        path = "/v1/passages/" + stored[0]["id"]
        assert self.service.request("DELETE", path)[0] == 204
        self.ask("Who scored more than nine hundred goals?")
        assert self.marked() == "Lily Parr", self.marked()
        assert self.service.request("GET", path)[0] == 200
        # The browser notes that a request by the old id found nothing.
        told = self.browser.console()
        assert all("404" in line for line in told), told

    def encodes_files(self):
        browser = self.browser
        browser.click("#tab-encode")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "towns.ndjson"
            lines = [{"id": f"town-{i:03}", "text": f"Town number {i} lies at the river {i}."} for i in range(150)]
            path.write_text("\n".join(map(json.dumps, lines)) + "\nbroken\n", encoding="utf-8")
            browser.click("#encode-source label:nth-of-type(2)")
            browser.type("#encode-file", str(path))
            browser.click("#encode")
            browser.wait_for("the file to be encoded", lambda: "Done" in browser.text("#encode-note"))
        assert browser.text("#encode-stored") == "150", browser.text("#encode-stored")
        assert browser.text("#encode-failed") == "1"
        assert "Line 151: column 1: broken JSON" in browser.text("#encode-faults"), browser.text("#encode-faults")
        browser.wait_for("the store's size", lambda: "151 passages" in browser.text("#facts"))
        self.picture("encode")

    def encodes_a_text(self):
        browser = self.browser
        browser.click("#encode-source label:nth-of-type(1)")
        browser.type("#encode-id", "parr")
        browser.type("#encode-text", TEXT)
        browser.click("#encode")
        browser.wait_for("the text to be encoded", lambda: browser.text("#encode-stored") == "1")

    def encodes_again_after_a_stop(self):
        browser = self.browser
        browser.run(HOLD_THE_SECOND_PIECE)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "hills.ndjson"
            lines = [{"id": f"hill-{i:03}", "text": f"Hill number {i} is bare."} for i in range(65)]
            path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
            browser.click("#encode-source label:nth-of-type(2)")
            browser.type("#encode-file", str(path))
            browser.click("#encode")
            browser.wait_for("the second piece", lambda: browser.run("return window.posts_so_far()") == 2)
            assert browser.run("return document.querySelector('#encode').disabled")
            browser.click("#encode-stop")
            browser.wait_for("the stop", lambda: "Stopped" in browser.text("#encode-note"))
            browser.run("window.tell()")
            browser.wait_for("the store's size", lambda: "216 passages" in browser.text("#facts"))
            assert not browser.run("return document.querySelector('#encode').disabled")
            browser.run("window.let_go()")
            browser.click("#encode")
            browser.wait_for("the file to be encoded", lambda: "Done" in browser.text("#encode-note"))
        assert browser.text("#encode-stored") == "65", browser.text("#encode-stored")

    def asks_by_id(self):
        browser = self.browser
        browser.click("#tab-ask")
        browser.click("#source label:nth-of-type(2)")
        browser.wait_for("the list", lambda: "50 and more" in browser.text("#stored-note"))
        browser.click("#stored-more")
        browser.wait_for("more of it", lambda: "100 and more" in browser.text("#stored-note"))
        browser.type("#search", "pa")
        browser.wait_for("what was searched", lambda: browser.text("#stored-list") == "parr")
        # By the keyboard: arrows pick in the list.
        browser.run("document.querySelector('#stored-list').focus()")
        browser.press("\ue015")
        browser.wait_for("the passage", lambda: browser.text("#reading") == TEXT)
        self.ask("Who scored more than nine hundred goals?")
        assert self.marked() == "Lily Parr"
        self.picture("stored")

    def documents_itself(self):
        browser = self.browser
        browser.run("document.querySelector('#tab-ask').focus()")
        browser.press("\ue014")
        browser.press("\ue014")
        assert browser.run("return document.activeElement.id") == "tab-api"
        browser.wait_for("the routes", lambda: browser.text("#api-list") != "")
        paths = browser.run("return [...document.querySelectorAll('.operation')].map("
                            "e => e.querySelector('.method').textContent + ' ' + e.querySelector('.path').textContent)")
        assert "POST /v1/answer" in paths and "GET /v1/passages" in paths and "GET /livez" in paths, paths
        browser.click(".operation summary")
        # As it is: curl's -d drops the line feeds of a file.
        curl = browser.run("return [...document.querySelectorAll('.operation pre')].map(e => e.textContent)"
                           ".filter(line => line.includes('@body'))")
        assert len(curl) > 3 and all(line.endswith("--data-binary @body") for line in curl), curl
        assert "top_k" in browser.text(".operation") and "passages[].text" in browser.text(".operation")
        self.picture("api")

    def names_all_controls(self):
        unnamed = self.browser.run("""
            return [...document.querySelectorAll('button, input, textarea, [role=listbox], [role=tabpanel], progress')]
              .filter(e => !(e.labels?.length || e.ariaLabel || e.getAttribute('aria-labelledby') || e.textContent.trim()))
              .map(e => e.outerHTML)""")
        assert unnamed == [], unnamed

    def shows_faults(self):
        browser = self.browser
        browser.click("#tab-ask")
        browser.click("#source label:nth-of-type(1)")
        browser.clear("#question")
        browser.click("#ask")
        browser.wait_for("a fault", lambda: browser.visible("#fault"))
        assert browser.text("#fault") == "Type a question first."


def check_without_key(browser, tool, model, pictures):
    with tempfile.TemporaryDirectory() as folder:
        with Service(tool, "--model", model, "--store", f"lmdb:{folder}/store") as service:
            service.wait_until_ready()
            test = PageTest(browser, service, pictures)
            test.open()
            test.policy_is_strict()
            for step in (test.answers_what_is_pasted, test.shows_runners_up, test.reuse_curve_grows,
                         test.asks_again_what_has_gone, test.encodes_files, test.encodes_a_text,
                         test.encodes_again_after_a_stop, test.asks_by_id, test.documents_itself, test.names_all_controls,
                         test.shows_faults):
                step()
                print("ok:", step.__name__)
            assert browser.console() == [], "the console has errors"


# The key stays in the tab: it is asked for when the service wants one.
def check_with_key(browser, tool, model, pictures):
    with tempfile.TemporaryDirectory() as folder:
        keys = pathlib.Path(folder) / "keys"
        keys.write_text("write 0123456789abcdef0123\n", encoding="utf-8")
        with Service(tool, "--model", model, "--store", "memory:", "--api-keys", str(keys)) as service:
            service.wait_until_ready()
            browser.open(service.url + "/")
            browser.wait_for("the question for a key", lambda: browser.visible("#key-dialog"))
            browser.save_picture(pictures / "key.png")
            browser.type("#key", "0123456789abcdef0123\ue007")
            test = PageTest(browser, service, pictures)
            browser.wait_for("what the service is", lambda: "layers" in browser.text("#facts"))
            browser.type("#passage", TEXT)
            test.ask("Who scored more than nine hundred goals?")
            assert test.marked() == "Lily Parr"
            kept = browser.run("return [Object.values(localStorage).length, document.cookie]")
            assert kept == [0, ""], kept
            print("ok: key")


def main(tool, model, pictures):
    found = find_browser()
    if not found:
        skip("there is no chromium with its driver")
    pictures = pathlib.Path(pictures)
    pictures.mkdir(parents=True, exist_ok=True)
    with Browser(*found) as browser:
        browser.set_view(*VIEWS["desktop"], "light")
        check_without_key(browser, tool, model, pictures)
        check_with_key(browser, tool, model, pictures)


main(*sys.argv[1:])
