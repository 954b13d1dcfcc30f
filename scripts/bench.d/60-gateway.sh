# shellcheck shell=bash
# The section gateway of scripts/bench.

# asked NAME...: the requests/s that wrk gets over 32 kept connections from the URL in $TMPDIR/at.NAME. They are asked in
# turn, five times, as a machine is never the same for long; asks NAME is the median.
asked() {
  local i name
  for name; do
    : >"$TMPDIR/asked.$name"
    wrk -t 1 -c 32 -d 1s "$(cat "$TMPDIR/at.$name")/big?n=1024" >/dev/null
  done
  for i in 1 2 3 4 5; do
    for name; do
      wrk -t 1 -c 32 -d "${GATEWAY_SECONDS:-2}s" "$(cat "$TMPDIR/at.$name")/big?n=1024" >"$TMPDIR/wrk"
      # One that answers with failures is not fast.
      awk '$1 == "Requests/sec:" { v = $2 } /^ *(Non-2xx|Socket errors)/ { bad = 1 } END { print bad ? 0 : v }' "$TMPDIR/wrk" >>"$TMPDIR/asked.$name"
    done
  done
}
asks() { sort -g "$TMPDIR/asked.$1" | awk 'NR == 3'; }

# said NAME: waits until the program with that stderr has said where it serves, and keeps that.
said() {
  until grep -qs 'on http:' "$TMPDIR/said.$1"; do sleep 0.05; done
  sed -n 's/.* on http:/http:/p' "$TMPDIR/said.$1" >"$TMPDIR/at.$1"
}

# in_front WHAT SOCKET: gateway and the others in front of an application that answers with 1 KiB.
in_front() {
  local f=$TMPDIR/fcgiscope dir=$TMPDIR/front.${1//\//-} pids=() i
  section "gateway in front of $1 (Unix socket): requests/s of 1 KiB, 32 connections"
  mkdir "$dir" "$dir/nginx" "$dir/kept"
  chmod 755 "$TMPDIR" "$dir" # nginx's worker may be another user
  chmod 666 "$2"
  scripts/peers start nginx --dir "$dir/nginx" --to "unix:$2" all=1 "set.access_log=$dir/nginx/access.log" | sed -n 's/^http=//p' >"$TMPDIR/at.nginx"
  scripts/peers start nginx --dir "$dir/kept" --to "unix:$2" all=1 keep=1 "set.access_log=$dir/kept/access.log" | sed -n 's/^http=//p' >"$TMPDIR/at.kept"
  rm -f "$TMPDIR"/said.*
  "$f" gateway "$2" --keep 32 --listen 127.0.0.1:0 >"$dir/access.log" 2>"$TMPDIR/said.gateway" & pids+=($!)
  for i in plain gofast; do
    "$TMPDIR/per-request" "$i" 127.0.0.1:0 "$2" 2>"$TMPDIR/said.$i" & pids+=($!)
  done
  for i in gateway plain gofast; do said "$i"; done
  asked gateway nginx kept gofast plain
  figure 'access log on (nginx)' "$(asks gateway)" "$(asks nginx)" "$(ratio "$(asks gateway)" "$(asks nginx)")" '>= 0.65 x nginx, one worker'
  figure '  nginx with fastcgi_keep_conn and keepalive 8' "$(asks gateway)" "$(asks kept)" "$(ratio "$(asks gateway)" "$(asks kept)")" '(reported beside it)'
  figure '(a connection per request, as gofast does it)' "$(asks gateway)" "$(asks gofast)" "$(ratio "$(asks gateway)" "$(asks gofast)")" '>= 2 x'
  figure '(a connection per request, with the least work)' "$(asks gateway)" "$(asks plain)" "$(ratio "$(asks gateway)" "$(asks plain)")" '(reported beside it)'
  kill "${pids[@]}"
  wait "${pids[@]}" || true
  for i in nginx kept; do scripts/peers stop nginx --dir "$dir/$i"; done
}

gateway() {
  local f=$TMPDIR/fcgiscope pids=() app i pid
  build
  for i in kib-app per-request; do go build -o "$TMPDIR/$i" "scripts/bench.d/$i.go"; done
  # Ours does the least, so that more of what is measured is what stands in front; net/http/fcgi is what most Go programs
  # have, and is as much work again.
  "$TMPDIR/kib-app" "$TMPDIR/kib.s" & pid=$!
  listening "$TMPDIR/kib.s"
  in_front wire/server "$TMPDIR/kib.s"
  kill $pid
  wait $pid || true
  mkdir "$TMPDIR/go-fcgi"
  app=$(scripts/peers start go-fcgi --dir "$TMPDIR/go-fcgi" | sed -n 's/^unix=//p')
  in_front net/http/fcgi "$app"
  scripts/peers stop go-fcgi --dir "$TMPDIR/go-fcgi"

  section 'gateway, a gigabyte each way'
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
