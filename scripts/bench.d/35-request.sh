# shellcheck shell=bash
# The section request of scripts/bench.

# awaits PATH: waits until there is a socket.
awaits() { until [ -S "$1" ]; do sleep 0.05; done; }

# request: 1 GiB in each direction over a Unix socket, beside socat that moves as many bytes between the same files, and
# the memory of a /ping beside that of cgi-fcgi. The other end is dd and cat on the socket itself, so that it is not
# measured.
request() {
  section 'request (seconds of the whole process for 1 GiB; median of 3)'
  local fcgiscope=$TMPDIR/fcgiscope dir=$TMPDIR/r ours peer rss pids fpm sock length
  CGO_ENABLED=0 go build -trimpath -tags urfave_cli_no_docs -ldflags '-s -w' -o "$fcgiscope" .
  mkdir "$dir"
  truncate -s 1G "$dir/gig"
  perl -e 'sub record { print pack("CCnnCx", 1, $_[0], 1, length $_[1], 0), $_[1] }
    record(6, "Content-Type: text/plain\r\n\r\n");
    for ($i = 0; $i < $ARGV[0]; $i++) { record(6, "x" x 65528) }
    record(6, ""); record(3, "\0" x 8);' 16386 >"$dir/large"
  perl -e 'print pack("CCnnCxA*", 1, 6, 1, 8, 0, "A: b\r\n\r\n"), pack("CCnnCxx8", 1, 3, 1, 8, 0)' >"$dir/small"
  # All that is sent: where the last record, which is empty, begins, and its header.
  length=$("$fcgiscope" request app:hello / --data-binary "@$dir/gig" --offline --format jsonl --events record --max-body 1 |
    tail -n 1 | sed 's/.*"offset":\([0-9]*\).*/\1/')
  length=$((length + 8))
  socat "UNIX-LISTEN:$dir/upload.sock,fork" \
    "SYSTEM:dd bs=64k iflag=count_bytes\\,fullblock count=$length of=/dev/null status=none; cat '$dir/small',nofork" & pids=$!
  socat "UNIX-LISTEN:$dir/big.sock,fork" "SYSTEM:cat '$dir/large',nofork" & pids+=" $!"
  socat "UNIX-LISTEN:$dir/sink.sock,fork" 'SYSTEM:dd bs=64k iflag=fullblock of=/dev/null status=none,nofork' & pids+=" $!"
  socat "UNIX-LISTEN:$dir/source.sock,fork" "SYSTEM:cat '$dir/gig',nofork" & pids+=" $!"
  for sock in upload big sink source; do awaits "$dir/$sock.sock"; done
  ours=$(seconds "$fcgiscope" request "$dir/upload.sock" / --data-binary "@$dir/gig") rss=$(cat "$TMPDIR/rss")
  peer=$(seconds socat -u -b 65536 "OPEN:$dir/gig" "UNIX-CONNECT:$dir/sink.sock")
  figure 'body of 1 GiB (socat)' "$ours" "$peer" "$(ratio "$peer" "$ours")" '>= 0.7 x its speed'
  figure '  memory (MB)' "$rss" 40 "$(ratio "$rss" 40)" '<= 40 MB'
  ours=$(seconds "$fcgiscope" request "$dir/big.sock" / -o /dev/null) rss=$(cat "$TMPDIR/rss")
  peer=$(seconds socat -u -b 65536 "UNIX-CONNECT:$dir/source.sock" OPEN:/dev/null,wronly)
  figure 'answer of 1 GiB (socat)' "$ours" "$peer" "$(ratio "$peer" "$ours")" '>= 0.7 x its speed'
  figure '  memory (MB)' "$rss" 40 "$(ratio "$rss" 40)" '<= 40 MB'
  # shellcheck disable=SC2086
  kill $pids
  # shellcheck disable=SC2086
  wait $pids || true
  fpm=$(scripts/peers start php-fpm --dir "$dir")
  sock=$(sed -n 's/^unix=//p' <<<"$fpm")
  seconds "$fcgiscope" request "$sock" /ping >/dev/null
  ours=$(cat "$TMPDIR/rss")
  seconds env -i REQUEST_METHOD=GET SCRIPT_NAME=/ping SCRIPT_FILENAME=/ping cgi-fcgi -bind -connect "$sock" >/dev/null
  figure 'memory of request /ping (MB; cgi-fcgi)' "$ours" "$(cat "$TMPDIR/rss")" "$(ratio "$ours" "$(cat "$TMPDIR/rss")")" '<= 20 MB'
  scripts/peers stop php-fpm --dir "$dir"
}
