<?php
header('Location: /form.php?q=redirected', true, 303);
