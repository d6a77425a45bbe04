# SPDX-License-Identifier: GPL-2.0-only
"""series_browser.py CHROMIUM PAGE.HTML PICTURES: the picture of series as a reader has it.

The page is of what series.py made up: vmstat's pgfault begins to rise by 910 a second, and before by 10, 58.5 s after the
start, the trigger is 60.5 s after it. The curve that is on the screen is measured and compared with that.
"""
import pathlib
import sys

from browser import Browser, Tab

program, page, pictures = sys.argv[1:]
url = pathlib.Path(page).resolve().as_uri()
faults = []

def check(what, good, why=""):
    if not good:
        faults.append("%s: %s" % (what, why))

FIGURE = "document.querySelector('figure.series')"
# Where the curve is at each of many places across: [share of the width, share of the height from below].
MEASURE = """(() => {
    const plot = %s.querySelector('.plot'), curve = plot.querySelector('.curve');
    const box = plot.viewBox.baseVal, d = JSON.parse(%s.querySelector('script').textContent);
    const n = curve.getTotalLength(), points = [];
    for (let i = 0; i <= 2000; i++) { const p = curve.getPointAtLength(n * i / 2000);
        points.push([p.x / box.width, (d.top + d.height - p.y) / d.height]); }
    return points;
})()""" % (FIGURE, FIGURE)

def at(points, share):
    return min(points, key=lambda p: abs(p[0] - share))[1]

def look(tab, name):
    tab.js("(() => { const s = %s.querySelector('select'); const o = Array.from(s.options).find((o) => o.textContent === %r);"
           "s.value = o.value; s.dispatchEvent(new Event('change')); })()" % (FIGURE, name))
    return tab.js(MEASURE)

browser = Browser(program)
try:
    tab = Tab(browser, url, media=[("prefers-color-scheme", "light")])
    steps, width, zero = tab.js("(() => { const d = JSON.parse(%s.querySelector('script').textContent);"
                                "return [d.steps, d.width, d.zero]; })()" % FIGURE)
    check("the trigger is 60.5 s behind the start", abs(zero - 60.5) < 1e-6, zero)
    share = lambda s: s / (steps * width)
    check("the first is what differs most", "pgfault" in tab.js(FIGURE + ".querySelector('.which').textContent"))
    points = tab.js(MEASURE)
    check("before it rises by 10 a second", abs(at(points, share(30)) - 10 / 910) < 0.01, at(points, share(30)))
    check("then by 910", abs(at(points, share(70)) - 1) < 0.01, at(points, share(70)))
    check("the scale", tab.js("['.top', '.low'].map((s) => %s.querySelector(s).textContent)" % FIGURE) == ["910", "0"])
    mark = tab.js("Number(%s.querySelector('.trigger').getAttribute('d').match(/M([\\d.]+)/)[1])" % FIGURE)
    check("the mark is at the trigger", abs(mark * width - 60.5) < 0.01, mark)
    points = look(tab, "nr_free_pages")
    check("another is chosen", tab.js(FIGURE + ".dataset.counter") == "vmstat nr_free_pages", tab.js(FIGURE + ".dataset.counter"))
    check("a gauge is what it was", tab.js(FIGURE + ".querySelector('.top').textContent") == "500")
    points = look(tab, "late")
    check("what was not there is not drawn", min(p[0] for p in points) > share(29), min(p[0] for p in points))
    check("it rises to the end", at(points, share(98)) > at(points, share(50)) > at(points, share(35)))
    names = tab.js("Array.from(%s.querySelector('select').options, (o) => o.textContent)" % FIGURE)
    check("what never moved is not offered", "never" not in names and "wraps64" in names, names)
    tab.click("figure.series .tools input")
    tab.type("wraps 32")
    names = tab.js("Array.from(%s.querySelector('select').options, (o) => o.textContent)" % FIGURE)
    check("words find a counter", names == ["wraps32"], names)
    check("and draw it", tab.js(FIGURE + ".dataset.counter") == "vmstat wraps32")
    tab.mouse("mouseMoved", *tab.middle("figure.series .plot"))
    tip = tab.js(FIGURE + ".querySelector('.tip').textContent")
    check("the pointer is told of what it is at", "3/s" in tip and "UTC" in tip, tip)
    tab.screenshot(pictures + "/series-light.png", full=True)
    check("no complaints", not tab.complaints(), tab.complaints())
    check("nothing is asked for", [u for u in tab.requests() if u != url] == [], tab.requests())
    dark = Tab(browser, url, media=[("prefers-color-scheme", "dark")])
    dark.screenshot(pictures + "/series-dark.png", full=True)
    plain = Tab(browser, url, scripts=False)

    html = plain.call("DOM.getOuterHTML", nodeId=plain.call("DOM.querySelector", selector="figure.series .curve",
                      nodeId=plain.call("DOM.getDocument")["root"]["nodeId"])["nodeId"])["outerHTML"]
    check("without scripts the first is drawn", html.count("H") > 20, html[:100])
    tables = plain.call("DOM.querySelectorAll", selector="#t-series-counters tbody tr",
                        nodeId=plain.call("DOM.getDocument")["root"]["nodeId"])["nodeIds"]
    check("and the table is there", len(tables) > 8, len(tables))
finally:
    browser.close()
for fault in faults:
    print(fault)
sys.exit(bool(faults))
