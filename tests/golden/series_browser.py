# SPDX-License-Identifier: GPL-2.0-only
"""series_browser.py CHROMIUM PAGE.HTML FINE.HTML PICTURES: the picture of series as a reader has it.

The page is of what series.py made up: vmstat's pgfault begins to rise by 910 a second, and before by 10, 58.5 s after the
start, the trigger is 60.5 s after it. The curve that is on the screen is measured and compared with that. The timeline
above it has the same time from left to right, and they zoom together. FINE.HTML has a picture around the trigger as well, and
values that hardly differ: the script must draw there what the markup had.
"""
import pathlib
import re
import sys

from browser import Browser, Tab

program, page, fine, pictures = sys.argv[1:]
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

def scale(tab):
    return tab.js("['.top', '.low'].map((s) => %s.querySelector(s).textContent)" % FIGURE)

def look(tab, name):
    tab.js("(() => { const s = %s.querySelector('select'); const o = Array.from(s.options).find((o) => o.textContent === %r);"
           "s.value = o.value; s.dispatchEvent(new Event('change')); })()" % (FIGURE, name))
    return tab.js(MEASURE)

# Of the timeline and of the series: what is in sight by the script, by the markup, and as labels; where on the screen.
SEEN = """['figure.timeline', 'figure.series'].map((s) => {
    const f = document.querySelector(s), plot = f.querySelector('.plot'), b = plot.viewBox.baseVal, r = f.querySelector('.picture')
        .getBoundingClientRect();
    return { from: f.dataset.from, to: f.dataset.to, x: b.x, width: b.width, axis: Array.from(f.querySelectorAll('.axis text'),
             (t) => t.getAttribute('x') + t.textContent), left: r.left, right: r.right };
})"""


def same(tab, what):
    timeline, plot = tab.js(SEEN)
    check(what + ": one axis", timeline == plot and len(plot["axis"]) > 4, (timeline, plot))
    return plot


def together(tab):
    """Either is zoomed and panned; the other follows, and the label of a tick is where its second is."""
    whole = same(tab, "all of it")
    check("it is the time of the samples", abs(whole["width"] * width - 100) < 1, whole)
    tab.click(".timeline .tools button[aria-label=closer]")
    closer = same(tab, "closer")
    check("a button zooms both", abs(closer["width"] * 2 - whole["width"]) < 1e-6 and closer["axis"] != whole["axis"], closer)
    tab.js("document.querySelector('.timeline .picture').focus()")
    tab.key("ArrowRight")
    later = same(tab, "later")
    check("a key pans both", abs(later["x"] - closer["x"] - closer["width"] * .2) < 1e-3, (closer, later))
    tab.click("figure.series .tools button[aria-label='to the trigger']")
    near = same(tab, "the trigger, from below")
    check("ten seconds of it", abs(near["width"] * width - 10) < 1e-6 and abs((near["x"] + near["width"] / 2) * width - zero) < .01,
          near)
    # The plot begins 104 from the left and is 1044 wide: where a tick is, by hand.
    for text in near["axis"]:
        m = re.fullmatch(r"([\d.]+)([+\u2212])([\d.]+) s", text)
        if m:
            s = float(m[3]) * (1 if m[2] == "+" else -1)
            check("the tick is where it says", abs(104 + (s + 5) / 10 * 1044 - float(m[1])) < 0.2, text)
    # i * i at second i: it rises by 2 i - 1 in the second before; the last in sight is that before the 66th.
    look(tab, "late")
    check("the scale is of what is in sight", scale(tab) == ["131", "0"], scale(tab))
    look(tab, "pgfault")
    x, y = tab.middle("figure.series .picture")
    tab.mouse("mouseMoved", x, y)
    marks = tab.js("Array.from(document.querySelectorAll('.cursor'), (c) => c.getAttribute('d').split(' ')[0])")
    check("the moment under the pointer is marked in both", len(marks) == 2 and marks[0] == marks[1] != "", marks)
    tab.screenshot(pictures + "/series-zoomed.png", full=True)
    tab.mouse("mousePressed", x, y, button="left", clickCount=1)
    tab.mouse("mouseMoved", x + 100, y, button="left", buttons=1)
    tab.mouse("mouseReleased", x + 100, y, button="left", clickCount=1)
    dragged = same(tab, "dragged over")
    check("dragging over the series looks closer", dragged["width"] < near["width"] * .15 and dragged["x"] > near["x"], dragged)
    tab.js("document.querySelector('figure.series .picture').focus()")
    tab.key("Home")
    check("Home shows all in both", same(tab, "all again")["axis"] == whole["axis"])


def redrawn(browser, path):
    """Before anything is touched the script has drawn what was there without it."""
    with open(path) as f:
        markup = [(re.search(r'class="curve" d="([^"]*)', t)[1], re.findall(r'class="most (?:top|low)"[^>]*>([^<]*)', t))
                  for t in re.findall(r'<figure class="series">(.*?)</figure>', f.read(), re.S)]
    tab = Tab(browser, pathlib.Path(path).resolve().as_uri())
    got = tab.js("Array.from(document.querySelectorAll('figure.series'), (f) => [f.querySelector('.curve').getAttribute('d'),"
                 " ['.top', '.low'].map((s) => f.querySelector(s).textContent)])")
    check("drawn as it was: " + path, [tuple(g) for g in got] == markup and len(markup) == (2 if path == fine else 1),
          [(g[1], m[1]) for g, m in zip(got, markup)])
    check("two times are zoomed apart", tab.js(
        "(() => { document.querySelector('.tools button[aria-label=closer]').click(); return new Set(Array.from("
        "document.querySelectorAll('figure'), (f) => f.dataset.to - f.dataset.from)).size; })()") == len(markup))
    tab.close()


browser = Browser(program)
try:
    redrawn(browser, page)
    redrawn(browser, fine)
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
    together(tab)
    points = look(tab, "nr_free_pages")
    check("another is chosen", tab.js(FIGURE + ".dataset.counter") == "vmstat nr_free_pages", tab.js(FIGURE + ".dataset.counter"))
    check("a gauge is what it was", tab.js(FIGURE + ".querySelector('.top').textContent") == "500")
    points = look(tab, "late")
    check("what was not there is not drawn", min(p[0] for p in points) > share(29), min(p[0] for p in points))
    check("it rises to the end", at(points, share(98)) > at(points, share(50)) > at(points, share(35)))
    # It rises by 3 a second all along.
    look(tab, "wraps32")
    check("a level rate lies in the middle", scale(tab) == ["6", "0"], scale(tab))
    points = tab.js(MEASURE)
    check("all along", all(abs(p[1] - .5) < .01 for p in points), points[:3])
    look(tab, "nr_free_pages")
    check("a gauge far from zero fills the picture", scale(tab) == ["500", "494"], scale(tab))
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
