"""Lab HSS: Diameter Cx (TS 29.228/29.229) over TCP. Python standard library only.

Answers CER/DWR/DPR, UAR, MAR (Digest-AKAv1-MD5 with re-sync, SIP Digest), SAR (profile XML with iFC),
LIR (users, and public service identities that resolve straight to the AS); sends RTR on request.
Control: one JSON object per UDP datagram to --control, answered in JSON:
  {"cmd":"peers"} {"cmd":"log"} {"cmd":"clear"} {"cmd":"user","impi":..} {"cmd":"rtr","impi":..,"reason":"text"}
  {"cmd":"set","impi":..,"field":"scheme","value":"md5"}
"""
import argparse, asyncio, json, os, re, struct, time
from hashlib import md5
from xml.sax.saxutils import escape
import milenage as mil

TGPP, CX, SUCCESS = 10415, 16777216, 2001
NAMES = {257: "CE", 280: "DW", 282: "DP", 300: "UA", 301: "SA", 302: "LI", 303: "MA", 304: "RT", 305: "PP"}


def avp(code, data, vendor=0, mand=True):
    if isinstance(data, str):
        data = data.encode()
    elif isinstance(data, int):
        data = struct.pack("!I", data)
    elif isinstance(data, list):
        data = b"".join(data)
    flags = (0x80 if vendor else 0) | (0x40 if mand else 0)
    n = 8 + (4 if vendor else 0) + len(data)
    head = struct.pack("!II", code, flags << 24 | n) + (struct.pack("!I", vendor) if vendor else b"")
    return head + data + bytes(-n % 4)


def g(code, data):
    """A 3GPP AVP."""
    return avp(code, data, TGPP)


def parse(buf):
    out, i = [], 0
    while i + 8 <= len(buf):
        code, fl = struct.unpack_from("!II", buf, i)
        n, h, vendor = fl & 0xFFFFFF, 8, 0
        if fl >> 31:
            vendor, h = struct.unpack_from("!I", buf, i + 8)[0], 12
        if n < h:
            break
        out.append((code, vendor, buf[i + h:i + n]))
        i += n + (-n % 4)
    return out


def first(avps, code, vendor=None):
    return next((d for c, v, d in avps if c == code and vendor in (None, v)), b"")


def text(avps, code):
    return first(avps, code).decode("utf-8", "replace")


def pack(flags, cmd, app, hbh, e2e, avps):
    body = b"".join(avps)
    return struct.pack("!IIIII", 1 << 24 | 20 + len(body), flags << 24 | cmd, app, hbh, e2e) + body


def exp(code):
    """Experimental-Result."""
    return avp(297, [avp(266, TGPP), avp(298, code)])


class Hss:
    def __init__(self, conf):
        c = json.load(open(conf))
        self.host, self.realm, self.ifcs, self.psis = c["origin_host"], c["realm"], c["ifc"], c["psi"]
        self.users = c["users"]
        self.peers, self.log, self.seq = {}, [], 1
        for u in self.users:
            u.setdefault("scscf", "")
            u.setdefault("registered", False)
            u["sqn"] = int(u.get("sqn", 32))

    # -- data -----------------------------------------------------------------------------
    def user(self, impi=None, impu=None):
        for u in self.users:
            if impi and u["impi"] == impi and (not impu or impu in u["impu"]):
                return u
            if not impi and impu in u["impu"]:
                return u

    def profile(self, u):
        x = ['<?xml version="1.0" encoding="UTF-8"?><IMSSubscription><PrivateID>%s</PrivateID><ServiceProfile>'
             % escape(u["impi"])]
        for i in u["impu"]:
            bar = "<BarringIndication>1</BarringIndication>" if i in u.get("barred", []) else ""
            x.append("<PublicIdentity>%s<Identity>%s</Identity></PublicIdentity>" % (bar, escape(i)))
        for prio, f in enumerate(u["ifc"]):
            f = self.ifcs[f]
            x.append("<InitialFilterCriteria><Priority>%d</Priority><TriggerPoint><ConditionTypeCNF>%d"
                     "</ConditionTypeCNF>" % (prio, f.get("cnf", 1)))
            for n, s in enumerate(f["spt"]):
                inner = "".join("<%s>%s</%s>" % (k, escape(str(v)), k) for k, v in s.items()
                                if k in ("Method", "RequestURI", "SessionCase"))
                if "Header" in s:
                    inner += "<SIPHeader><Header>%s</Header>%s</SIPHeader>" % (
                        escape(s["Header"]), "<Content>%s</Content>" % escape(s["Content"]) if "Content" in s else "")
                x.append("<SPT><ConditionNegated>%d</ConditionNegated><Group>%d</Group>%s</SPT>"
                         % (s.get("negated", 0), s.get("group", n), inner))
            x.append("</TriggerPoint><ApplicationServer><ServerName>%s</ServerName><DefaultHandling>%d"
                     "</DefaultHandling></ApplicationServer></InitialFilterCriteria>"
                     % (escape(f["server"]), f.get("default", 0)))
        return "".join(x) + "</ServiceProfile></IMSSubscription>"

    # -- Cx commands: each returns the AVPs after Origin-Host/Realm ---------------------------
    def uar(self, a):
        u = self.user(text(a, 1))
        if not u:
            return [exp(5001)]                                     # USER_UNKNOWN
        if text(a, 601) not in u["impu"]:
            return [exp(5002)]                                     # IDENTITIES_DONT_MATCH
        if text(a, 601) in u.get("barred", []) and len(u["impu"]) == 1:
            return [avp(268, 5003)]                                # AUTHORIZATION_REJECTED
        kind = first(a, 623)                                       # 0 REG, 1 DEREG, 2 REG+CAPABILITIES
        if u["scscf"]:
            return [avp(268, SUCCESS) if kind[-1:] == b"\1" else exp(2002), g(602, u["scscf"])]
        if kind[-1:] == b"\1":
            return [exp(5003)]                                     # IDENTITY_NOT_REGISTERED
        return [exp(2001), g(603, [g(604, 0)])]                    # FIRST_REGISTRATION + capabilities

    def mar(self, a):
        u = self.user(text(a, 1), text(a, 601))
        if not u:
            return [exp(5001)]
        item = parse(first(a, 612, TGPP))
        auth = first(item, 610, TGPP)
        u["scscf_pending"] = text(a, 602)
        if u["scheme"] == "md5":
            ha1 = md5(("%s:%s:%s" % (u["impi"], self.realm, u["password"])).encode()).hexdigest()
            data = [g(613, 1), g(608, "SIP Digest"),
                    g(635, [avp(104, self.realm), avp(121, ha1), avp(111, "MD5"), avp(110, "auth")])]
        else:
            k, opc = bytes.fromhex(u["k"]), bytes.fromhex(u["opc"])
            if len(auth) >= 30:                                    # RAND || AUTS: re-synchronisation
                ms = mil.check_auts(k, opc, auth[:16], auth[16:30])
                self.note("MAR re-sync %s: %s" % (u["impi"], "MAC-S wrong" if ms is None else "SQN=%d"
                                                  % int.from_bytes(ms, "big")))
                if ms is not None:
                    u["sqn"] = int.from_bytes(ms, "big")
            u["sqn"] += 32
            rand = os.urandom(16)
            autn, xres, ck, ik = mil.vector(k, opc, bytes.fromhex(u.get("amf", "8000")),
                                            u["sqn"].to_bytes(6, "big"), rand)
            data = [g(613, 1), g(608, "Digest-AKAv1-MD5"), g(609, rand + autn), g(610, xres), g(625, ck), g(626, ik)]
        return [avp(268, SUCCESS), avp(1, u["impi"]), g(601, text(a, 601)), g(607, 1), g(612, data)]

    def sar(self, a):
        kind = struct.unpack("!I", first(a, 614) or bytes(4))[0]
        impu = text(a, 601)
        u = self.user(text(a, 1) or None, impu)
        if not u:
            return [exp(5001)]
        if kind in (1, 2, 3):                                      # REGISTRATION, RE_REGISTRATION, UNREGISTERED_USER
            u["scscf"], u["registered"] = text(a, 602) or u["scscf"], kind != 3
        elif kind != 0:                                            # every de-registration reason
            u["scscf"], u["registered"] = "", False
        tail = [g(606, self.profile(u))] if kind <= 3 else []
        return [avp(268, SUCCESS), avp(1, u["impi"])] + tail

    def lir(self, a):
        impu = text(a, 601)
        for p in self.psis:
            if re.fullmatch(p["match"], impu):
                return [avp(268, SUCCESS), g(602, p["server"])]
        u = self.user(None, impu)
        if not u:
            return [exp(5001)]
        if u["scscf"]:
            return [avp(268, SUCCESS), g(602, u["scscf"])]
        return [exp(2003), g(603, [g(604, 0)])]                    # UNREGISTERED_SERVICE

    # -- transport ------------------------------------------------------------------------------
    def note(self, line):
        self.log.append(line)
        print("%.3f %s" % (time.time(), line), flush=True)

    def answer(self, cmd, a, sock_ip):
        base = [avp(264, self.host), avp(296, self.realm)]
        if cmd == 257:
            return base[:0] + [avp(268, SUCCESS)] + base + [
                avp(257, b"\0\1" + bytes(int(x) for x in sock_ip.split("."))), avp(266, TGPP),
                avp(269, "lab-hss", mand=False), avp(265, TGPP),
                avp(260, [avp(266, TGPP), avp(258, CX)])]
        if cmd in (280, 282):
            return [avp(268, SUCCESS)] + base
        fn = {300: self.uar, 301: self.sar, 302: self.lir, 303: self.mar}.get(cmd)
        body = fn(a) if fn else [avp(268, 3001)]
        return [avp(263, first(a, 263)), avp(260, [avp(266, TGPP), avp(258, CX)]), avp(277, 1)] + base + body

    async def peer(self, rd, wr):
        name, ip = "?", wr.get_extra_info("sockname")[0]
        try:
            while True:
                head = await rd.readexactly(20)
                vl, fc, app, hbh, e2e = struct.unpack("!IIIII", head)
                a = parse(await rd.readexactly((vl & 0xFFFFFF) - 20))
                cmd, flags = fc & 0xFFFFFF, fc >> 24
                if not flags & 0x80:
                    self.note("%s <- %sA result=%s" % (name, NAMES.get(cmd, cmd), result_of(a)))
                    continue
                if cmd == 257:
                    name = text(a, 264)
                    self.peers[name] = wr
                out = self.answer(cmd, a, ip)
                wr.write(pack(flags & 0x40, cmd, app, hbh, e2e, out))
                await wr.drain()
                if cmd != 280:
                    self.note("%s -> %sR impi=%s impu=%s type=%s scheme=%s => result=%s" % (
                        name, NAMES.get(cmd, cmd), text(a, 1), text(a, 601),
                        int.from_bytes(first(a, 614) or first(a, 623), "big"),
                        text(parse(first(a, 612)), 608), result_of(parse(b"".join(out)))))
                if cmd == 282:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if self.peers.get(name) is wr:
                del self.peers[name]
            wr.close()

    def rtr(self, impi, reason):
        u = self.user(impi)
        name = next((n for n in self.peers if n.startswith("scscf")), None)
        if not u or not name:
            return {"error": "unknown user or no S-CSCF peer"}
        self.seq += 1
        msg = [avp(263, "%s;%d;%d" % (self.host, time.time(), self.seq)),
               avp(260, [avp(266, TGPP), avp(258, CX)]), avp(277, 1), avp(264, self.host), avp(296, self.realm),
               avp(293, name), avp(283, self.realm), avp(1, impi)]
        msg += [g(601, i) for i in u["impu"]]
        msg += [g(615, [g(616, 0), g(617, reason)])]               # PERMANENT_TERMINATION
        self.peers[name].write(pack(0xC0, 304, CX, self.seq, self.seq, msg))
        self.note("RTR %s to %s" % (impi, name))
        u["scscf"], u["registered"] = "", False
        return {"sent": name}


def result_of(a):
    r = first(a, 268) or first(parse(first(a, 297)), 298)
    return int.from_bytes(r, "big")


class Control(asyncio.DatagramProtocol):
    def __init__(self, hss):
        self.hss = hss

    def connection_made(self, tr):
        self.tr = tr

    def datagram_received(self, data, addr):
        h = self.hss
        try:
            q = json.loads(data)
            c = q["cmd"]
            if c == "peers":
                r = sorted(h.peers)
            elif c == "log":
                r = h.log[-200:]
            elif c == "clear":
                h.log.clear()
                r = True
            elif c == "user":
                r = h.user(q["impi"])
            elif c == "rtr":
                r = h.rtr(q["impi"], q.get("reason", "lab"))
            elif c == "set":
                h.user(q["impi"])[q["field"]] = q["value"]
                r = True
            else:
                r = {"error": "unknown cmd"}
        except Exception as e:                                     # a lab tool: tell the caller
            r = {"error": repr(e)}
        self.tr.sendto(json.dumps(r).encode()[:60000], addr)


async def main():
    p = argparse.ArgumentParser()
    p.add_argument("--listen", required=True)
    p.add_argument("--control", required=True)
    p.add_argument("--users", required=True)
    o = p.parse_args()
    h = Hss(o.users)
    ip, port = o.listen.rsplit(":", 1)
    srv = await asyncio.start_server(h.peer, ip, int(port))
    cip, cport = o.control.rsplit(":", 1)
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: Control(h), local_addr=(cip, int(cport)))
    h.note("HSS %s listening on %s, %d users" % (h.host, o.listen, len(h.users)))
    async with srv:
        await srv.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
