<?php
header('Content-Type: text/plain');
$f = $_FILES['file'];
echo "{$f['name']} {$f['size']} {$f['error']} ", hash_file('sha256', $f['tmp_name']), "\n";
