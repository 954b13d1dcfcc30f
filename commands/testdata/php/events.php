<?php
header('Content-Type: text/event-stream');
while (ob_get_level()) ob_end_flush();
echo "data: first\n\n";
flush();
sleep(20);
echo "data: last\n\n";
