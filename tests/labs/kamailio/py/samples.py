"""Sample documents, written for the lab."""
NS = "urn:ietf:params:xml:ns:conference-info"


def user(uri, state="full", status="connected", name=None):
    name = name or uri.split(":")[-1].split("@")[0]
    return (f'<user entity="{uri}" state="{state}"><display-text>{name}</display-text>'
            f'<endpoint entity="{uri};gr=1"><status>{status}</status></endpoint></user>')


def conference(entity, users, version=1, state="full", subject="Lab room", users_state=None, pi=""):
    us = users_state or state
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<conference-info xmlns="{NS}" entity="{entity}" state="{state}" version="{version}">{pi}'
            f'<conference-description><subject>{subject}</subject></conference-description>'
            f'<conference-state><user-count>{len(users)}</user-count><active>true</active></conference-state>'
            f'<users state="{us}">{"".join(users)}</users></conference-info>')


def lists(*blocked):
    e = "".join(f'<entry uri="{u}"><display-name>{u}</display-name></entry>' for u in blocked)
    return ('<?xml version="1.0" encoding="UTF-8"?>\n'
            '<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">'
            '<list name="friends"><entry uri="sip:carol@lab.test"/></list>'
            f'<list name="oma_blockedcontacts">{e}</list></resource-lists>')

