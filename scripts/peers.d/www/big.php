<?php
// ?n=N bytes, in lines of 64 whose number can be seen.
$n = (int) ($_GET['n'] ?? 100000);
header('Content-Type: text/plain');
for ($at = 0; $at < $n; $at += 64) {
    echo substr(sprintf("%010d %s\n", $at, str_repeat('x', 52)), 0, $n - $at);
}
