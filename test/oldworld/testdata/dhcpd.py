"""A DHCP server with one address, for tests (RFC 2131 and 2132).

dhcpd.py INTERFACE LEASE OPTIONS
The address is 192.0.2.50 for LEASE seconds, to be renewed after a second. OPTIONS is a file with lines NUMBER VALUE, where
\\xNN in a value is a byte. While there is a file /run/silent it answers nothing.
"""

import os
import socket
import struct
import sys

DISCOVER, OFFER, REQUEST, DECLINE, ACK = 1, 2, 3, 4, 5
TYPE, LEASE, SERVER, T1, T2, MASK, END = 53, 51, 54, 58, 59, 1, 255
MAGIC = b"\x63\x82\x53\x63"


def address(text):
    return socket.inet_aton(text)


def option(number, value):
    return struct.pack("BB", number, len(value)) + value


def kind(request):
    """The type of a message: its option 53."""
    at = 240
    while at < len(request) and request[at] != END:
        if request[at] == 0:
            at += 1
            continue
        if request[at] == TYPE:
            return request[at + 2]
        at += 2 + request[at + 1]
    return 0


def options(path):
    """The options of the administrator, as the file says."""
    out = b""
    with open(path, encoding="ascii") as lines:
        for line in lines:
            number, value = line.rstrip("\n").split(" ", 1)
            out += option(int(number), value.encode().decode("unicode_escape").encode("latin-1"))
    return out


def answer(request, lease, path):
    reply = bytearray(240)
    reply[0:8] = b"\x02" + request[1:8]
    reply[16:20] = address("192.0.2.50")
    reply[28:44] = request[28:44]
    reply[236:240] = MAGIC
    said = ACK if kind(request) == REQUEST else OFFER
    reply += option(TYPE, bytes([said])) + option(SERVER, address("192.0.2.1"))
    if kind(request) in (DISCOVER, REQUEST):
        reply += option(LEASE, struct.pack("!I", lease)) + option(MASK, address("255.255.255.0"))
        reply += option(T1, struct.pack("!I", 1)) + option(T2, struct.pack("!I", max(1, lease - 1)))
    reply += options(path) + bytes([END])
    return bytes(reply).ljust(300, b"\0")


def main():
    interface, lease, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        s.bind(("", 67))
        while True:
            request, sender = s.recvfrom(4096)
            if kind(request) not in (DISCOVER, REQUEST) or os.path.exists("/run/silent"):
                continue
            to = "255.255.255.255" if sender[0] == "0.0.0.0" else sender[0]
            s.sendto(answer(request, lease, path), (to, 68))


main()
