<?php
header('Content-Type: text/plain');
$in = fopen('php://input', 'r');
$n = 0;
while (!feof($in)) $n += strlen(fread($in, 65536));
echo "{$_SERVER['CONTENT_LENGTH']} $n\n";
