#!/bin/sh
# Starts one IMS core on loopback; prints KEY=VALUE lines (also in $LAB_DIR/lab.env).
# No root needed. Any number of instances may run beside each other.
# With --hold it prints "ready" last, stays until its standard input is closed, then stops the
# instance and removes the run folder: the lab cannot outlive the test that started it.
#
# Environment (all optional):
#   LAB_DIR          run folder (default: a fresh mktemp -d)
#   LAB_HOST         default 127.0.0.1          LAB_DOMAIN  default ims.test (never looked up)
#   LAB_PORTS        first of 40 free ports (default: a free range)
#   LAB_MAX_EXPIRES  longest registration that the S-CSCF grants, in seconds (7200)
#   LAB_FOCUS        HOST:PORT, UDP, of an application server of yours for the conferences sip:live-… (default: the lab's own)
#   LAB_DEBUG        Kamailio's debug level (2; 3 is very chatty)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${LAB_DIR:=$(mktemp -d "${TMPDIR:-/tmp}/imslab.XXXXXX")}"
: "${LAB_HOST:=127.0.0.1}" "${LAB_DOMAIN:=ims.test}" "${LAB_MAX_EXPIRES:=7200}" "${LAB_DEBUG:=2}"
mkdir -p "$LAB_DIR/icscf-db" "$LAB_DIR/pcscf-db"
LAB_DIR=$(cd "$LAB_DIR" && pwd)
. "$here/../lab.sh"
claim
mpath=$(modules ims_icscf.so)

# 40 ports in a row, below the range from which systems take the ports of outgoing connections
: "${LAB_PORTS:=$(python3 "$here/py/ports.py" "$LAB_HOST" 40)}"
pcscf=$LAB_PORTS strict=$((LAB_PORTS + 1)) icscf=$((LAB_PORTS + 2)) scscf=$((LAB_PORTS + 3)) as=$((LAB_PORTS + 4))
hss=$((LAB_PORTS + 5)) control=$((LAB_PORTS + 6)) icscf_cdp=$((LAB_PORTS + 7)) scscf_cdp=$((LAB_PORTS + 8))
client=$((LAB_PORTS + 20)) server=$((LAB_PORTS + 30))
: "${LAB_FOCUS:=$LAB_HOST:$as}"

fill() { # template, then NAME=VALUE for the Diameter peers
    sed -e "s|@IP@|$LAB_HOST|g" -e "s|@DOMAIN@|$LAB_DOMAIN|g" -e "s|@DEBUG@|$LAB_DEBUG|g" -e "s|@RUN@|$LAB_DIR|g" \
        -e "s|@MPATH@|$mpath|g" -e "s|@PCSCF_PORT@|$pcscf|g" -e "s|@STRICT_PORT@|$strict|g" \
        -e "s|@ICSCF_PORT@|$icscf|g" -e "s|@SCSCF_PORT@|$scscf|g" -e "s|@AS_PORT@|$as|g" -e "s|@HSS_PORT@|$hss|g" \
        -e "s|@IPSEC_C@|$client|g" -e "s|@IPSEC_S@|$server|g" -e "s|@MAX_EXPIRES@|$LAB_MAX_EXPIRES|g" \
        -e "s|@AS@|$LAB_HOST:$as|g" -e "s|@FOCUS@|$LAB_FOCUS|g" -e "s|@FOCUS_PORT@|${LAB_FOCUS##*:}|g" -e "s|@NAME@|${2:-}|g" -e "s|@CDP_PORT@|${3:-}|g" "$1"
}
for node in pcscf icscf scscf as; do fill "$here/conf/$node.cfg.in" > "$LAB_DIR/$node.cfg"; done
fill "$here/conf/cdp.xml.in" icscf "$icscf_cdp" > "$LAB_DIR/icscf.xml"
fill "$here/conf/cdp.xml.in" scscf "$scscf_cdp" > "$LAB_DIR/scscf.xml"
fill "$here/conf/users.json.in" > "$LAB_DIR/users.json"

# tables of db_text: the first line names the columns; a colon within a value is escaped
printf 'table_name(string) table_version(int)\nnds_trusted_domains:6\ns_cscf:6\ns_cscf_capabilities:6\n' \
    > "$LAB_DIR/icscf-db/version"
printf 'id(int,auto) trusted_domain(string)\n1:%s\n' "$LAB_DOMAIN" > "$LAB_DIR/icscf-db/nds_trusted_domains"
printf 'id(int,auto) name(string) s_cscf_uri(string)\n1:lab:sip\\:%s\\:%s\n' "$LAB_HOST" "$scscf" \
    > "$LAB_DIR/icscf-db/s_cscf"
printf 'id(int,auto) id_s_cscf(int) capability(int)\n1:1:0\n' > "$LAB_DIR/icscf-db/s_cscf_capabilities"
cp /usr/share/kamailio/dbtext/kamailio/version /usr/share/kamailio/dbtext/kamailio/pua "$LAB_DIR/pcscf-db/"

cat > "$LAB_DIR/lab.env" <<ENV
LAB_DIR=$LAB_DIR
LAB_HOST=$LAB_HOST
LAB_DOMAIN=$LAB_DOMAIN
LAB_PCSCF_PORT=$pcscf
LAB_STRICT_PORT=$strict
LAB_SCSCF_PORT=$scscf
LAB_AS_PORT=$as
LAB_HSS_CONTROL_PORT=$control
ENV

start hss python3 "$here/py/hss.py" --listen "$LAB_HOST:$hss" --control "$LAB_HOST:$control" --users "$LAB_DIR/users.json"
for node in as scscf icscf pcscf; do
    mkdir -p "$LAB_DIR/rt-$node"
    start $node kamailio -DD -E -m 48 -M 8 -f "$LAB_DIR/$node.cfg" -Y "$LAB_DIR/rt-$node" -w "$LAB_DIR"
done
# up when every node answers and both CSCFs have their Diameter link
if ! python3 "$here/py/ready.py" "$LAB_HOST" "$control" "$LAB_DIR/pids" as=$as scscf=$scscf icscf=$icscf pcscf=$pcscf; then
    for node in hss as scscf icscf pcscf; do
        echo "--- log of $node" >&2
        grep -E 'ERROR|CRITICAL|Traceback|Error' "$LAB_DIR/$node.log" | head -5 >&2 || true
    done
    "$labs/lab-stop.sh" "$LAB_DIR"
    exit 1
fi
tell "${1:-}"
