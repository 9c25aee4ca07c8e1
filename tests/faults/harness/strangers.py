"""Servers that are not what a node hopes for: brokers with bad manners, and a name server that fails."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from typing import Any

from tests.faults.harness.parts import HarnessError

CONNACK = bytes([0x20, 3, 0, 0, 0])
DISCONNECT = bytes([0xE0, 1, 0x8B])
"""MQTT 5.0: "the server is shutting down"."""


class _Server:
    """A socket, a thread, and a way to end both."""

    def __init__(self, sock, name):
        self._sock = sock
        self._stop_in, self._stop_out = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop_out.close()
        self._thread.join(5.0)
        if self._thread.is_alive():
            raise HarnessError("A stranger does not leave.")
        self._sock.close()
        self._stop_in.close()

    def _run(self):
        raise NotImplementedError


class StrangeBroker(_Server):
    """Accepts connections, and then behaves as it was told.

    Args:
        port: where.
        manners: "mute" (reads, never answers), "hang-up" (closes after CONNECT), "welcome-and-leave"
            (CONNACK, then DISCONNECT), "babble" (answers with no MQTT at all), "no-puback" (CONNACK, and then
            silence).

    Attributes:
        guests: how many connections it had.
    """

    def __init__(self, port, manners):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        sock.listen()
        super().__init__(sock, f"broker {manners}")
        self._manners = manners
        self.port = sock.getsockname()[1]
        self.guests = 0

    def _run(self):
        guests: list[Any] = []
        while True:
            ready, _, _ = select.select([self._sock, self._stop_in, *guests], [], [])
            if self._stop_in in ready:
                break
            for sock in ready:
                if sock is self._sock:
                    guests.append(sock.accept()[0])
                    self.guests += 1
                elif not self._serve(sock):
                    guests.remove(sock)
                    sock.close()
        for guest in guests:
            guest.close()

    def _serve(self, guest):
        """Take in what a guest says; says whether it may stay."""
        try:
            said = guest.recv(65536)
            if not said:
                return False
            if self._manners == "babble":
                guest.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            if self._manners in ("welcome-and-leave", "no-puback") and said[0] >> 4 == 1:
                guest.sendall(CONNACK + (DISCONNECT if self._manners == "welcome-and-leave" else b""))
        except OSError:
            return False
        return self._manners in ("mute", "no-puback", "babble")


class NameServer(_Server):
    """Answers the one question for an address (RFC 1035), or fails at it.

    Attributes:
        mood: "silent", "fails" (SERVFAIL), "unknown" (NXDOMAIN) or "well".
        asked: how often it was asked.
    """

    def __init__(self, address, answer):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((address, 53))
        super().__init__(sock, "names")
        self._answer = socket.inet_aton(answer)
        self.mood, self.asked = "silent", 0

    def _run(self):
        while True:
            ready, _, _ = select.select([self._sock, self._stop_in], [], [])
            if self._stop_in in ready:
                return
            question, who = self._sock.recvfrom(512)
            self.asked += 1
            if self.mood != "silent":
                with contextlib.suppress(OSError):
                    self._sock.sendto(self._reply(question), who)

    def _reply(self, question):
        end = question.index(0, 12) + 5
        is_address = question[end - 4 : end - 2] == b"\x00\x01"
        code = {"fails": 2, "unknown": 3, "well": 0}[self.mood]
        answered = self.mood == "well" and is_address
        head = question[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, int(answered), 0, 0)
        record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + self._answer
        return head + question[12:end] + (record if answered else b"")
