# shellcheck shell=bash
# The section tap of scripts/bench.

# through NAME SOCKET: wrk through nginx to SOCKET; requests/s and the median latency (us) of three runs.
through() {
  local at i
  mkdir "$TMPDIR/$1"
  at=$(scripts/peers start nginx --dir "$TMPDIR/$1" --to "unix:$2" | sed -n 's/^http=//p')
  wrk -t 1 -c 16 -d 1s "$at/hello.php" >/dev/null
  for i in 1 2 3; do
    wrk -t 1 -c 16 -d "${TAP_SECONDS:-3}s" --latency "$at/hello.php" | awk '
      $1 == "50%" { v = $2; if (v ~ /ms$/) v *= 1000; else if (v ~ /us$/) v += 0; else v *= 1e6; l = v }
      $1 == "Requests/sec:" { print $2, l }'
  done | sort -g | awk 'NR == 2' >"$TMPDIR/through.$1"
  scripts/peers stop nginx --dir "$TMPDIR/$1"
}
rps() { awk '{ print $1 }' "$TMPDIR/through.$1"; }
latency() { awk -v d="$(awk '{ print $2 }' "$TMPDIR/through.direct")" '{ print $2 - d }' "$TMPDIR/through.$1"; }

# listening SOCKET waits until it is there.
listening() { until [ -S "$1" ]; do sleep 0.05; done; }

tap() {
  section 'tap, between nginx and an application (Unix sockets)'
  build
  local s=$TMPDIR f=$TMPDIR/fcgiscope pids=() rss
  "$f" serve hello --listen "$s/direct.s" --socket-mode 666 -s & pids+=($!)
  "$f" tap --listen "$s/shown.s" --socket-mode 666 --to "$s/direct.s" >/dev/null & pids+=($!)
  "$f" tap --listen "$s/tap.s" --socket-mode 666 --to "$s/direct.s" -s & pids+=($!)
  "$f" tap --listen "$s/kept.s" --socket-mode 666 --to "$s/direct.s" -s --record "$s/kept.pcapng" & pids+=($!)
  socat -b 65536 "UNIX-LISTEN:$s/socat.s,fork,mode=666,backlog=1024" "UNIX-CONNECT:$s/direct.s" 2>/dev/null & pids+=($!)
  for i in direct shown tap kept socat; do listening "$s/$i.s"; done
  for i in direct socat tap shown kept; do through "$i" "$s/$i.s"; done
  figure 'requests/s (socat -b 65536)' "$(rps tap)" "$(rps socat)" "$(ratio "$(rps tap)" "$(rps socat)")" '>= 0.9 x socat'
  figure 'requests/s, and a line each to a file (socat)' "$(rps shown)" "$(rps socat)" "$(ratio "$(rps shown)" "$(rps socat)")" '>= 0.9 x socat'
  figure 'added median latency (us; socat)' "$(latency tap)" "$(latency socat)" "$(ratio "$(latency tap)" "$(latency socat)")" '<= that of socat'
  figure 'requests/s, recorded (tap)' "$(rps kept)" "$(rps tap)" "$(ratio "$(rps kept)" "$(rps tap)")" '>= 0.85 x the tap alone'
  kill -INT "${pids[@]}"
  wait || true
  pids=()

  # A gigabyte each way of bytes alone: what a tap passes on need not be FastCGI.
  local ours socats
  ours=$(moved tap-app tap-server "$f" tap --listen "$s/tap-server" --to "$s/tap-app" -s) rss=$(cat "$TMPDIR/moved.rss")
  socats=$(moved socat-app socat-server socat -b 65536 "UNIX-LISTEN:$s/socat-server" "UNIX-CONNECT:$s/socat-app")
  figure '1 GB through it (s; socat)' "$ours" "$socats" "$(ratio "$socats" "$ours")" '>= 0.9 x its speed'
  figure 'memory meanwhile (MB)' "$rss" 64 "$(ratio "$rss" 64)" '<= 64 MB'

  # 1,000 kept connections that are busy: wrk through the tap to nginx, which speaks HTTP.
  mkdir "$s/web"
  local at
  at=$(scripts/peers start nginx --dir "$s/web" --to "unix:$s/none.s" | sed -n 's/^http=//p')
  "$f" tap --listen 127.0.0.1:0 --to "${at#http://}" -s 2>/dev/null & pids+=($!)
  local port
  until port=$(ss -ltnpH | awk -v p="pid=${pids[0]}," 'index($0, p) { sub(/.*:/, "", $4); print $4 }') && [ -n "$port" ]; do sleep 0.05; done
  wrk -t 1 -c 1000 -d 3s "http://127.0.0.1:$port/nothing.txt" >/dev/null
  rss=$(awk '/VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/${pids[0]}/status")
  figure 'memory with 1,000 busy connections (MB)' "$rss" 64 "$(ratio "$rss" 64)" '<= 64 MB'
  kill -INT "${pids[@]}"
  wait || true
  scripts/peers stop nginx --dir "$s/web"
}

# moved APP SERVER COMMAND...: COMMAND passes on from the socket SERVER to APP; the seconds that 1 GB takes, the least of three.
moved() {
  local app=$TMPDIR/$1 server=$TMPDIR/$2 i pid sink
  shift 2
  for i in 1 2 3; do
    rm -f "$app" "$server"
    socat -u -b 65536 "UNIX-LISTEN:$app" /dev/null & sink=$!
    listening "$app"
    "$@" >/dev/null 2>&1 & pid=$!
    listening "$server"
    /usr/bin/time -f %e -o "$TMPDIR/moved.$i" sh -c "head -c 1000000000 /dev/zero | socat -u -b 65536 - UNIX-CONNECT:$server"
    wait $sink
    awk '/VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/$pid/status" >"$TMPDIR/moved.rss" 2>/dev/null || true
    kill -INT $pid 2>/dev/null || true
    wait $pid || true
  done
  sort -g "$TMPDIR"/moved.[123] | head -n 1
}
