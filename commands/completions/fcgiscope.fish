function __fcgiscope_words
    fcgiscope complete-words (commandline -opc)[2..] (commandline -ct) 2>/dev/null
end
# fish adds files to all answers, unless a rule that fits says not to (-f): this one fits where there is an answer.
complete -c fcgiscope -f -n 'count (__fcgiscope_words) >/dev/null' -a '(__fcgiscope_words)'
