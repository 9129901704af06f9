#!/usr/bin/env python3
"""Puts a break-glass key together from its shares, without pkeys. Needs Python 3.6 and nothing else.

    umask 077; D=$(mktemp -d -p /dev/shm); python3 combine.py > $D/key

Before you run it, compare `sha256sum combine.py` with the sheets: a repository's copy can be replaced.
Type the lines of the shares as they stand on their sheets (2.1 QQQQQ ... 7F3A), or scan the codes (PKEYS-SHARE-1...);
end with Ctrl-D. The format: docs/break-glass.md of pkeys.
"""
import binascii
import sys

ALPHABET = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"
# What a share begins with, and the key that it is of: the second one is post-quantum.
KINDS = {"PKEYS-SHARE-1": "AGE-SECRET-KEY-1", "PKEYS-SHARE-PQ-1": "AGE-SECRET-KEY-PQ-1"}


def bech32_checksum(prefix, values):
    """The six values of BIP 173 that make `prefix`1`values` valid."""
    prefix = prefix.lower()
    spread = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = 1
    for value in spread + values + [0] * 6:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate([0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3]):
            if top >> bit & 1:
                check ^= generator
    check ^= 1
    return [check >> 5 * (5 - i) & 31 for i in range(6)]


def multiply(a, b):
    """In GF(2^8) with the polynomial of AES, x^8 + x^4 + x^3 + x + 1."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (a >> 7) * 0x11B
        b >>= 1
    return product


def inverse(a):
    product = 1
    for _ in range(254):
        product = multiply(product, a)
    return product


def read_shares(lines):
    whole, parts = [], {}
    for line in lines:
        words = line.upper().split()
        # The lines about signers are for pkeys.
        if not words or words[0].rstrip(".:)") in ("F", "S1", "S2"):
            continue
        if words[0].startswith("PKEYS-"):
            whole.append("".join(words).split("1", 1)[-1])
            continue
        label, text = words[0], "".join(words[1:]).replace("-", "")
        if "%04X" % binascii.crc_hqx((label + text[:-4]).encode(), 0xFFFF) != text[-4:]:
            sys.exit("line %s does not fit its checksum: type it again" % (label if len(label) < 5 else "without number"))
        share, number = label.split(".")
        parts.setdefault(share, {})[number] = text[:-4]
    return whole + ["".join(text for _, text in sorted(part.items())) for part in parts.values()]


def read_bytes(number, text):
    values = [ALPHABET.find(c) for c in text]
    kinds = [kind for kind in KINDS if bech32_checksum(kind[:-1], values[:-6]) == values[-6:]]
    if len(text) != 69 or -1 in values or not kinds:
        sys.exit("the %d. share is damaged or not complete" % number)
    bits = "".join("{:05b}".format(value) for value in values[:-6])
    return KINDS[kinds[0]], int(bits[: 39 * 8], 2).to_bytes(39, "big")


read = [read_bytes(i + 1, text) for i, text in enumerate(read_shares(sys.stdin))]
shares = [share for _, share in read]
if not shares or len({(kind, share[:6]) for kind, share in read}) != 1:
    sys.exit("these are not shares of one key")
points = {share[6]: share[7:] for share in shares}
if len(points) < shares[0][4]:
    sys.exit("%d different shares are there, %d are needed" % (len(points), shares[0][4]))

key = bytes(32)
for x, ys in points.items():
    weight = 1
    for other in points:
        if other != x:
            weight = multiply(weight, multiply(other, inverse(other ^ x)))
    key = bytes(k ^ multiply(weight, y) for k, y in zip(key, ys))

bits = "".join("{:08b}".format(byte) for byte in key) + "0" * 4
values = [int(bits[i : i + 5], 2) for i in range(0, 260, 5)]
start = read[0][0]
print(start + "".join(ALPHABET[v] for v in values + bech32_checksum(start[:-1], values)))
