"""Waits until every SIP node answers OPTIONS and both CSCFs have a Diameter connection to the HSS.

ready.py HOST HSS-CONTROL-PORT PID-FILE NODE=PORT…; exit status 1 when that takes longer than 20 s, or a process ends.
"""
import json, socket, sys, time

OPTIONS = (
    "OPTIONS sip:{ip}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {ip}:{me};branch=z9hG4bKr{me}{port}\r\nMax-Forwards: 10\r\n"
    "From: <sip:ready@{ip}>;tag=r\r\nTo: <sip:{ip}:{port}>\r\nCall-ID: ready{me}{port}\r\nCSeq: 1 OPTIONS\r\n"
    "Content-Length: 0\r\n\r\n")


def ask(ip, port, make):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((ip, 0))
        s.settimeout(0.2)
        try:
            s.sendto(make(s.getsockname()[1]).encode(), (ip, port))
            return s.recv(65535)
        except OSError:
            return b""


def answers(ip, port):
    return ask(ip, port, lambda me: OPTIONS.format(ip=ip, port=port, me=me)).startswith(b"SIP/2.0 200")


def alive(pids):
    for line in open(pids):
        try:
            if open("/proc/%s/stat" % line.split()[1]).read().rsplit(")", 1)[1].split()[0] == "Z":
                return False
        except OSError:
            return False
    return True


ip, control, pids = sys.argv[1], int(sys.argv[2]), sys.argv[3]
todo = dict(a.split("=") for a in sys.argv[4:])
peers = []
end = time.monotonic() + 20
while time.monotonic() < end and alive(pids):
    todo = {node: port for node, port in todo.items() if not answers(ip, int(port))}
    peers = json.loads(ask(ip, control, lambda me: '{"cmd":"peers"}') or b"[]")
    if not todo and len(peers) == 2:
        sys.exit(not alive(pids))
    time.sleep(0.05)
print("not ready: SIP %s, Diameter peers %s" % (sorted(todo), peers), file=sys.stderr)
sys.exit(1)
