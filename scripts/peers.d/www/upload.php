<?php
header('Content-Type: text/plain');
echo 'fields: ', json_encode((object) $_POST), "\n";
foreach ($_FILES as $field => $file) {
    printf("%s: %s, %d bytes, error %d, sha1 %s\n", $field, $file['name'], $file['size'], $file['error'],
        $file['error'] === 0 ? sha1_file($file['tmp_name']) : '-');
}
