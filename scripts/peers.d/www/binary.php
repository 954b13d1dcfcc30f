<?php
// Every byte value, four times.
header('Content-Type: application/octet-stream');
echo str_repeat(implode('', array_map('chr', range(0, 255))), 4);
