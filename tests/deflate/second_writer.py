"""A second writer of deflate streams, from docs/deflate.md and RFC 1951 alone: plain Python that
shares no code with edgezip."""

from __future__ import annotations

TABLE = {
    1: (4, 4, 8, 4), 2: (4, 5, 16, 8), 3: (4, 6, 32, 32), 4: (4, 4, 16, 16), 5: (8, 16, 32, 32),
    6: (8, 16, 128, 128), 7: (8, 32, 128, 256), 8: (32, 128, 258, 1024), 9: (32, 258, 258, 4096),
}  # fmt: skip
ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
Token = tuple[int, int]
"""Length and distance; a literal is (1, 0)."""


class Chains:
    def __init__(self, data: bytes, memory: int) -> None:
        self.data, self.bits = data, memory + 7 if memory else 15
        self.lists: dict[int, list[int]] = {}
        self.before: dict[int, list[int]] = {}
        self.inserted = 0

    def hash(self, p: int) -> int:
        a, b, c = self.data[p : p + 3]
        s = (self.bits + 2) // 3
        return (a << 2 * s ^ b << s ^ c) % (1 << self.bits)

    def insert(self, end: int) -> None:
        for p in range(self.inserted, min(end, len(self.data) - 2)):
            chain = self.lists.setdefault(self.hash(p), [])
            self.before[p] = chain[::-1]
            chain.append(p)
        self.inserted = max(self.inserted, end)


def search(
    chains: Chains, p: int, best: int, level: int, strategy: int, reach: int
) -> tuple[int, int]:
    data, left = chains.data, len(chains.data) - p
    good, _, nice, chain = TABLE[level]
    if left < 3 or left <= best:
        return 0, 0
    chains.insert(p + 1)
    compared = chain >> 2 if best >= good else chain
    found = (best, 0)
    for number, q in enumerate(chains.before[p][:compared]):
        if q <= 0 or p - q > reach or (number and q <= max(p - reach, 0)):
            break
        n = 0
        while n < min(258, left) and data[q + n] == data[p + n]:
            n += 1
        if n > found[0]:
            found = (n, p - q)
            if n >= min(nice, left):
                break
    length, distance = found
    far = 32767 if strategy == 4 else 4096
    dropped = (length == 3 and distance > far) or (strategy == 1 and length <= 5)
    return (0, 0) if length == best or (level > 3 and dropped) else found


def tokens(
    data: bytes, level: int, strategy: int, window: int, memory: int,
    corrections: dict[int, Token], stored: dict[int, int],
) -> list[Token]:  # fmt: skip
    """stored: by number of tokens before them, bytes of stored blocks."""
    chains, p = Chains(data, memory), 0
    out: list[Token] = []
    reach, lazy = (1 << window) - 262, TABLE[level][1]
    known: tuple[int, int] | None = None
    while p < len(data):
        if skipped := stored.get(len(out), 0):
            stored = {number: n for number, n in stored.items() if number != len(out)}
            p, known = p + skipped, None
            continue
        if strategy in (2, 3):
            n = 0
            while (
                strategy == 3 and p and p + n < len(data) and n < 258 and data[p + n] == data[p - 1]
            ):
                n += 1
            match = (n, 1) if n >= 3 else (0, 0)
        else:
            match = known or search(chains, p, 2, level, strategy, reach)
            known = None
            if level > 3 and 3 <= match[0] < lazy:
                later = search(chains, p + 1, match[0], level, strategy, reach)
                if later[0] > match[0]:
                    known, match = later, (0, 0)
        token = match if match[0] >= 3 else (1, 0)
        if len(out) in corrections:
            token, known = corrections[len(out)], None
        if level <= 3 and token[0] > lazy:
            chains.insert(p + 1)
            chains.inserted = p + token[0]
        else:
            chains.insert(p + token[0])
        out.append(token)
        p += token[0]
    return out


def length_code(n: int) -> tuple[int, int, int]:
    """Symbol, extra bits, their value."""
    if n == 258:
        return 285, 0, 0
    bits = 0 if n < 11 else (n - 3).bit_length() - 3
    return 257 + 4 * bits + ((n - 3) >> bits), bits, (n - 3) % (1 << bits)


def distance_code(d: int) -> tuple[int, int, int]:
    bits = 0 if d < 5 else (d - 1).bit_length() - 2
    return 2 * bits + ((d - 1) >> bits), bits, (d - 1) % (1 << bits)


def lengths_of(counts: dict[int, int], most: int) -> dict[int, int]:
    """Lengths of the codes, by the heap of the page."""
    weight = dict(counts)
    while len(weight) < 2:
        highest = max(weight, default=-1)
        weight[highest + 1 if highest < 2 else 0] = 1
    depth = dict.fromkeys(weight, 0)
    heap = [-1, *sorted(weight)]
    parent: dict[int, int] = {}

    def below(a: int, b: int) -> bool:
        return (weight[a], depth[a]) <= (weight[b], depth[b])

    def sift(k: int) -> None:
        value = heap[k]
        while 2 * k < len(heap):
            j = 2 * k
            if j + 1 < len(heap) and below(heap[j + 1], heap[j]):
                j += 1
            if below(value, heap[j]):
                break
            heap[k], k = heap[j], j
        heap[k] = value

    for k in range((len(heap) - 1) // 2, 0, -1):
        sift(k)
    joined, node = [], 1000
    while len(heap) > 2:
        first, last = heap[1], heap.pop()
        heap[1] = last
        sift(1)
        second = heap[1]
        weight[node], depth[node] = (
            weight[first] + weight[second],
            max(depth[first], depth[second]) + 1,
        )
        parent[first] = parent[second] = node
        joined += [first, second]
        heap[1] = node
        sift(1)
        node += 1
    bits, over = {heap[1]: 0}, 0
    counted = [0] * (most + 2)
    for n in reversed(joined):
        bits[n] = min(bits[parent[n]] + 1, most)
        over += bits[parent[n]] + 1 > most
        counted[bits[n]] += n < 1000
    while over > 0:
        short = max(b for b in range(1, most) if counted[b])
        counted[short] -= 1
        counted[short + 1] += 2
        counted[most] -= 1
        over -= 2
        if over <= 0:
            leaves = [n for n in joined if n < 1000]
            for b in range(most, 0, -1):
                for _ in range(counted[b]):
                    bits[leaves.pop(0)] = b
    return {n: b for n, b in bits.items() if n < 1000}


def codes_of(lengths: dict[int, int]) -> dict[int, str]:
    code, out = 0, {}
    for bits in range(1, 16):
        for n in sorted(n for n in lengths if lengths[n] == bits):
            out[n] = format(code, f"0{bits}b")
            code += 1
        code <<= 1
    return out


def number(value: int, bits: int) -> str:
    return format(value, f"0{bits}b")[::-1] if bits else ""


def runs_of(lengths: list[int]) -> list[tuple[int, str]]:
    out, i = [], 0
    while i < len(lengths):
        value, end = lengths[i], i
        while end < len(lengths) and lengths[end] == value:
            end += 1
        n = end - i
        if value == 0 and n >= 3:
            n = min(n, 138)
            out.append((17, number(n - 3, 3)) if n <= 10 else (18, number(n - 11, 7)))
        else:
            out.append((value, ""))
            n -= 1
            while value and n >= 3:
                out.append((16, number(min(n, 6) - 3, 2)))
                n -= min(n, 6)
            out += [(value, "")] * (n if value else 0)
            n = end - i if value else 1
        i += n
    return out


def block(
    content: bytes, part: list[Token], last: bool, there: bool, kind: int | None = None
) -> str:
    """Bits of a block; a stored one begins with "S". there: zlib's window has the content. kind:
    which it is, where a list says so."""
    literals, p = {256: 1}, 0
    distances: dict[int, int] = {}
    parts: list[tuple[int, str, int, str]] = []
    for n, d in part:
        symbol, bits, extra = length_code(n) if d else (content[p], 0, 0)
        literals[symbol] = literals.get(symbol, 0) + 1
        far, far_bits, far_extra = distance_code(d) if d else (-1, 0, 0)
        if d:
            distances[far] = distances.get(far, 0) + 1
        parts.append((symbol, number(extra, bits), far, number(far_extra, far_bits)))
        p += n
    tables = lengths_of(literals, 15), lengths_of(distances, 15)
    rows = [[t.get(i, 0) for i in range(max(t) + 1)] for t in tables]
    runs = runs_of(rows[0]) + runs_of(rows[1])
    orders: dict[int, int] = {}
    for symbol, _ in runs:
        orders[symbol] = orders.get(symbol, 0) + 1
    third = lengths_of(orders, 7)
    listed = max([i + 1 for i, symbol in enumerate(ORDER) if third.get(symbol)] + [4])
    codes = codes_of(third)
    head = number(len(rows[0]) - 257, 5) + number(len(rows[1]) - 1, 5) + number(listed - 4, 4)
    head += "".join(number(third.get(ORDER[i], 0), 3) for i in range(listed))
    head += "".join(codes[symbol] + extra for symbol, extra in runs)
    static = (
        {i: 8 if i < 144 or i > 279 else 9 if i < 256 else 7 for i in range(288)},
        dict.fromkeys(range(32), 5),
    )

    def body(first: dict[int, str], second: dict[int, str]) -> str:
        coded = (first[s] + e + (second[d] + f if d >= 0 else "") for s, e, d, f in parts)
        return "".join(coded) + first[256]

    dynamic = head + body(codes_of(tables[0]), codes_of(tables[1]))
    fixed = body(codes_of(static[0]), codes_of(static[1]))
    if kind is not None:
        return "S" * (kind == 0) + f"{int(last)}" + ("", "10" + fixed, "01" + dynamic)[kind]
    best, other = (len(dynamic) + 10) >> 3, (len(fixed) + 10) >> 3
    if len(content) + 4 <= min(best, other) and len(content) < 65536 and there:
        return "S" + str(int(last))
    return f"{int(last)}" + ("10" + fixed if other <= best else "01" + dynamic)


def early(part: list[Token], level: int) -> int:
    """Tokens of the next block of memory level 0."""
    for n in range(4096, len(part), 4096):
        matches = [d for _, d in part[:n] if d]
        taken = sum(length for length, _ in part[: n - 1]) + (level > 3)
        packed = 8 * n + sum(5 + distance_code(d)[1] for d in matches)
        if level >= 3 and len(matches) < n // 2 and packed // 8 < taken // 2:
            return n
    return len(part)


def joined(bits: str, made: str, content: bytes) -> str:
    if made[0] != "S":
        return bits + made
    bits += made[1] + "00"
    bits += "0" * (-len(bits) % 8) + number(len(content), 16)
    return bits + number(len(content) ^ 0xFFFF, 16) + "".join(number(b, 8) for b in content)


def write(
    data: bytes,
    level: int,
    strategy: int = 0,
    window: int = 15,
    memory: int = 8,
    corrections: dict[int, Token] | None = None,
    blocks: list[tuple[int, int]] | None = None,
) -> bytes:
    """The stream. corrections: tokens by their numbers; blocks: kind and size of each."""
    stored: dict[int, int] = {}
    number_of = 0
    for kind, size in blocks or []:
        if kind:
            number_of += size
        else:
            stored[number_of] = stored.get(number_of, 0) + size
    found = tokens(data, level, strategy, window, memory, corrections or {}, stored)
    most = (1 << (memory + 6)) - 1 if memory else 32767
    bits, p, w = "", 0, 1 << window
    lazy = level > 3 and strategy not in (2, 3)
    left = list(blocks or [])
    while True:
        if left:
            kind, size = left.pop(0)
            part, found = (found[:size], found[size:]) if kind else ([], found)
            content = data[p : p + (sum(n for n, _ in part) if kind else size)]
            bits = joined(bits, block(content, part, not left, True, kind), content)
            p += len(content)
            if not left:
                break
            continue
        size = most if memory else early(found[:most], level)
        part, found = found[:size], found[size:]
        full = len(part) == most and not (lazy and part[-1][1] == 0)
        last = not found and not full
        content = data[p : p + sum(n for n, _ in part)]
        e = len(data) if last else p + len(content) - part[-1][0] + lazy
        m = {2: 1, 3: 259}.get(strategy, 262)
        there = p >= max(-(-(e + m - 2 * w) // w), 0) * w
        bits = joined(bits, block(content, part, last, there), content)
        p += len(content)
        if last:
            break
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))
