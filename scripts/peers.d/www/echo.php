<?php
// The params as they came, without what PHP itself adds to $_SERVER.
$params = array_diff_key($_SERVER, array_flip(['PHP_SELF', 'REQUEST_TIME', 'REQUEST_TIME_FLOAT', 'argv', 'argc']));
ksort($params, SORT_STRING);
$body = file_get_contents('php://input');
header('Content-Type: text/plain');
echo 'method: ', $_SERVER['REQUEST_METHOD'] ?? '', "\n";
echo 'params: ', json_encode((object) $params, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE), "\n";
echo 'body: ', strlen($body), "\n", $body;
