<?php
// STDERR and STDOUT in turns: each flush makes PHP write its STDOUT record.
header('Content-Type: text/plain');
for ($i = 1; $i <= 3; $i++) {
    error_log("line $i on stderr");
    echo "line $i on stdout\n";
    flush();
}
