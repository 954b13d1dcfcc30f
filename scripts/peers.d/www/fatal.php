<?php
// Ends before any output: STDERR and Status 500.
header('Content-Type: text/plain');
no_such_function();
