# shellcheck shell=bash
# The section serve of scripts/bench.

# hello_of_go makes the same application with net/http/fcgi, which listens on its argument.
hello_of_go() {
  cat >"$TMPDIR/hello.go" <<'GO'
package main

import (
	"io"
	"net"
	"net/http"
	"net/http/fcgi"
	"os"
)

func main() {
	l, err := net.Listen("unix", os.Args[1])
	if err != nil {
		panic(err)
	}
	os.Chmod(os.Args[1], 0o666)
	panic(fcgi.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, "Hello from fcgiscope.\n")
	})))
}
GO
  GO111MODULE=off GOFLAGS='' go build -o "$TMPDIR/hello" "$TMPDIR/hello.go"
}

# behind NAME SOCKET KEY...: requests/s of wrk through nginx to SOCKET, the median of three runs.
behind() {
  local at i dir=$TMPDIR/behind.$1 socket=$2
  shift 2
  mkdir "$dir"
  at=$(scripts/peers start nginx --dir "$dir" --to "unix:$socket" all=1 "$@" | sed -n 's/^http=//p')
  wrk -t 1 -c 16 -d 1s "$at/" >/dev/null
  for i in 1 2 3; do
    wrk -t 1 -c 16 -d "${SERVE_SECONDS:-3}s" "$at/" | awk '$1 == "Requests/sec:" { print $2 }'
  done | sort -g | awk 'NR == 2'
  scripts/peers stop nginx --dir "$dir"
}

# cpu PID: the seconds that it has used.
cpu() { awk -v hz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hz }' "/proc/$1/stat"; }

# gigabyte SERVER-COMMAND... -- CLIENT-COMMAND...: the least seconds of three in which 1 GB passes; $TMPDIR/rss has the
# server's memory in MB. The server listens on $TMPDIR/g.s.
gigabyte() {
  local server=() i pid
  while [ "$1" != -- ]; do server+=("$1"); shift; done
  shift
  for i in 1 2 3; do
    rm -f "$TMPDIR/g.s"
    "${server[@]}" >/dev/null 2>&1 & pid=$!
    until [ -S "$TMPDIR/g.s" ]; do sleep 0.05; done
    /usr/bin/time -q -f %e -o "$TMPDIR/gigabyte.$i" sh -c "$*" >/dev/null 2>"$TMPDIR/stderr" ||
      failed "$*" >"$TMPDIR/gigabyte.$i"
    awk '/VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/$pid/status" >"$TMPDIR/rss" 2>/dev/null || true
    kill "$pid" 2>/dev/null || true
    wait "$pid" || true
  done
  sort -g "$TMPDIR"/gigabyte.[123] | head -n 1
}

serve() {
  section 'serve'
  build
  hello_of_go
  local f=$TMPDIR/fcgiscope s=$TMPDIR pids=() i ours theirs
  "$f" serve hello --listen "$s/ours.s" --socket-mode 666 --silent & pids+=($!)
  "$f" serve hello --listen "$s/lines.s" --socket-mode 666 >"$s/lines.txt" & pids+=($!)
  "$s/hello" "$s/theirs.s" & pids+=($!)
  for i in ours lines theirs; do until [ -S "$s/$i.s" ]; do sleep 0.05; done; done
  local rate=() used=()
  for i in ours theirs lines; do rate+=("$(behind "$i" "$s/$i.s" keep=1)"); done
  for i in 0 1 2; do used+=("$(cpu "${pids[i]}")"); done
  kill "${pids[@]}"
  wait || true
  figure 'hello behind nginx, requests/s (net/http/fcgi)' "${rate[0]}" "${rate[1]}" "$(ratio "${rate[0]}" "${rate[1]}")" '>= 1.5 x'
  figure '  and a line each to a file (net/http/fcgi)' "${rate[2]}" "${rate[1]}" "$(ratio "${rate[2]}" "${rate[1]}")" '(reported beside it)'
  ours=$(ratio "${rate[0]}" "${used[0]}") theirs=$(ratio "${rate[1]}" "${used[2]}")
  figure '  requests/s for each second of its CPU time' "$ours" "$theirs" "$(ratio "$ours" "$theirs")" '(reported beside it)'

  truncate -s 1000000000 "$s/zeros"
  theirs=$(gigabyte socat -u -b 65536 "UNIX-LISTEN:$s/g.s" /dev/null -- "socat -u -b 65536 - UNIX-CONNECT:$s/g.s <$s/zeros")
  ours=$(gigabyte "$f" serve upload --listen "$s/g.s" -- "$f request $s/g.s '/?sum=none' -s --data-binary @$s/zeros")
  figure '1 GB to serve upload (s; socat -b 65536)' "$ours" "$theirs" "$(ratio "$theirs" "$ours")" '>= 0.7 x its speed'
  figure '  memory (MB)' "$(cat "$s/rss")" 40 "$(ratio "$(cat "$s/rss")" 40)" '<= 40 MB'
  ours=$(gigabyte "$f" serve big --listen "$s/g.s" -- "$f request $s/g.s '/?bytes=1000000000' -s")
  figure '1 GB from serve big (s; socat -b 65536)' "$ours" "$theirs" "$(ratio "$theirs" "$ours")" '>= 0.7 x its speed'
  figure '  memory (MB)' "$(cat "$s/rss")" 40 "$(ratio "$(cat "$s/rss")" 40)" '<= 40 MB'
}
