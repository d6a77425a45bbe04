# SPDX-License-Identifier: GPL-2.0-only
"""alone.py SESSION FOLDER: the leader's last heartbeat before a fence, in a trace.dat without a trigger.

FOLDER has alone.json (report verdict.sequence) and alone.txt (trace-cmd report -t of consoles and quorum messages).
"""
import json
import re
import sys

session, folder = sys.argv[1:]
fence, step = {"fence-client": ("reconnect timed out, fencing", "last heartbeat of the leader before that"),
               "fence-leader": ("fencing previous leader", "last heartbeat of the old leader")}[session]
steps = {r["what"]: r["from_trigger_ns"] for r in json.load(open(f"{folder}/alone.json"))["reports"]["verdict"]["tables"]["sequence"]["rows"]}
got = next(at for what, at in steps.items() if step in what) - next(at for what, at in steps.items() if fence in what)
# Of the one who stays leader what it sent is known; of the one who was unmounted by force what others received.
beat = {"fence-client": ("scoutfs_quorum_send_message", r"r\.d8ec8b term 1 type 2 "),
        "fence-leader": ("scoutfs_quorum_recv_message", r"type 2 nr 0\b")}[session]
last = at = None
for line in open(f"{folder}/alone.txt"):
    m = re.search(r" (\d+)\.(\d{9}): +(\w+): +(.*)", line)
    ns = m and int(m[1]) * 10**9 + int(m[2])
    if m and m[3] == "console" and fence in m[4]:
        at = ns
        break
    if m and m[3] == beat[0] and re.search(beat[1], m[4]):
        last = ns
print(f"# {session}: {got}, and by trace-cmd {last - at}")
sys.exit(got != last - at)
