"""A small SIP endpoint for driving the lab (python 3 standard library only).

Not a SIP stack: no retransmission of requests, one socket per endpoint, just
enough to send PUBLISH and SUBSCRIBE, answer NOTIFY, and do digest (RFC 7616).
"""
import hashlib, http.client, os, queue, random, re, select, socket, ssl, threading, time, urllib.request


def tok(n=10):
    return "".join(random.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(n))


class Msg:
    """A parsed SIP message: start, headers (list of pairs), body (bytes)."""
    COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact",
               "l": "content-length", "c": "content-type", "o": "event", "k": "supported"}

    def __init__(self, raw):
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = re.sub(r"\r\n[ \t]+", " ", head.decode("utf-8", "replace")).split("\r\n")
        self.start, self.headers = lines[0], []
        for ln in lines[1:]:
            k, _, v = ln.partition(":")
            k = k.strip().lower()
            self.headers.append((self.COMPACT.get(k, k), v.strip()))
        self.raw, self.at = raw, time.monotonic()
        self.is_request = not self.start.startswith("SIP/2.0 ")
        self.method = self.start.split()[0] if self.is_request else self.get("cseq").split()[1]
        self.code = 0 if self.is_request else int(self.start.split()[1])

    def get(self, name, default=None):
        for k, v in self.headers:
            if k == name.lower():
                return v
        return default

    def all(self, name):
        return [v for k, v in self.headers if k == name.lower()]

    def tag(self, name):
        m = re.search(r";tag=([^;>\s]+)", self.get(name) or "")
        return m.group(1) if m else None

    def text(self):
        return self.raw.decode("utf-8", "replace")


def params(s):
    """Comma separated key=value with quoted strings, as in WWW-Authenticate."""
    return {k.lower(): q or p for k, q, p in re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', s)}


def digest(chal, user, pw, method, uri, nc=1):
    p = params(chal.partition(" ")[2])
    alg = p.get("algorithm", "MD5")
    h = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[alg.upper().replace("-SESS", "")]
    H = lambda s: h(s.encode()).hexdigest()
    cn, n = tok(16), "%08x" % nc
    a1, a2 = H(f"{user}:{p['realm']}:{pw}"), H(f"{method}:{uri}")
    out = f'Digest username="{user}", realm="{p["realm"]}", nonce="{p["nonce"]}", uri="{uri}"'
    if "qop" in p:
        out += ', response="%s", qop=auth, nc=%s, cnonce="%s"' % (
            H("%s:%s:%s:%s:auth:%s" % (a1, p["nonce"], n, cn, a2)), n, cn)
    else:
        out += ', response="%s"' % H("%s:%s:%s" % (a1, p["nonce"], a2))
    if "algorithm" in p:
        out += ", algorithm=" + alg
    if "opaque" in p:
        out += ', opaque="%s"' % p["opaque"]
    return out


class Endpoint:
    """One socket to the server; NOTIFY requests are answered and queued."""

    def __init__(self, host, port, transport="udp", ca=None, user="alice", domain="lab.test",
                 password=None, answer=200, keep_raw=True):
        self.host, self.port, self.transport = host, port, transport
        self.user, self.domain, self.password = user, domain, password
        self.answer = answer            # code for NOTIFY, or a function of the message, or None
        self.notifies, self.responses = queue.Queue(), {}
        self.cond, self.alive = threading.Condition(), True
        self.challenge, self.nc, self.trace = None, 0, False
        if transport == "udp":
            self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self.s.bind((host, 0))
        else:
            self.s = socket.create_connection((host, port))
            if transport == "tls":
                ctx = ssl.create_default_context(cafile=ca)
                self.s = ctx.wrap_socket(self.s, server_hostname=host)
        self.lhost, self.lport = self.s.getsockname()[:2]
        self.s.setblocking(False)       # one lock for reads and writes: an SSL object is not
        self.lock = threading.Lock()    # safe for two threads at once
        self.thread = threading.Thread(target=self._loop, daemon=True)
        self.thread.start()

    @property
    def contact(self):
        t = "" if self.transport == "udp" else ";transport=" + self.transport
        return f"<sip:{self.user}@{self.lhost}:{self.lport}{t}>"

    def send(self, data):
        if isinstance(data, str):
            data = data.encode()
        if self.trace:
            print(">>>\n" + data.decode("utf-8", "replace"))
        view = memoryview(data)
        while view:
            with self.lock:
                try:
                    if self.transport == "udp":
                        self.s.sendto(view, (self.host, self.port))
                        return
                    view = view[self.s.send(view):]
                    continue
                except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    pass
            select.select([], [self.s], [], 0.2)

    def _recv(self):
        """Next chunk; None when there is nothing yet, b"" at the end."""
        with self.lock:
            try:
                return self.s.recv(65535)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            except OSError:
                return b""
        select.select([self.s], [], [], 0.2)
        return None

    def _loop(self):
        buf = b""
        while self.alive:
            data = self._recv()
            if data is None:
                continue
            if not data:
                break
            if self.transport == "udp":
                self._got(data)
                continue
            buf += data
            while True:
                buf = buf.lstrip(b"\r\n")
                head, sep, rest = buf.partition(b"\r\n\r\n")
                if not sep:
                    break
                m = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d+)", head)
                n = int(m.group(1)) if m else 0
                if len(rest) < n:
                    break
                self._got(head + sep + rest[:n])
                buf = rest[n:]
        with self.cond:
            self.alive = False
            self.cond.notify_all()

    def _got(self, raw):
        try:
            m = Msg(raw)
        except Exception:
            return
        if self.trace:
            print("<<<\n" + m.text())
        if m.is_request:
            code = self.answer(m) if callable(self.answer) else self.answer
            if code:
                self.send(self.reply(m, code))
            self.notifies.put(m)
        else:
            with self.cond:
                self.responses.setdefault((m.get("call-id"), m.get("cseq")), []).append(m)
                self.cond.notify_all()

    def reply(self, m, code, extra=""):
        out = [f"SIP/2.0 {code} Lab"]
        out += [f"Via: {v}" for v in m.all("via")]
        out += [f"From: {m.get('from')}", f"To: {m.get('to')}", f"Call-ID: {m.get('call-id')}",
                f"CSeq: {m.get('cseq')}"]
        return "\r\n".join(out) + "\r\n" + extra + "Content-Length: 0\r\n\r\n"

    def request(self, method, ruri, from_, to, callid, cseq, extra=(), body=b"", ctype=None,
                timeout=5, auth=True, branch=None):
        """Sends one request, does digest once when asked; returns the final response."""
        for attempt in (0, 1):
            h = [f"{method} {ruri} SIP/2.0",
                 f"Via: SIP/2.0/{self.transport.upper()} {self.lhost}:{self.lport};rport;"
                 f"branch={branch or 'z9hG4bK' + tok(12)}",
                 "Max-Forwards: 70", f"From: {from_}", f"To: {to}", f"Call-ID: {callid}",
                 f"CSeq: {cseq} {method}"]
            h += list(extra)
            if auth and self.challenge and self.password:
                self.nc += 1
                name = "Proxy-Authorization" if self.challenge[0] == 407 else "Authorization"
                h.append(f"{name}: " + digest(self.challenge[1], self.user, self.password, method,
                                              ruri, self.nc))
            if ctype:
                h.append(f"Content-Type: {ctype}")
            h.append(f"Content-Length: {len(body)}")
            with self.cond:
                self.responses.pop((callid, f"{cseq} {method}"), None)
            self.send(("\r\n".join(h) + "\r\n\r\n").encode() + body)
            r = self.wait(callid, f"{cseq} {method}", timeout)
            if r and r.code in (401, 407) and auth and self.password and attempt == 0:
                self.challenge = (r.code, r.get("www-authenticate") or r.get("proxy-authenticate"))
                self.nc = 0
                cseq += 1
                self.last_cseq = cseq
                continue
            self.last_cseq = cseq
            return r

    def wait(self, callid, cseq, timeout):
        end = time.monotonic() + timeout
        with self.cond:
            while True:
                for m in self.responses.get((callid, cseq), []):
                    if m.code >= 200:
                        return m
                left = end - time.monotonic()
                if left <= 0 or not self.alive:
                    return None
                self.cond.wait(left)

    def notify(self, timeout=5, callid=None):
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            if left <= 0:
                return None
            try:
                m = self.notifies.get(timeout=left)
            except queue.Empty:
                return None
            if callid is None or m.get("call-id") == callid:
                return m

    def drain(self, quiet=1.0, callid=None):
        out = []
        while True:
            m = self.notify(quiet, callid)
            if m is None:
                return out
            out.append(m)

    def close(self):
        self.alive = False
        self.thread.join(2)             # before close: the descriptor may be reused at once
        self.s.close()


class Subscription:
    def __init__(self, ep, target, event="conference", expires=600, accept=
                 "application/conference-info+xml", event_id=None, contact=None):
        self.ep, self.target, self.event, self.expires = ep, target, event, expires
        self.accept, self.contact = accept, contact or ep.contact
        self.callid, self.ftag, self.cseq = tok(16) + "@" + ep.lhost, tok(), 1
        self.totag, self.remote = None, target
        self.event_h = event + (f";id={event_id}" if event_id else "")

    def send(self, expires=None, extra=(), auth=True, timeout=5):
        if expires is not None:
            self.expires = expires
        ep = self.ep
        to = f"<{self.target}>" + (f";tag={self.totag}" if self.totag else "")
        h = [f"Contact: {self.contact}", f"Event: {self.event_h}"]
        if self.expires is not False:
            h.append(f"Expires: {self.expires}")
        if self.accept:
            h.append(f"Accept: {self.accept}")
        r = ep.request("SUBSCRIBE", self.remote, f"<sip:{ep.user}@{ep.domain}>;tag={self.ftag}", to,
                       self.callid, self.cseq, h + list(extra), auth=auth, timeout=timeout)
        self.cseq = ep.last_cseq + 1
        if r and r.code < 300:
            self.totag = r.tag("to") or self.totag
            m = re.search(r"<([^>]+)>", r.get("contact") or "")
            if m:
                self.remote = m.group(1)
        return r

    def next(self, timeout=5):
        return self.ep.notify(timeout, self.callid)


class Publication:
    def __init__(self, ep, target, event="conference", ctype="application/conference-info+xml"):
        self.ep, self.target, self.event, self.ctype = ep, target, event, ctype
        self.callid, self.ftag, self.cseq, self.etag = tok(16) + "@" + ep.lhost, tok(), 1, None

    def send(self, body=b"", expires=600, timeout=5):
        ep, h = self.ep, [f"Event: {self.event}", f"Expires: {expires}"]
        if self.etag:
            h.append(f"SIP-If-Match: {self.etag}")
        if isinstance(body, str):
            body = body.encode()
        r = ep.request("PUBLISH", self.target, f"<{self.target}>;tag={self.ftag}",
                       f"<{self.target}>", self.callid, self.cseq, h, body,
                       self.ctype if body else None, timeout=timeout)
        self.cseq = ep.last_cseq + 1
        if r and r.code < 300:
            self.etag = r.get("sip-etag")
        return r


def leave_full(env, room_user, doc):
    """Leaves the whole document with the lab, for watchers that come or refresh
    while the published document is a partial one (see conf/kamailio.cfg.in)."""
    m = re.search(r'<conference-info[^>]*? version="(\d+)"', doc)
    for part, text in (("h", doc[:m.start(1)]), ("t", doc[m.end(1):])):
        q = urllib.request.Request(
            f"http://{env['LAB_HOST']}:{env['LAB_HTTP_PORT']}/lab-full/{room_user}/{part}",
            text.encode(), {"Content-Type": "text/plain"}, method="PUT")
        urllib.request.urlopen(q, timeout=5).read()


def read_env(path=None):
    """lab.env of the run folder given, or the process environment."""
    env = dict(os.environ)
    path = path or (os.path.join(env["LAB_DIR"], "lab.env") if "LAB_DIR" in env else None)
    if path and os.path.exists(path):
        for ln in open(path):
            k, _, v = ln.strip().partition("=")
            if k:
                env[k] = v
    return env


class Xcap:
    """XCAP requests of one user, with HTTP digest."""

    def __init__(self, env, user="alice", password=None):
        self.env, self.user, self.password = env, user, password or user + "pw"

    def put(self, path, body, ctype):
        """Status of a PUT; answers one challenge."""
        header = {"Content-Type": ctype}
        for _ in (0, 1):
            c = http.client.HTTPConnection(self.env["LAB_HOST"], int(self.env["LAB_HTTP_PORT"]), timeout=5)
            try:
                c.request("PUT", path, body, header)
                r = c.getresponse()
                r.read()
            finally:
                c.close()
            if r.status != 401 or "Authorization" in header:
                return r.status
            header["Authorization"] = digest(r.headers["WWW-Authenticate"], self.user, self.password, "PUT", path)
        return r.status
