#!/bin/sh
# The CGI program behind fcgiwrap: params as lines, then the body. ?stderr=TEXT and ?exit=N as in the other echoes.
printf 'Content-Type: text/plain\r\n\r\n'
printf 'method: %s\n' "$REQUEST_METHOD"
env | LC_ALL=C sort
printf 'body: %s\n' "${CONTENT_LENGTH:-0}"
if [ "${CONTENT_LENGTH:-0}" -gt 0 ]; then head -c "$CONTENT_LENGTH"; fi
case "&$QUERY_STRING" in *'&stderr='*) text=${QUERY_STRING#*stderr=}; printf '%s\n' "${text%%&*}" >&2 ;; esac
case "&$QUERY_STRING" in *'&exit='*) code=${QUERY_STRING#*exit=}; exit "${code%%&*}" ;; esac
