# SPDX-License-Identifier: GPL-2.0-only
"""A headless Chromium, spoken to over a pipe (--remote-debugging-pipe): no packages, no port."""
import base64
import json
import os
import select
import subprocess
import tempfile
import time


class Browser:
    def __init__(self, program):
        self.home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_r, to_w = os.pipe()
        from_r, from_w = os.pipe()

        def plumb():
            # 3 is what it reads, 4 what it writes; either may be one of the pipes' own numbers.
            a, b = os.dup2(to_r, 20), os.dup2(from_w, 21)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--user-data-dir=" + self.home.name, "--hide-scrollbars",
             "--disable-background-networking", "about:blank"],
            close_fds=False, preexec_fn=plumb, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=dict(os.environ, HOME=self.home.name))
        os.close(to_r)
        os.close(from_w)
        self.to, self.back, self.number, self.rest, self.events = to_w, from_r, 0, b"", []

    def _read(self, deadline):
        while b"\0" not in self.rest:
            if not select.select([self.back], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            more = os.read(self.back, 1 << 20)
            if not more:
                raise EOFError("the browser ended")
            self.rest += more
        one, self.rest = self.rest.split(b"\0", 1)
        return json.loads(one)

    def call(self, method, session=None, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        deadline = time.monotonic() + 120
        while True:
            answer = self._read(deadline)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError("%s: %s" % (method, answer["error"]))
                return answer["result"]
            self.events.append(answer)

    def close(self):
        try:
            self.call("Browser.close")
        except (EOFError, OSError, TimeoutError):
            pass
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.home.cleanup()


class Tab:
    """One page, without a network; every complaint of it is kept."""

    def __init__(self, browser, url, width=1280, height=900, scripts=True, media=()):
        self.b = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.target = target
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM", "Audits"):
            self.call(domain + ".enable")
        self.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        self.size(width, height)
        self.call("Emulation.setEmulatedMedia", features=[{"name": n, "value": v} for n, v in media])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.call("Page.navigate", url=url)
        self.wait("Page.loadEventFired")

    def call(self, method, **params):
        return self.b.call(method, self.session, **params)

    def mine(self, method):
        return [e["params"] for e in self.b.events if e.get("sessionId") == self.session and e["method"] == method]

    def wait(self, method):
        deadline = time.monotonic() + 120
        while not self.mine(method):
            self.b.events.append(self.b._read(deadline))

    def size(self, width, height):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def js(self, expression):
        r = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in r:
            raise RuntimeError("%s: %s" % (expression, r["exceptionDetails"]))
        return r["result"].get("value")

    def complaints(self):
        return ([e["exceptionDetails"].get("exception", {}).get("description") for e in self.mine("Runtime.exceptionThrown")] +
                [e["entry"]["text"] for e in self.mine("Log.entryAdded")] +
                [str(e["args"]) for e in self.mine("Runtime.consoleAPICalled")] +
                [str(e["issue"]) for e in self.mine("Audits.issueAdded")] +
                ["a dialog: " + e["message"] for e in self.mine("Page.javascriptDialogOpening")])

    def requests(self):
        return [e["request"]["url"] for e in self.mine("Network.requestWillBeSent")]

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, selector):
        x, y = self.middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.mouse(kind, x, y, button="left", clickCount=1)

    def middle(self, selector):
        r = self.js("(() => { const e = document.querySelector(%s); e.scrollIntoView({block: 'center'}); const r = "
                    "e.getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()" %
                    json.dumps(selector))
        return r[0], r[1]

    def key(self, key, text=None):
        more = {"text": text} if text else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **more)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def screenshot(self, path, full=False):
        more = {"captureBeyondViewport": True} if full else {}
        if full:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            more["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 6000), "scale": 1}
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("Page.captureScreenshot", format="png", **more)["data"]))

    def pdf(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"]))

    def close(self):
        self.b.call("Target.closeTarget", targetId=self.target)
