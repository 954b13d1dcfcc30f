<?php
// ?ms=N milliseconds between the first line and the last.
$ms = (int) ($_GET['ms'] ?? 1000);
header('Content-Type: text/plain');
echo "started\n";
flush();
usleep($ms * 1000);
echo "done after $ms ms\n";
