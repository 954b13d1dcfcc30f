<?php
header('Content-Type: application/octet-stream');
while (ob_get_level()) ob_end_flush();
$piece = str_repeat('0123456789abcdef', 4096);
for ($i = 0; $i < (int) $_GET['pieces']; $i++) echo $piece;
