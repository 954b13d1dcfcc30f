# shellcheck shell=bash
# The section live of scripts/bench: dump --interface while nginx and php-fpm are under load. Root, for the interface.

live() {
  section 'dump --interface lo -f summary, five seconds of load'
  local dir=$TMPDIR/live fpm tcp root http pid requests shown dropped cpu
  mkdir "$dir"
  build
  fpm=$(scripts/peers start php-fpm --dir "$dir" children=4)
  tcp=$(sed -n 's/^tcp=//p' <<<"$fpm") root=$(sed -n 's/^root=//p' <<<"$fpm")
  http=$(scripts/peers start nginx --dir "$dir" --to "$tcp" "root=$root" | sed -n 's/^http=//p')
  "$TMPDIR/fcgiscope" dump --interface lo --port "${tcp##*:}" -f summary >"$dir/out" 2>"$dir/err" &
  pid=$!
  until grep -q '^fcgiscope: capturing on' "$dir/err"; do
    kill -0 "$pid" || { cat "$dir/err" >&2; return 1; }
    sleep 0.1
  done
  requests=$(wrk -t 1 -c 4 -d 5s "$http/hello.php" | sed -n 's/^ *\([0-9]*\) requests in .*/\1/p')
  # Clock ticks of user and system, a hundredth of a second each.
  cpu=$(awk -v wall=5 '{ printf "%.0f", ($14 + $15) / wall }' "/proc/$pid/stat")
  kill -INT "$pid"
  wait "$pid" || true
  scripts/peers stop nginx --dir "$dir" && scripts/peers stop php-fpm --dir "$dir"
  shown=$(grep -c ' app=' "$dir/out" || true)
  dropped=$(sed -n 's/.*: \([0-9]*\) packets\? came too fast.*/\1/p' "$dir/err")
  figure 'requests shown (requests made)' "$shown" "$requests" "$(ratio "$shown" "$requests")" '>= 1'
  figure 'packets dropped' "${dropped:-0}" 0 - 0
  figure 'CPU of dump (percent of one)' "$cpu" - - -
}
