# bash makes words of what is before and behind : and =, too; what stands together is put together again, and it gets its
# last piece of the answer.
_fcgiscope() {
  local IFS=$'\n' rest=${COMP_LINE:0:COMP_POINT} words=() word current answer i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    [[ $i -eq COMP_CWORD ]] && word=${rest#"${rest%%[![:blank:]]*}"}
    if [[ $i -gt 0 && $rest != [[:blank:]]* ]]; then
      words[${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
    rest=${rest#*"$word"}
  done
  current=${words[${#words[@]}-1]}
  word=${current##*["$COMP_WORDBREAKS"]}
  COMPREPLY=()
  while read -r answer; do
    COMPREPLY+=("${answer#"${current%"$word"}"}")
  done < <(fcgiscope complete-words "${words[@]:1}" 2>/dev/null | cut -f1)
  [[ ${#COMPREPLY[@]} -eq 1 && $COMPREPLY == *[:=] ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -o bashdefault -o default -F _fcgiscope fcgiscope
