"""Milenage (3GPP TS 35.206) as an HSS needs it, Python standard library only."""
import hmac


def _gf(a, b):
    r = 0
    while b:
        if b & 1:
            r ^= a
        a = (a << 1) ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return r


def _sbox():
    box = []
    for x in range(256):
        inv = next((y for y in range(256) if _gf(x, y) == 1), 0)
        v = 0x63
        for s in range(5):
            v ^= ((inv << s) | (inv >> (8 - s))) & 0xFF
        box.append(v)
    return bytes(box)


SBOX = _sbox()


def aes128(key, block):
    """Encrypt one 16-byte block (ECB). Slow, fine for a lab."""
    w = [list(key[i:i + 4]) for i in range(0, 16, 4)]
    rcon = 1
    for i in range(4, 44):
        t = list(w[i - 1])
        if i % 4 == 0:
            t = [SBOX[b] for b in t[1:] + t[:1]]
            t[0] ^= rcon
            rcon = _gf(rcon, 2)
        w.append([a ^ b for a, b in zip(w[i - 4], t)])
    rk = [sum(w[4 * r:4 * r + 4], []) for r in range(11)]
    s = [a ^ b for a, b in zip(block, rk[0])]
    for r in range(1, 11):
        s = [SBOX[b] for b in s]
        s = [s[(i + 4 * (i % 4)) % 16] for i in range(16)]          # ShiftRows, column-major
        if r < 10:
            m = []
            for c in range(0, 16, 4):
                a = s[c:c + 4]
                m += [_gf(a[i], 2) ^ _gf(a[(i + 1) % 4], 3) ^ a[(i + 2) % 4] ^ a[(i + 3) % 4] for i in range(4)]
            s = m
        s = [a ^ b for a, b in zip(s, rk[r])]
    return bytes(s)


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def opc_of(k, op):
    return xor(aes128(k, op), op)


def _out(k, opc, temp, rot, c):
    x = xor(temp, opc)
    x = x[rot // 8:] + x[:rot // 8]
    return xor(aes128(k, xor(x, bytes(15) + bytes([c]))), opc)


def milenage(k, opc, rand, sqn, amf):
    """Returns dict mac_a, mac_s, res, ck, ik, ak, ak_s (f1, f1*, f2..f5, f5*)."""
    temp = aes128(k, xor(rand, opc))
    in1 = xor((sqn + amf) * 2, opc)
    in1 = in1[8:] + in1[:8]                                          # r1 = 64
    out1 = xor(aes128(k, xor(temp, in1)), opc)                       # c1 = 0
    o2 = _out(k, opc, temp, 0, 1)
    return dict(mac_a=out1[:8], mac_s=out1[8:], res=o2[8:], ak=o2[:6],
                ck=_out(k, opc, temp, 32, 2), ik=_out(k, opc, temp, 64, 4),
                ak_s=_out(k, opc, temp, 96, 8)[:6])


def vector(k, opc, amf, sqn, rand):
    """HSS side: (AUTN, XRES, CK, IK)."""
    m = milenage(k, opc, rand, sqn, amf)
    return xor(sqn, m["ak"]) + amf + m["mac_a"], m["res"], m["ck"], m["ik"]


def check_auts(k, opc, rand, auts_):
    """HSS side: returns the UE's SQN, or None when MAC-S is wrong."""
    ak_s = milenage(k, opc, rand, bytes(6), b"\0\0")["ak_s"]
    sqn_ms = xor(auts_[:6], ak_s)
    good = milenage(k, opc, rand, sqn_ms, b"\0\0")["mac_s"]
    return sqn_ms if hmac.compare_digest(good, auts_[6:14]) else None


def selftest():
    """3GPP TS 35.208 test set 1."""
    h = bytes.fromhex
    assert aes128(h("000102030405060708090a0b0c0d0e0f"), h("00112233445566778899aabbccddeeff")) == \
        h("69c4e0d86a7b0430d8cdb78070b4c55a")
    k, op = h("465b5ce8b199b49faa5f0a2ee238a6bc"), h("cdc202d5123e20f62b6d676ac72cb318")
    opc = opc_of(k, op)
    assert opc == h("cd63cb71954a9f4e48a5994e37a02baf")
    m = milenage(k, opc, h("23553cbe9637a89d218ae64dae47bf35"), h("ff9bb4d0b607"), h("b9b9"))
    want = dict(mac_a="4a9ffac354dfafb3", mac_s="01cfaf9ec4e871e9", res="a54211d5e3ba50bf", ak="aa689c648370",
                ck="b40ba9a3c58b2a05bbf0d987b21bf8cb", ik="f769bcd751044604127672711c6d3441", ak_s="451e8beca43b")
    for n, v in want.items():
        assert m[n] == h(v), n


if __name__ == "__main__":
    selftest()
    print("milenage: TS 35.208 test set 1 ok")
