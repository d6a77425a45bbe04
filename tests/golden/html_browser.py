# SPDX-License-Identifier: GPL-2.0-only
"""html_browser.py CHROMIUM PAGE.HTML PICTURES: the page as a reader has it, in TAP lines.

Loads it from the disk without a network; clicks, types, drags; with and without scripts, light, dark, narrow, on paper.
PICTURES is a folder for what it looked like.
"""
import pathlib
import re
import sys

from browser import Browser, Tab
from html_page import read

program, page, pictures = sys.argv[1:]
name = pathlib.Path(page).stem
url = pathlib.Path(page).resolve().as_uri()
markup = read(page)
failed = False

# Text that can hardly be told from what is behind it: WCAG's contrast, of everything that is seen.
CONTRAST = """(() => {
    const rgb = (s) => (s.match(/[\\d.]+/g) || []).map(Number);
    const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
        return .2126 * r + .7152 * g + .0722 * b; };
    const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
        if (c.length === 3 || c[3] > .9) return c.slice(0, 3); } return [255, 255, 255]; };
    const bad = [];
    for (const e of document.querySelectorAll("main *, header *")) {
        const own = Array.from(e.childNodes).some((n) => n.nodeType === 3 && n.textContent.trim());
        if (!own || !e.getClientRects().length || e.closest("script")) continue;
        const style = getComputedStyle(e);
        const svg = e.namespaceURI.endsWith("svg");
        const a = light(rgb(svg ? style.fill : style.color)), b = light(behind(e));
        const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (ratio < 4.5) bad.push(e.textContent.slice(0, 30) + " " + ratio.toFixed(2));
    }
    return bad.slice(0, 5);
})()"""


def check(what, good, why=""):
    global failed
    print("%s - %s: %s" % ("ok" if good else "not ok", name, what))
    if not good:
        failed = True
        print("# " + str(why)[:2000].replace("\n", "\n# "))


def column(tab, box, index):
    return tab.js("Array.from(document.querySelectorAll('#%s tbody tr'), (r) => r.cells[%d].textContent)" % (box, index))


def tables(tab):
    # Numbers that differ, in a table with more than a few rows.
    for box, rows in markup.tables.items():
        head = tab.js("Array.from(document.querySelectorAll('#%s thead th'), (t) => t.className)" % box)
        for i, kind in enumerate(head):
            values = [r[i] for r in rows if i < len(r)]
            if kind == "n" and len(rows) > 12 and len(set(values)) > 4 and all(re.fullmatch(r"\d+", v) for v in values):
                break
        else:
            continue
        break
    else:
        check("has a table to sort", False, list(markup.tables))
        return
    button = "#%s thead th:nth-child(%d) button" % (box, i + 1)
    tab.click(button)
    got = [int(v) for v in column(tab, box, i)]
    check("a click on a title sorts, the greatest first", got == sorted(map(int, values), reverse=True), got)
    tab.click(button)
    got = [int(v) for v in column(tab, box, i)]
    check("another click, the least first", got == sorted(map(int, values)), got)
    check("the order is told to those who cannot see it",
          tab.js("document.querySelector('#%s th:nth-child(%d)').getAttribute('aria-sort')" % (box, i + 1)) == "ascending")
    texts = ["".join(r).lower() for r in rows]
    word = max(re.findall(r"[a-z_]{4,}", texts[0]), key=len)
    tab.click("#%s .tools input" % box)
    tab.type(word.upper())
    shown = tab.js("Array.from(document.querySelectorAll('#%s tbody tr')).filter((r) => r.getClientRects().length).length" % box)
    check("what is typed filters", shown == sum(word in t for t in texts), (word, shown, len(rows)))
    tab.key("Escape")
    shown = tab.js("Array.from(document.querySelectorAll('#%s tbody tr')).filter((r) => r.getClientRects().length).length" % box)
    check("escape shows all again", shown == len(rows), shown)
    tab.js("document.activeElement.blur(); scrollTo(0, 0)")
    tab.key("/", "/")
    check("a slash goes to a filter", tab.js("document.activeElement.type + document.activeElement.value") == "search")


def view(tab):
    return tab.js("(() => { const f = document.querySelector('.timeline'); return [Number(f.dataset.from), Number(f.dataset.to), "
                  "f.querySelector('.axis').textContent, f.querySelector('.plot').getAttribute('viewBox')]; })()")


def timeline(tab):
    all_of_it = view(tab)
    tab.click(".timeline .tools button")
    closer = view(tab)
    check("a button zooms", abs((closer[1] - closer[0]) * 2 - (all_of_it[1] - all_of_it[0])) < 1, (all_of_it, closer))
    check("the axis and the lanes follow", closer[2] != all_of_it[2] and closer[3] != all_of_it[3], closer)
    tab.js("document.querySelector('.picture').focus()")
    tab.key("ArrowLeft")
    check("an arrow key pans", view(tab)[0] < closer[0], view(tab))
    tab.key("Home")
    check("Home shows all", view(tab) == all_of_it, view(tab))
    x, y = tab.middle(".timeline .picture")
    tab.mouse("mouseMoved", x, y)
    tip = tab.js("document.querySelector('.tip').hidden ? '' : document.querySelector('.tip').textContent")
    check("the pointer is told what is under it", re.search(r"\d", tip or ""), tip)
    tab.mouse("mousePressed", x, y, button="left", clickCount=1)
    tab.mouse("mouseMoved", x + 100, y, button="left", buttons=1)
    tab.mouse("mouseReleased", x + 100, y, button="left", clickCount=1)
    dragged = view(tab)
    check("dragging looks closer at what it passed over",
          (dragged[1] - dragged[0]) / (all_of_it[1] - all_of_it[0]) < 0.15, dragged)
    tab.mouse("mouseMoved", x, y)
    tab.screenshot("%s/%s-zoomed.png" % (pictures, name))
    tab.key("Home")


browser = Browser(program)
try:
    tab = Tab(browser, url, media=[("prefers-color-scheme", "light")])
    check("nothing of it ran that should not", tab.js("window.hacked === undefined && !document.querySelector('img, iframe')"))
    tab.screenshot("%s/%s-light.png" % (pictures, name), full=True)
    check("is legible when light", not tab.js(CONTRAST), tab.js(CONTRAST))
    tables(tab)
    timeline(tab)
    check("is not wider than the window", tab.js("document.documentElement.scrollWidth <= innerWidth"))
    check("no complaints", not tab.complaints(), tab.complaints())
    check("asks for nothing but itself", set(tab.requests()) == {url}, tab.requests())
    tab.pdf("%s/%s.pdf" % (pictures, name))
    tab.call("Emulation.setEmulatedMedia", media="print")
    check("paper has no buttons", tab.js("!document.querySelector('.tools').getClientRects().length"))
    tab.screenshot("%s/%s-print.png" % (pictures, name), full=True)
    tab.close()

    dark = Tab(browser, url, media=[("prefers-color-scheme", "dark")])
    back = re.findall(r"\d+", dark.js("getComputedStyle(document.body).backgroundColor"))
    check("is dark where that is wished", sum(map(int, back[:3])) < 200, back)
    check("is legible when dark", not dark.js(CONTRAST), dark.js(CONTRAST))
    dark.screenshot("%s/%s-dark.png" % (pictures, name), full=True)
    dark.close()

    narrow = Tab(browser, url, width=390, height=800)
    check("fits a telephone", narrow.js("document.documentElement.scrollWidth <= innerWidth"),
          narrow.js("document.documentElement.scrollWidth"))
    narrow.screenshot("%s/%s-narrow.png" % (pictures, name), full=True)
    narrow.close()

    plain = Tab(browser, url, scripts=False)
    plain.screenshot("%s/%s-plain.png" % (pictures, name), full=True)
    document = plain.call("DOM.getDocument", depth=0)["root"]["nodeId"]

    def outer(selector):
        node = plain.call("DOM.querySelector", nodeId=document, selector=selector)["nodeId"]
        return plain.call("DOM.getOuterHTML", nodeId=node)["outerHTML"] if node else ""

    def seen(selector):
        node = plain.call("DOM.querySelector", nodeId=document, selector=selector)["nodeId"]
        quads = plain.call("DOM.getContentQuads", nodeId=node)["quads"] if node else []
        return bool(quads) and max(quads[0][0::2]) - min(quads[0][0::2]) > 100

    check("without scripts the script did not run", not outer(".tools"))
    check("without scripts the verdict is there", seen("#t-verdict-verdict td") and
          markup.tables["t-verdict-verdict"][0][1][:20] in outer("#t-verdict-verdict").replace("&lt;", "<"))
    check("without scripts the timeline is there", seen(".timeline .picture") and "<path" in outer(".plot"))
    check("without scripts no complaints", not plain.complaints(), plain.complaints())
    plain.close()
finally:
    browser.close()
sys.exit(failed)
