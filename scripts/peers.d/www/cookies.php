<?php
header('Content-Type: text/plain');
setcookie('first', 'one');
setcookie('second', 'two', ['path' => '/', 'httponly' => true, 'samesite' => 'Lax']);
header('X-Multi: a', false);
header('X-Multi: b', false);
echo json_encode((object) $_COOKIE), "\n";
