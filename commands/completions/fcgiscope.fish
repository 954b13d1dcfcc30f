complete -c fcgiscope -a '(fcgiscope complete-words (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
