<?php
header('Content-Type: text/plain');
echo "{$_SERVER['REQUEST_METHOD']} hello {$_POST['name']} {$_SERVER['PATH_INFO']} {$_GET['q']}\n";
