<?php
// A front controller: a form, and what nothing else answers for.
if ($_SERVER['SCRIPT_NAME'] === '/index.php' && parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) !== '/') {
    header('Content-Type: text/plain');
    exit('front ' . $_SERVER['REQUEST_URI'] . "\n");
}
?>
<!DOCTYPE html>
<title>form</title>
<form action="/form.php" method="post"><input name="name" value="world"><button>send</button></form>
<form action="/upload.php" method="post" enctype="multipart/form-data"><input type="file" name="file"><button>upload</button></form>
