# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # name, dir, to, opt, sock, port, log and the addresses are those of scripts/peers, which reads this file
# How each server of the table is started: a function start_NAME, which checks its keys with takes, writes what the
# server has to be told, starts it with on_free_port or spawned, and leaves tcp, unix, http and root set where it has them.

# takes KEY...: any other KEY=VALUE is a mistake; set.X=Y is one line of the server's own configuration.
takes() {
  local key
  for key in "${!opt[@]}"; do
    case " $* " in *" ${key%%.*} "*) ;; *) die "$name: $key: unknown key (it takes: ${*:-none})" 2 ;; esac
  done
}

# settings FORMAT: the set.X=Y as lines.
settings() {
  local key
  for key in "${!opt[@]}"; do
    # shellcheck disable=SC2059  # the format is ours
    case $key in set.*) printf "$1\n" "${key#set.}" "${opt[$key]}" ;; esac
  done
}

needs_to() { [ -n "$to" ] || die "$name: needs --to ADDR, the application behind it" 2; }

# host_port ADDR, socket_of ADDR: the parts of unix:PATH, PATH, tcp:HOST:PORT, HOST:PORT.
socket_of() { case $1 in unix:*) echo "${1#unix:}" ;; */*) echo "$1" ;; esac; }
host_port() { if [ -z "$(socket_of "$1")" ]; then echo "${1#tcp:}"; fi; }

# document_root: root=DIR, or a copy of peers.d/www, which may lie where a server's workers cannot read.
document_root() {
  root=${opt[root]-}
  if [ -n "$root" ]; then return; fi
  root=$dir/www
  if [ -d "$root" ]; then return; fi
  # Moved into place as a whole: another peer of the same DIR may start at the same time, or serve from it already.
  cp -R "$here/peers.d/www" "$root.$$"
  chmod -R u+w,a+rX "$root.$$"
  mv -T "$root.$$" "$root" 2>/dev/null || rm -rf "$root.$$"
}

am_root() { [ "$(id -u)" -eq 0 ]; }

# php-fpm: two pools, www on TCP and unix on a Unix socket. As root its workers are root too (-R), so that they can
# read DIR wherever it is. Without php.ini (-n), and with root's HOME and USER, which PHP tells of, it behaves the same on
# every machine and for everybody.
start_php_fpm() {
  local as=()
  takes children root set
  document_root
  if am_root; then as=(-R); fi
  on_free_port php_fpm_conf "$(fpm)" --nodaemonize --fpm-config "$dir/$name.conf" -n "${as[@]}" \
    -d display_errors=0 -d html_errors=0 -d log_errors=1 -d post_max_size=64M -d upload_max_filesize=64M
  unix=$sock
}
php_fpm_conf() {
  local pool listen
  printf '[global]\nerror_log = %s\n' "$log"
  for pool in www unix; do
    if [ $pool = www ]; then listen=127.0.0.1:$port; else listen=$sock; fi
    cat <<CONF
[$pool]
listen = $listen
listen.mode = 0666
pm = static
pm.max_children = ${opt[children]-3}
pm.status_path = /status
ping.path = /ping
catch_workers_output = yes
clear_env = yes
env[HOME] = /root
env[USER] = root
CONF
    if am_root; then printf 'user = root\ngroup = root\n'; fi
    settings '%s = %s'
  done
}

# nginx in front of --to: *.php, /ping and /status, with all=1 everything; keep=1 keeps its connections.
start_nginx() {
  takes all keep root set
  needs_to
  document_root
  mkdir -p "$dir/nginx.tmp"
  on_free_port nginx_conf nginx -e stderr -p "$dir/nginx.tmp" -c "$dir/$name.conf"
  http=http://$tcp
}
nginx_conf() {
  local upstream where='~ ^(/ping|/status|.+\.php)(?<rest>/.*)?$'
  upstream=$(socket_of "$to")
  if [ -n "$upstream" ]; then upstream=unix:$upstream; else upstream=$(host_port "$to"); fi
  if [ -n "${opt[all]-}" ]; then where='~ ^(?<all>/.*)$'; fi
  if am_root; then echo 'user root;'; fi
  cat <<CONF
daemon off;
worker_processes 1;
pid $dir/nginx.tmp/run;
error_log stderr info;
events { worker_connections 512; }
http {
  access_log off;
  default_type text/html;
  client_max_body_size 64m;
  client_body_temp_path $dir/nginx.tmp/body;
  fastcgi_temp_path $dir/nginx.tmp/fastcgi;
  proxy_temp_path $dir/nginx.tmp/proxy;
  scgi_temp_path $dir/nginx.tmp/scgi;
  uwsgi_temp_path $dir/nginx.tmp/uwsgi;
  upstream app {
    server $upstream;
    $(if [ -n "${opt[keep]-}" ]; then echo 'keepalive 8;'; fi)
  }
  server {
    listen 127.0.0.1:$port;
    root $root;
    location $where {
      fastcgi_pass app;
      $(if [ -n "${opt[keep]-}" ]; then echo 'fastcgi_keep_conn on;'; fi)
      $(settings '%s %s;')
      fastcgi_split_path_info ^(.+?\.php)(/.*)\$;
      fastcgi_param QUERY_STRING \$query_string;
      fastcgi_param REQUEST_METHOD \$request_method;
      fastcgi_param CONTENT_TYPE \$content_type;
      fastcgi_param CONTENT_LENGTH \$content_length;
      fastcgi_param SCRIPT_NAME \$fastcgi_script_name;
      fastcgi_param REQUEST_URI \$request_uri;
      fastcgi_param DOCUMENT_URI \$document_uri;
      fastcgi_param DOCUMENT_ROOT \$document_root;
      fastcgi_param SERVER_PROTOCOL \$server_protocol;
      fastcgi_param REQUEST_SCHEME \$scheme;
      fastcgi_param GATEWAY_INTERFACE CGI/1.1;
      fastcgi_param SERVER_SOFTWARE nginx/\$nginx_version;
      fastcgi_param REMOTE_ADDR \$remote_addr;
      fastcgi_param REMOTE_PORT \$remote_port;
      fastcgi_param REMOTE_USER \$remote_user;
      fastcgi_param SERVER_ADDR \$server_addr;
      fastcgi_param SERVER_PORT \$server_port;
      fastcgi_param SERVER_NAME \$server_name;
      fastcgi_param REDIRECT_STATUS 200;
      fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name;
      fastcgi_param PATH_INFO \$fastcgi_path_info;
    }
  }
}
CONF
}

# lighttpd in front of --to as nginx above; authorizer=ADDR is asked before every request; spawn=PROGRAM is an application
# that it starts by itself, for everything, with the listening socket on descriptor 0. to.X=Y is an option of the
# application at --to, in a fastcgi.server of its own, where all its time limits are.
start_lighttpd() {
  takes all authorizer root set spawn to
  if [ -z "${opt[authorizer]-}${opt[spawn]-}" ]; then needs_to; fi
  document_root
  mkdir -p "$dir/lighttpd.tmp"
  on_free_port lighttpd_conf lighttpd -D -f "$dir/$name.conf"
  http=http://$tcp
}
lighttpd_address() {
  local s
  s=$(socket_of "$1")
  if [ -n "$s" ]; then printf '"socket" => "%s"' "$s"; return; fi
  s=$(host_port "$1")
  printf '"host" => "%s", "port" => %s' "${s%:*}" "${s##*:}"
}
lighttpd_to() {
  local key
  lighttpd_address "$to"
  for key in "${!opt[@]}"; do
    case $key in to.*) printf ', "%s" => %s' "${key#to.}" "${opt[$key]}" ;; esac
  done
}
lighttpd_conf() {
  cat <<CONF
server.modules = ( "mod_fastcgi" )
server.bind = "127.0.0.1"
server.port = $port
server.document-root = "$root"
server.upload-dirs = ( "$dir/lighttpd.tmp" )
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html", "" => "text/plain" )
CONF
  if [ -n "${opt[authorizer]-}" ]; then
    cat <<CONF
fastcgi.server += ( "/" => (( $(lighttpd_address "${opt[authorizer]}"),
  "mode" => "authorizer", "docroot" => "$root", "check-local" => "disable" )) )
CONF
  fi
  if [ -n "${opt[spawn]-}" ]; then
    cat <<CONF
fastcgi.server += ( "" => (( "socket" => "$sock", "bin-path" => "${opt[spawn]}",
  "max-procs" => 1, "check-local" => "disable" )) )
CONF
  elif [ -n "$to" ] && [ -n "${opt[all]-}" ]; then
    cat <<CONF
fastcgi.server += ( "" => (( $(lighttpd_to), "check-local" => "disable" )) )
CONF
  elif [ -n "$to" ]; then
    cat <<CONF
fastcgi.server += (
  ".php" => (( $(lighttpd_to) )),
  "/ping" => (( $(lighttpd_to), "check-local" => "disable" )),
  "/status" => (( $(lighttpd_to), "check-local" => "disable" )) )
CONF
  fi
  settings '%s = %s'
}

# apache in front of --to by mod_proxy_fcgi as nginx above; authorizer=HOST:PORT is mod_authnz_fcgi's (TCP only), which
# checks name and password, or with check=1 decides alone. spawn=PROGRAM is an application that mod_fcgid starts, for
# everything.
start_apache() {
  local as=()
  takes all authorizer check keep root set spawn
  if [ -z "${opt[authorizer]-}${opt[spawn]-}" ]; then needs_to; fi
  document_root
  # Apache never serves as root. As another user it could not pass through a private DIR, hence the capability.
  if am_root; then
    as=(setpriv --reuid=www-data --regid=www-data --clear-groups --inh-caps=+dac_override --ambient-caps=+dac_override --)
  fi
  on_free_port apache_conf "${as[@]}" apache2 -DFOREGROUND -f "$dir/$name.conf"
  http=http://$tcp
}
apache_conf() {
  local backend where='^/(ping|status|.+\.php)(/.*)?$' module s
  s=$(socket_of "$to")
  if [ -n "$s" ]; then backend="unix:$s|fcgi://localhost"; else backend=fcgi://$(host_port "$to"); fi
  if [ -n "${opt[all]-}" ]; then where='^/'; fi
  cat <<CONF
ServerName localhost
ServerRoot "$dir"
DefaultRuntimeDir "$dir"
PidFile "$dir/apache.run"
ErrorLog /proc/self/fd/2
Listen 127.0.0.1:$port
DocumentRoot "$root"
DirectoryIndex index.html
CONF
  for module in mpm_event authn_core authz_core authz_user auth_basic dir env proxy proxy_fcgi authnz_fcgi; do
    echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
  done
  cat <<CONF
StartServers 1
ServerLimit 2
ThreadsPerChild 25
<Directory "$root">
  Require all granted
</Directory>
CONF
  if [ -n "$to" ]; then
    if [ -n "${opt[keep]-}" ]; then printf '<Proxy "%s">\n  ProxySet enablereuse=on max=4\n</Proxy>\n' "$backend"; fi
    cat <<CONF
<LocationMatch "$where">
  SetHandler "proxy:$backend"
</LocationMatch>
CONF
  fi
  if [ -n "${opt[spawn]-}" ]; then
    cat <<CONF
LoadModule fcgid_module /usr/lib/apache2/modules/mod_fcgid.so
FcgidIPCDir "$dir/fcgid"
FcgidProcessTableFile "$dir/fcgid.table"
FcgidMaxProcesses 1
<Location "/">
  SetHandler fcgid-script
  Options +ExecCGI
  FcgidWrapper "${opt[spawn]}" virtual
</Location>
CONF
  fi
  if [ -n "${opt[authorizer]-}" ]; then
    echo "AuthnzFcgiDefineProvider authn peer fcgi://$(host_port "${opt[authorizer]}")"
    echo '<Location "/">'
    if [ -n "${opt[check]-}" ]; then
      cat <<'CONF'
  AuthType None
  AuthName peers
  AuthnzFcgiCheckAuthnProvider peer Authoritative On RequireBasicAuth Off UserExpr "%{reqenv:AUTH_USER}"
CONF
    else
      printf '  AuthType Basic\n  AuthName peers\n  AuthBasicProvider peer\n'
    fi
    printf '  Require valid-user\n</Location>\n'
  fi
  settings '%s %s'
}

# caddy in front of --to, for everything.
start_caddy() {
  takes all root set
  needs_to
  document_root
  on_free_port caddy_conf env "HOME=$dir" "XDG_DATA_HOME=$dir" "XDG_CONFIG_HOME=$dir" \
    caddy run --adapter caddyfile --config "$dir/$name.conf"
  http=http://$tcp
}
caddy_conf() {
  local upstream
  upstream=$(socket_of "$to")
  if [ -n "$upstream" ]; then upstream=unix/$upstream; else upstream=$(host_port "$to"); fi
  cat <<CONF
{
  admin off
  auto_https off
}
http://127.0.0.1:$port {
  bind 127.0.0.1
  root * $root
  reverse_proxy $upstream {
    transport fastcgi {
      split .php
      $(settings '%s %s')
    }
  }
}
CONF
}

start_libfcgi() {
  takes
  gcc -O1 -o "$dir/$name.bin" "$here/peers.d/$name.c" -lfcgi || die "$name: does not compile"
  spawned "$dir/$name.bin"
}

start_perl() {
  takes
  spawned "$perl" "$here/peers.d/$name"
}

# Without the module's mode it needs neither the module cache nor a go.mod that is whole. A user without a home has no
# build cache either.
start_go_fcgi() {
  takes
  if [ ! -w "${HOME:-/nonexistent}" ] && [ -z "${GOCACHE-}" ]; then export GOCACHE=$dir/go-cache; fi
  GO111MODULE=off GOFLAGS='' go build -o "$dir/$name.bin" "$here/peers.d/go-fcgi/main.go" || die "$name: does not compile"
  spawned "$dir/$name.bin"
}

# fcgiwrap runs the *.cgi of the document root; -f passes their stderr on. It has nothing to say when it is ready.
start_fcgiwrap() {
  takes children root
  document_root
  # shellcheck disable=SC2016  # for the inner shell
  spawned sh -c 'echo "fcgiwrap: ready" >&2; exec fcgiwrap -f -c "$1"' sh "${opt[children]-1}"
}
