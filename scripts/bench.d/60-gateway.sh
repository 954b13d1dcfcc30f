# shellcheck shell=bash
# The section gateway of scripts/bench.

# asked NAME URL: wrk over 32 kept connections; the median of requests/s of three runs.
asked() {
  local i
  wrk -t 1 -c 32 -d 1s "$2" >/dev/null
  for i in 1 2 3; do
    wrk -t 1 -c 32 -d "${GATEWAY_SECONDS:-3}s" "$2" | awk '$1 == "Requests/sec:" { print $2 }'
  done | sort -g | awk 'NR == 2' >"$TMPDIR/asked.$1"
}
asks() { cat "$TMPDIR/asked.$1"; }

gateway() {
  section 'gateway, between HTTP clients and an application (Unix socket)'
  build
  local f=$TMPDIR/fcgiscope pids=() app nginx kept i at pid
  mkdir "$TMPDIR/gateway-app" "$TMPDIR/gateway-nginx" "$TMPDIR/gateway-kept"
  chmod 755 "$TMPDIR" # nginx's worker may be another user
  app=$(scripts/peers start go-fcgi --dir "$TMPDIR/gateway-app" | sed -n 's/^unix=//p')
  chmod 666 "$app"
  nginx=$(scripts/peers start nginx --dir "$TMPDIR/gateway-nginx" --to "unix:$app" all=1 "set.access_log=$TMPDIR/gateway-nginx/access.log" | sed -n 's/^http=//p')
  kept=$(scripts/peers start nginx --dir "$TMPDIR/gateway-kept" --to "unix:$app" all=1 keep=1 "set.access_log=$TMPDIR/gateway-kept/access.log" | sed -n 's/^http=//p')
  : >"$TMPDIR/gateway.err"
  "$f" gateway "$app" --keep 32 --listen 127.0.0.1:0 >"$TMPDIR/access.log" 2>"$TMPDIR/gateway.err" & pids+=($!)
  until at=$(sed -n 's/.* on http:/http:/p' "$TMPDIR/gateway.err") && [ -n "$at" ]; do sleep 0.05; done
  asked nginx "$nginx/big?n=1024"
  asked kept "$kept/big?n=1024"
  asked gateway "$at/big?n=1024"
  figure 'requests/s of 1 KiB, 32 connections, access log (nginx)' "$(asks gateway)" "$(asks nginx)" "$(ratio "$(asks gateway)" "$(asks nginx)")" '>= 0.65 x nginx, one worker'
  figure '  nginx with fastcgi_keep_conn and keepalive 8' "$(asks gateway)" "$(asks kept)" "$(ratio "$(asks gateway)" "$(asks kept)")" '(reported beside it)'
  kill -INT "${pids[@]}"
  wait || true
  pids=()
  for i in nginx kept; do scripts/peers stop nginx --dir "$TMPDIR/gateway-$i"; done
  scripts/peers stop go-fcgi --dir "$TMPDIR/gateway-app"

  : >"$TMPDIR/results"
  BENCHTIME=1s gobench ./wire/gateway '^Benchmark(Gateway32|PerRequest32)$'
  figure 'the same (ns a request; a connection per request)' "$(of Gateway32 2)" "$(of PerRequest32 2)" "$(ratio "$(of PerRequest32 2)" "$(of Gateway32 2)")" '>= 2 x its requests/s'

  # A gigabyte each way.
  truncate -s 1000000000 "$TMPDIR/gigabyte"
  for i in upload big; do
    "$f" serve $i --listen "$TMPDIR/$i.s" -s & pids+=($!)
    listening "$TMPDIR/$i.s"
    "$f" gateway "$TMPDIR/$i.s" -s --listen "$TMPDIR/$i.http" & pid=$!
    listening "$TMPDIR/$i.http"
    local seconds
    if [ $i = upload ]; then
      seconds=$(curl -sS --fail --unix-socket "$TMPDIR/$i.http" -T "$TMPDIR/gigabyte" -o /dev/null -w '%{time_total}' http://localhost/)
    else
      seconds=$(curl -sS --fail --unix-socket "$TMPDIR/$i.http" -o /dev/null -w '%{time_total}' 'http://localhost/?bytes=1000000000')
    fi
    awk '/VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/$pid/status" >"$TMPDIR/gateway.rss"
    figure "1 GB ($i, $seconds s): memory (MB)" "$(cat "$TMPDIR/gateway.rss")" 64 "$(ratio "$(cat "$TMPDIR/gateway.rss")" 64)" '<= 64 MB'
    kill -INT $pid
    wait $pid || true
  done
  kill -INT "${pids[@]}"
  wait || true
  rm "$TMPDIR/gigabyte"
}
