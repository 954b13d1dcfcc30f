<?php
header('Content-Type: text/plain');
echo "before\n";
no_such_function();
