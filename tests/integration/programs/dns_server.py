# SPDX-License-Identifier: MIT
"""dns_server ADDRESS NAME IPV4: answers A queries for one name on UDP port 53, and none for others."""
import socket
import struct
import sys


def answer(query, name, address):
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += query[at] + 1
    end = at + 5
    kind = struct.unpack("!H", query[at + 1:at + 3])[0]
    known = ".".join(labels).lower() == name
    records = known and kind == 1
    header = query[:2] + struct.pack("!HHHHH", 0x8580 if known else 0x8583, 1, records, 0, 0)
    reply = header + query[12:end]
    if records:
        reply += struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + socket.inet_aton(address)
    return reply


def main():
    where, name, address = sys.argv[1:]
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((where, 53))
    print("ready", flush=True)
    while True:
        query, client = server.recvfrom(4096)
        print("asked", flush=True)
        server.sendto(answer(query, name, address), client)


main()
