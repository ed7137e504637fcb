#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""netem_model.py > netem_decisions.h: what sch_netem does to numbered packets, as tables for test_netem_decisions.c.

A model of net/sched/sch_netem.c (Linux 6.12) that shares no code with src/impair, so that a mistake
would have to be made twice. The kernel itself is compared in tests/integration/test_oracle.c."""
import bisect
import math

PACKETS = 2500
LENGTH = 100
GAP_NS = 100_000
MS = 1_000_000
ALL = 2**32 - 1


def share(p):
    return round(p * ALL)


class Taus113:
    """L'Ecuyer's LFSR113 with the kernel's seeding."""

    def __init__(self, seed):
        low = ((seed >> 32) ^ (seed << 10) ^ seed) & ALL
        self.z = [low + least if low < least else low for least in (2, 8, 16, 128)]

    def draw(self):
        a, b, c, d = self.z
        a = (((a & 0xFFFFFFFE) << 18) & ALL) ^ ((((a << 6) & ALL) ^ a) >> 13)
        b = (((b & 0xFFFFFFF8) << 2) & ALL) ^ ((((b << 2) & ALL) ^ b) >> 27)
        c = (((c & 0xFFFFFFF0) << 7) & ALL) ^ ((((c << 13) & ALL) ^ c) >> 21)
        d = (((d & 0xFFFFFF80) << 13) & ALL) ^ ((((d << 3) & ALL) ^ d) >> 12)
        self.z = [a, b, c, d]
        return a ^ b ^ c ^ d


def tables():
    """iproute2's netem/normal.c, pareto.c and paretonormal.c, as they are written there."""
    def clip(v):
        return max(-32768, min(32767, v))
    inverse, x = {}, -10.0
    while x < 10.05:
        inverse[round(16384 * (.5 + .5 * math.erf(x / math.sqrt(2.0))))] = x
        x += .00005
    normal = [round(inverse[i] * 8192) for i in range(0, 16384, 4)]
    pareto = [round(min(32767, ((i / 65536) ** (-1 / 3.0) - 1.5) * (4 / 3.0) * 8192)) for i in range(65536, 0, -16)]
    mixed = [int((n + 3 * p) / 4) for n, p in zip(normal, pareto)]
    return {"normal": list(map(clip, normal)), "pareto": pareto, "paretonormal": list(map(clip, mixed))}


TABLES = tables()


class Netem:
    def __init__(self, seed, loss, duplicate=0.0, corrupt=0.0, reorder=0.0, gap=0, delay=0, jitter=0, table=None, rate=0):
        self.prng = Taus113(seed)
        self.model, values = loss
        self.loss = [share(v) for v in values]
        if self.model == "gemodel":
            self.loss[2] = ALL - self.loss[2]  # tc sends h, not 1-h
        self.state = "good" if self.model == "gemodel" else "tx gap"
        self.duplicate, self.corrupt, self.reorder = share(duplicate), share(corrupt), share(reorder)
        self.gap = gap if gap else 1 if reorder else 0
        self.delay, self.jitter, self.table, self.rate = delay, jitter, TABLES.get(table), rate
        self.counter = 0
        self.fifo = []  # (time to send, insertion, packet, is corrupted), sorted
        self.inserted = 0
        self.delivered = []
        self.lost = self.doubled = self.corrupted = self.overtook = 0

    def is_lost(self):
        draw = self.prng.draw
        if self.model == "random":
            return self.loss[0] > 0 and draw() <= self.loss[0]
        if self.model == "gemodel":
            p, r, h, k = self.loss
            was = self.state
            transition, verdict = draw(), draw()
            if was == "good":
                self.state = "bad" if transition < p else "good"
                return verdict < k
            self.state = "good" if transition < r else "bad"
            return verdict > h
        p13, p31, p32, p23, p14 = self.loss
        rnd, was = draw(), self.state
        if was == "tx gap":
            self.state = "lost gap" if rnd < p14 else "lost burst" if rnd < p13 + p14 else was
        elif was == "tx burst":
            self.state = "lost burst" if rnd < p23 else was
        elif was == "lost burst":
            self.state = "tx burst" if rnd < p32 else "tx gap" if rnd < p31 + p32 else was
        else:
            self.state = "tx gap"
        return self.state.startswith("lost")

    def draw_delay(self):
        if self.jitter == 0:
            return self.delay
        rnd = self.prng.draw()
        if self.table is None:
            return rnd % (2 * self.jitter) + self.delay - self.jitter
        t = self.table[rnd % len(self.table)]
        scaled = (self.jitter % 8192) * t
        scaled = int(math.copysign((abs(scaled) + 4096) // 8192, scaled)) if scaled else 0
        return scaled + (self.jitter // 8192) * t + self.delay

    def dequeue(self, now):
        while self.fifo and self.fifo[0][0] <= now:
            due, _, packet, corrupted = self.fifo.pop(0)
            self.delivered.append((packet, due, corrupted))

    def enqueue(self, packet, now, is_clone=False):
        copies = 1
        if self.duplicate and not is_clone and self.prng.draw() <= self.duplicate:
            copies += 1
            self.doubled += 1
        if self.is_lost():
            copies -= 1
            self.lost += 1
        if copies == 0:
            return
        corrupted = bool(self.corrupt) and self.prng.draw() <= self.corrupt
        self.corrupted += corrupted
        if copies > 1:
            self.enqueue(packet, now, is_clone=True)
        if self.gap and self.counter >= self.gap - 1 and self.reorder >= self.prng.draw():
            self.counter = 0
            self.overtook += 1
            self.delivered.append((packet, now, corrupted))
            return
        self.counter += 1
        start, delay = now, self.draw_delay()
        if self.rate:
            if self.fifo:
                start = self.fifo[-1][0]
                delay = max(0, delay - (start - now))
            delay += LENGTH * 10**9 // (self.rate // 8)
        self.inserted += 1
        # what netem would send in the past leaves now
        bisect.insort(self.fifo, (max(start + delay, now), self.inserted, packet, corrupted))


LOSSES = [
    ("random", ("random", [0.1])),
    ("gemodel", ("gemodel", [0.05, 0.3, 0.7, 0.01])),
    ("state", ("state", [0.05, 0.3, 0.2, 0.5, 0.01])),
    # rate 5 %, bursts of 4: p = r * rate / (1 - rate)
    ("burst", ("gemodel", [0.25 * 0.05 / 0.95, 0.25, 1.0, 0.0])),
]
# not a multiple of the gap: what overtakes never leaves at the very time of another
DELAY = {"delay": 40 * MS + 50_000}
JITTER = {**DELAY, "jitter": 15 * MS}
ORDERED = {**JITTER, "rate": 10**12}  # as netlab has netem keep order; no frame of this size takes a nanosecond
RATE = {**DELAY, "rate": 10_000_000}
DOUBLE, CORRUPT, REORDER = {"duplicate": 0.07}, {"corrupt": 0.06}, {**DELAY, "reorder": 0.3}
GAP = {**REORDER, "gap": 4}
MIXES = [
    ("alone", {}),
    ("duplicate", DOUBLE),
    ("corrupt", CORRUPT),
    ("delay", DELAY),
    ("jitter", ORDERED),
    ("reorder", REORDER),
    ("gap", GAP),
    ("rate", RATE),
    ("duplicate corrupt gap rate", {**DOUBLE, **CORRUPT, **GAP, **RATE}),
    ("duplicate corrupt gap jitter", {**DOUBLE, **CORRUPT, **GAP, **ORDERED}),
    ("duplicate jitter free", {**DOUBLE, **JITTER}),
    ("duplicate jitter free normal", {**DOUBLE, **JITTER, "table": "normal"}),
    ("corrupt jitter free pareto", {**CORRUPT, **JITTER, "table": "pareto"}),
    ("duplicate corrupt gap jitter free paretonormal",
     {**DOUBLE, **CORRUPT, **GAP, **JITTER, "table": "paretonormal"}),
]


def digest(values):
    h = 0xCBF29CE484222325
    for v in values:
        for _ in range(8):
            h = ((h ^ (v & 0xFF)) * 0x100000001B3) & (2**64 - 1)
            v >>= 8
    return h


def main():
    print("/* SPDX-License-Identifier: MIT */")
    print("/* Made by netem_model.py: what sch_netem does to 2,500 packets of each parameter set. */")
    print("static const struct decisions decisions[] = {")
    for number, (loss_name, loss) in enumerate(LOSSES):
        for mix_name, mix in MIXES:
            seed = 0x0123456789ABCDEF * (number + 1) % 2**64
            netem = Netem(seed, loss, **mix)
            for i in range(1, PACKETS + 1):
                netem.dequeue(i * GAP_NS)
                netem.enqueue(i, i * GAP_NS)
            netem.dequeue(10**18)
            netem.delivered.sort(key=lambda d: d[1])  # stable: as they left
            print(f'\t{{ "{loss_name}", "{mix_name}", {seed:#x}, {netem.lost}, {netem.doubled}, {netem.corrupted}, '
                  f'{netem.overtook}, {digest(v for d in netem.delivered for v in d):#x} }},')
    print("};")


if __name__ == "__main__":
    main()
