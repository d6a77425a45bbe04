# SPDX-License-Identifier: GPL-2.0-only
"""html_page.py PAGE.HTML...: is the page what a browser may be given?

Markup is balanced, nothing in it runs but the one script and nothing styles but the one style that the content security
policy names by hash; nothing refers to anything outside; ids are unique and links lead to them.
"""
import base64
import hashlib
import json
import re
import sys
from html.parser import HTMLParser

VOID = {"meta", "input", "br", "hr", "img", "link", "rect", "path", "line"}
TAGS = {"html", "head", "meta", "title", "style", "body", "header", "p", "nav", "ul", "li", "a", "main", "section", "h2",
        "h3", "div", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "small", "figure", "figcaption", "svg", "g",
        "path", "rect", "text", "script", "footer", "span"}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "href", "id", "class", "aria-label", "aria-labelledby",
              "aria-hidden", "data-lane", "role", "tabindex", "scope", "data-v", "viewbox", "preserveaspectratio", "x", "y", "width",
              "height", "d", "type"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.faults, self.ids, self.links = [], [], [], []
        self.policy, self.scripts, self.styles, self.data = None, [], [], []
        self.tables = {}  # id of its box: rows of texts
        self.box = self.row = self.cell = None
        self.text = []

    def fault(self, what):
        self.faults.append("line %d: %s" % (self.getpos()[0], what))

    def start(self, tag, attrs, empty):
        names = [n for n, _ in attrs]
        attrs = dict(attrs)
        if tag not in TAGS:
            self.fault("an element <%s>" % tag)
        for name in names:
            if name not in ATTRIBUTES:
                self.fault("an attribute %s of <%s>" % (name, tag))
        if len(set(names)) != len(names):
            self.fault("an attribute twice: %s" % names)
        if tag == "meta" and attrs.get("http-equiv", "").lower() == "content-security-policy":
            self.policy = attrs["content"]
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if "href" in attrs:
            self.links.append(attrs["href"])
        if tag == "div" and attrs.get("class") == "tbl":
            self.box = self.tables.setdefault(attrs["id"], [])
        if tag == "tr" and self.box is not None and self.open[-1] == "tbody":
            self.row = []
            self.box.append(self.row)
        if tag in ("td", "th") and self.row is not None:
            self.cell = []
        if tag == "script":
            (self.data if attrs.get("type") == "application/json" else self.scripts).append([])
            self.into = (self.data if attrs.get("type") == "application/json" else self.scripts)[-1]
            if set(attrs) - {"type"} or attrs.get("type") not in (None, "application/json"):
                self.fault("a script of another kind: %s" % attrs)
        if tag == "style":
            self.styles.append([])
            self.into = self.styles[-1]
        if tag not in VOID or (tag in ("path", "rect") and not empty):
            self.open.append(tag)

    def handle_starttag(self, tag, attrs):
        self.start(tag, attrs, False)

    def handle_startendtag(self, tag, attrs):
        if tag not in VOID:
            self.fault("<%s/> closes nothing" % tag)
        self.start(tag, attrs, True)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.fault("</%s> out of order" % tag)
        if tag in ("td", "th") and self.cell is not None:
            self.row.append("".join(self.cell))
            self.cell = None
        if tag == "tr":
            self.row = None
        if tag == "table":
            self.box = None

    def handle_data(self, data):
        if self.open and self.open[-1] in ("script", "style"):
            self.into.append(data)
            return
        self.text.append(data)
        if self.cell is not None:
            self.cell.append(data)

    def handle_comment(self, data):
        self.fault("a comment")

    def handle_pi(self, data):
        self.fault("a processing instruction")


def sha(text):
    return "'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def read(path):
    with open(path, "rb") as f:
        raw = f.read()
    page = Page()
    page.feed(raw.decode("utf-8"))
    page.close()
    if page.open:
        page.fault("not closed: %s" % page.open)
    for c in sorted(set(raw) & (set(range(32)) - {9, 10} | {127})):
        page.faults.append("a control character %#x" % c)
    for c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
        if c in raw.decode("utf-8"):
            page.faults.append("the direction changes: U+%04X" % ord(c))
    script, style = ["".join(s) for s in page.scripts], ["".join(s) for s in page.styles]
    want = ("default-src 'none'; style-src %s; script-src %s; base-uri 'none'; form-action 'none'" %
            (sha(style[0]) if style else "", sha(script[0]) if script else ""))
    if len(script) != 1 or len(style) != 1 or page.policy != want:
        page.faults.append("%d scripts, %d styles, policy %r, not %r" % (len(script), len(style), page.policy, want))
    if re.search(r"url\(|@import|https?:(?!//www\.w3\.org/2000/svg)|innerHTML|\beval\b|Function\(",
                 "".join(script + style)):
        page.faults.append("the script or the style refers to something outside")
    for data in page.data:
        json.loads("".join(data))
        if "<" in "".join(data):
            page.faults.append("a < in the data")
    if len(set(page.ids)) != len(page.ids):
        page.faults.append("an id twice")
    for link in page.links:
        if not link.startswith("#") or link[1:] not in page.ids:
            page.faults.append("a link leads to %s" % link)
    return page


if __name__ == "__main__":
    bad = 0
    for path in sys.argv[1:]:
        for fault in read(path).faults[:20]:
            print("# %s: %s" % (path, fault))
            bad = 1
    sys.exit(bad)
