#!/usr/bin/env python3
"""Publishes a conference document as the focus would.

  publish.py --env RUN/lab.env --room room1 full:bob,carol add:dave del:bob lost add:erin end:deactivated
     full:LIST  whole document        add:X / del:X  partial document (del: state="deleted")
     lost       the NOTIFYs of the next step are not sent (a version gap follows)
     end:REASON NOTIFY with terminated;reason=REASON          remove  PUBLISH Expires: 0
     blocked:LIST  alice's block list on the XCAP server
Prints `STEP CODE` when the answer to the step is here.
"""
import argparse, sys, time
from siplib import Endpoint, Publication, Xcap, leave_full, read_env
import samples as S


class Focus:
    """Keeps the roster and publishes full or partial documents for it."""

    def __init__(self, env, room, transport="tcp"):
        self.env, self.room, self.n, self.users = env, room, 0, []
        self.uri = f"sip:{room}@{env['LAB_DOMAIN']}"
        self.ep = Endpoint(env["LAB_HOST"], int(env["LAB_SIP_PORT"]), transport, user="focus",
                           domain=env["LAB_DOMAIN"], password="focuspw")
        self.pub, self.lose = Publication(self.ep, self.uri), False

    def u(self, name):
        return name if ":" in name else f"sip:{name}@{self.env['LAB_DOMAIN']}"

    def _send(self, users, pi="", state="full", expires=600):
        self.n += 1
        r = self.pub.send(S.conference(self.uri, users, self.n, pi=pi, users_state=state), expires)
        return r.code if r else None

    def full(self, names):
        self.users = list(names)
        return self._send([S.user(self.u(x)) for x in self.users])

    def change(self, add=(), remove=(), lost=False, pi=""):
        for x in add:
            self.users.append(x)
        for x in remove:
            self.users.remove(x)
        leave_full(self.env, self.room, S.conference(self.uri, [S.user(self.u(x)) for x in self.users]))
        part = [S.user(self.u(x)) for x in add] + [S.user(self.u(x), "deleted", "disconnected") for x in remove]
        return self._send(part, "<?lab-state partial?>" + ("<?lab-drop?>" if lost else "") + pi, "partial")

    def end(self, reason):
        return self._send([S.user(self.u(x)) for x in self.users], f"<?lab-substate terminated;reason={reason}?>")


class Steps:
    """Carries out steps one after the other; each gives the status code of its answer, `lost` 0."""

    def __init__(self, focus):
        self.focus, self.lost = focus, False

    def run(self, step):
        kind, _, value = step.partition(":")
        names = value.split(",") if value else []
        if kind == "lost":
            self.lost = True
            return 0
        if kind == "full":
            return self.focus.full(names)
        if kind in ("add", "del"):
            lost, self.lost = self.lost, False
            return self.focus.change(lost=lost, **{"add" if kind == "add" else "remove": names})
        if kind == "end":
            return self.focus.end(value)
        if kind == "blocked":
            env = self.focus.env
            return Xcap(env).put(f"/xcap-root/resource-lists/users/sip:alice@{env['LAB_DOMAIN']}/index",
                                 S.lists(*map(self.focus.u, names)), "application/resource-lists+xml")
        if kind == "remove":
            r = self.focus.pub.send(b"", 0)
            return r.code if r else None
        raise ValueError(f"unknown step {step}")


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    a.add_argument("--env"); a.add_argument("--room", default="room1")
    a.add_argument("--wait", type=float, default=0, help="seconds after each step")
    a.add_argument("steps", nargs="*", help="none: steps are read from standard input, one a line")
    o = a.parse_args()
    s = Steps(Focus(read_env(o.env), o.room))
    for step in o.steps or (line.strip() for line in sys.stdin):
        print(step, s.run(step), flush=True)
        time.sleep(o.wait)


if __name__ == "__main__":
    main()
