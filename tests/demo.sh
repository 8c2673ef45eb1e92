#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The demonstration: a real Go server under the load of real clients, traced for 10 s. Shows the
# tables and leaves a profile and a flame graph's input in .output/demo.
set -eu
cd "$(dirname "$0")/.."
export PATH=$PATH:/usr/local/go/bin

seconds=${DEMO_SECONDS:-10}
out=.output/demo
server=$out/server
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
mkdir -p "$out"

echo "== building the server"
(cd tests/targets/server && GO111MODULE=off GOFLAGS='' CGO_ENABLED=0 go build -o "../../../$server" .)

coproc SERVER { exec "$server" -run $((seconds + 60))s; }
trap 'kill $SERVER_PID 2> /dev/null || true' EXIT
read -r _ url _ pid <&"${SERVER[0]}"
echo "== the server listens at $url, pid $pid; its clients make requests for $((seconds + 4)) s"
"$server" -load "$url" -c 4 -t $((seconds + 4))s > "$out/load.txt" &
load=$!
sleep 1

echo "== sudo ./gotrace -p $pid -d $seconds -o alloc.txt -o alloc.folded -o alloc.pb.gz"
$sudo ./gotrace -p "$pid" -d "$seconds" -T 15 --force --stats \
	-o "$out/alloc.txt" -o "$out/alloc.folded" -o "$out/alloc.pb.gz"
wait "$load"

echo
cat "$out/alloc.txt"
echo
echo "== the clients meanwhile: $(tail -n 1 "$out/load.txt")"
echo "== results are in $out; to see them:"
echo "     less $out/alloc.txt"
echo "     go tool pprof -http=: $out/alloc.pb.gz"
echo "     flamegraph.pl --colors=mem $out/alloc.folded > alloc.svg"
echo "     (or drop the .folded or .pb.gz file onto speedscope)"
