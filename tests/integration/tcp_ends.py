# SPDX-License-Identifier: GPL-2.0-only
"""tcp_ends.py serve|connect ADDRESS PORT: the two ends of two real TCP connections, told on standard input what to do.

connect  reads whatever comes; `hold`: no more; `read`: again
serve    `talk`: 100,000 bytes on each; `stall`: on the first as much as goes in; `lose`: 2,000 bytes on the second

Each word is answered with a line when it is done. Buffers have a fixed size, so that what is queued does not change.
"""
import select
import socket
import sys

role, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def say(word):
    print(word, flush=True)


def fill(c):
    """Until three times in a row nothing more goes in."""
    c.setblocking(False)
    full = 0
    while full < 3:
        try:
            c.send(b"y" * 4096)
            full = 0
        except BlockingIOError:
            full += 1
            select.select([], [c], [], 0.2)
    c.setblocking(True)


def serve():
    listener = socket.create_server((address, port))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 256 << 10)
    say("listening")
    connections = [listener.accept()[0] for _ in range(2)]
    say("connected")
    for line in sys.stdin:
        word = line.strip()
        if word == "talk":
            for c in connections:
                c.sendall(b"x" * 100000)
        elif word == "stall":
            fill(connections[0])
        elif word == "lose":
            connections[1].sendall(b"z" * 2000)
        say(word)


def connect():
    connections = []
    for _ in range(2):
        c = socket.socket()
        c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        c.connect((address, port))
        connections.append(c)
    say("connected")
    reading = connections
    while True:
        for ready in select.select([sys.stdin, *reading], [], [])[0]:
            if ready is not sys.stdin:
                ready.recv(1 << 16)
                continue
            word = sys.stdin.readline().strip()
            if not word:
                return
            reading = [] if word == "hold" else connections
            say(word)


serve() if role == "serve" else connect()
