#!/bin/sh
# Starts one lab instance on loopback; prints KEY=VALUE lines (also in $LAB_DIR/lab.env).
# No root needed. Any number of instances may run beside each other.
# With --hold it prints "ready" last, stays until its standard input is closed, then stops the
# instance and removes the run folder: the lab cannot outlive the test that started it.
#
# Environment (all optional):
#   LAB_DIR        run folder (default: a fresh mktemp -d)
#   LAB_HOST       default 127.0.0.1            LAB_DOMAIN  default lab.test
#   LAB_SIP_PORT LAB_TLS_PORT LAB_HTTP_PORT LAB_HTTPS_PORT   default: free ones
#   LAB_AUTH       none | www (401, default) | proxy (407)
#   LAB_AUTH_ALG   MD5 (default) | SHA-256
#   LAB_AUTH_PUBLISH  1: PUBLISH is challenged too (default 0)
#   LAB_XCAP_AUTH  1 (default) | 0              LAB_REALM   default lab.test
#   LAB_NONCE_EXPIRE   seconds, default 300
#   LAB_DB         mem (default) | sqlite : where presence keeps its state
#   LAB_SUBS_DB_MODE 1|2|3 (2), LAB_PUBL_CACHE 0|1 (0): with LAB_DB=sqlite; 3 fails, see README
#   LAB_MIN_EXPIRES (3)  LAB_MAX_EXPIRES (3600)  LAB_RESPOND_200 (1; 0 gives 202)
#   LAB_FAST_NOTIFY (1)  LAB_RETRIEVE_ORDER (1)
#   LAB_REUSE_CONN (1: NOTIFY on the TCP/TLS connection of the SUBSCRIBE)
#   LAB_REGISTRAR (0; 1 registers users of plain SIP, and names itself as Service-Route)
#   LAB_ALIAS_AUIDS (1: take OMA im-rules and access-rules)
#   LAB_FIX_ENTITY (0; 1 puts "sip:" before the entity that presence_conference writes)
#   LAB_WORKERS (2; 1 with sqlite)  LAB_DEBUG (1; 3 is very chatty)  LAB_SHM_MB (256; address space, filled as used)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${LAB_DIR:=$(mktemp -d "${TMPDIR:-/tmp}/kamlab.XXXXXX")}"
: "${LAB_HOST:=127.0.0.1}" "${LAB_DOMAIN:=lab.test}" "${LAB_REALM:=lab.test}"
: "${LAB_AUTH:=www}" "${LAB_AUTH_ALG:=MD5}" "${LAB_AUTH_PUBLISH:=0}" "${LAB_XCAP_AUTH:=1}"
: "${LAB_NONCE_EXPIRE:=300}" "${LAB_DB:=mem}" "${LAB_SUBS_DB_MODE:=2}" "${LAB_PUBL_CACHE:=0}"
: "${LAB_MIN_EXPIRES:=3}" "${LAB_MAX_EXPIRES:=3600}" "${LAB_RESPOND_200:=1}"
: "${LAB_FAST_NOTIFY:=1}" "${LAB_RETRIEVE_ORDER:=1}" "${LAB_REUSE_CONN:=1}"
: "${LAB_ALIAS_AUIDS:=1}" "${LAB_FIX_ENTITY:=0}" "${LAB_DEBUG:=1}" "${LAB_SHM_MB:=256}"
[ "$LAB_DB" = sqlite ] && : "${LAB_WORKERS:=1}"     # several writers lock each other out
: "${LAB_WORKERS:=2}"
mkdir -p "$LAB_DIR/tls" "$LAB_DIR/rt"
LAB_DIR=$(cd "$LAB_DIR" && pwd)
. "$here/../lab.sh"
claim
mpath=$(modules presence_conference.so)

# free ports: all four are bound at once, so that they differ
ports=$(python3 - "$LAB_HOST" <<'PY'
import socket, sys
h, held, out = sys.argv[1], [], []
while len(out) < 4:
    t = socket.socket(); u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    t.bind((h, 0)); p = t.getsockname()[1]
    try: u.bind((h, p))
    except OSError: continue
    held += [t, u]; out.append(str(p))
print(*out)
PY
)
read -r p1 p2 p3 p4 <<EOF
$ports
EOF
: "${LAB_SIP_PORT:=$p1}" "${LAB_TLS_PORT:=$p2}" "${LAB_HTTP_PORT:=$p3}" "${LAB_HTTPS_PORT:=$p4}"

# certificates: a lab CA and a server certificate for the host and the domain
if [ ! -s "$LAB_DIR/tls/server.pem" ]; then
    ( cd "$LAB_DIR/tls"
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
          -keyout ca.key -out ca.pem -subj "/CN=Lab CA" \
          -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
          -keyout server.key -out server.csr -subj "/CN=$LAB_DOMAIN"
      printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:%s,DNS:localhost,IP:%s,URI:sip:%s\n' \
          "$LAB_DOMAIN" "$LAB_HOST" "$LAB_DOMAIN" > ext.cnf
      openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \
          -extfile ext.cnf -out server.pem ) > "$LAB_DIR/tls/openssl.log" 2>&1
fi

# database: built with python's own sqlite3 from the packaged schema files
if [ ! -s "$LAB_DIR/lab.sqlite" ]; then
    python3 - "$LAB_DIR/lab.sqlite" /usr/share/kamailio/db_sqlite <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA journal_mode=WAL")
db.execute("PRAGMA synchronous=OFF")   # it is thrown away with the lab: nobody waits for the disk
for f in ("standard", "presence", "rls", "auth_db"):
    db.executescript(open(f"{sys.argv[2]}/{f}-create.sql").read())
db.commit(); db.close()
PY
fi

fill() {
    sed -e "s|@RUN@|$LAB_DIR|g" -e "s|@HOST@|$LAB_HOST|g" -e "s|@DOMAIN@|$LAB_DOMAIN|g" \
        -e "s|@REALM@|$LAB_REALM|g" -e "s|@MPATH@|$mpath|g" -e "s|@DEBUG@|$LAB_DEBUG|g" \
        -e "s|@WORKERS@|$LAB_WORKERS|g" -e "s|@SIP_PORT@|$LAB_SIP_PORT|g" \
        -e "s|@TLS_PORT@|$LAB_TLS_PORT|g" -e "s|@HTTP_PORT@|$LAB_HTTP_PORT|g" \
        -e "s|@HTTPS_PORT@|$LAB_HTTPS_PORT|g" -e "s|@NONCE_EXPIRE@|$LAB_NONCE_EXPIRE|g" \
        -e "s|@MIN_EXPIRES@|$LAB_MIN_EXPIRES|g" -e "s|@MAX_EXPIRES@|$LAB_MAX_EXPIRES|g" \
        -e "s|@RESPOND_200@|$LAB_RESPOND_200|g" -e "s|@FAST_NOTIFY@|$LAB_FAST_NOTIFY|g" \
        -e "s|@RETRIEVE_ORDER@|$LAB_RETRIEVE_ORDER|g" -e "s|@SUBS_DB_MODE@|$LAB_SUBS_DB_MODE|g" \
        -e "s|@PUBL_CACHE@|$LAB_PUBL_CACHE|g" "$1"
}
fill "$here/conf/kamailio.cfg.in" > "$LAB_DIR/kamailio.cfg"
fill "$here/conf/tls.cfg.in" > "$LAB_DIR/tls.cfg"

defs=""
[ "$LAB_AUTH" != none ] && defs="$defs -A WITH_AUTH"
[ "$LAB_AUTH" = proxy ] && defs="$defs -A WITH_PROXY_AUTH"
[ "$LAB_AUTH_ALG" = SHA-256 ] && defs="$defs -A WITH_SHA256"
[ "$LAB_AUTH_PUBLISH" = 1 ] && defs="$defs -A WITH_AUTH_PUBLISH"
[ "$LAB_XCAP_AUTH" = 1 ] && defs="$defs -A WITH_XCAP_AUTH"
[ "$LAB_REUSE_CONN" = 1 ] && defs="$defs -A WITH_REUSE_CONN"
[ "$LAB_ALIAS_AUIDS" = 1 ] && defs="$defs -A WITH_ALIAS_AUIDS"
[ "${LAB_REGISTRAR:-0}" = 1 ] && defs="$defs -A WITH_REGISTRAR"
[ "$LAB_FIX_ENTITY" = 1 ] && defs="$defs -A WITH_FIX_ENTITY"
[ "$LAB_DB" = sqlite ] && defs="$defs -A WITH_SQLITE_PRES"

cat > "$LAB_DIR/lab.env" <<ENV
LAB_DIR=$LAB_DIR
LAB_HOST=$LAB_HOST
LAB_DOMAIN=$LAB_DOMAIN
LAB_REALM=$LAB_REALM
LAB_SIP_PORT=$LAB_SIP_PORT
LAB_TLS_PORT=$LAB_TLS_PORT
LAB_HTTP_PORT=$LAB_HTTP_PORT
LAB_HTTPS_PORT=$LAB_HTTPS_PORT
LAB_CA=$LAB_DIR/tls/ca.pem
ENV

start kamailio kamailio -DD -E -f "$LAB_DIR/kamailio.cfg" -Y "$LAB_DIR/rt" -w "$LAB_DIR" -m "$LAB_SHM_MB" -M 16 $defs
pid=$!

# up when its HTTP side answers; one process asks until then. A process that fails to start takes the others down a
# moment after they have begun to answer, so the log is read once more before the lab is called ready.
if ! python3 - "$LAB_HOST" "$LAB_HTTP_PORT" "$pid" "$LAB_DIR/kamailio.log" <<'PY'
import sys, time, urllib.request as u
host, port, pid, log = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
end = time.monotonic() + 20

def alive():
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False

while time.monotonic() < end and alive():
    try:
        if u.urlopen(f"http://{host}:{port}/ping", timeout=1).read() == b"pong\n":
            time.sleep(0.1)
            sys.exit(not alive() or "init_child failed" in open(log).read())
    except OSError:
        pass
    time.sleep(0.05)
sys.exit(1)
PY
then
    echo "kamailio did not come up; log of $LAB_DIR:" >&2
    tail -20 "$LAB_DIR/kamailio.log" >&2
    "$labs/lab-stop.sh" "$LAB_DIR"
    exit 1
fi
tell "${1:-}"
