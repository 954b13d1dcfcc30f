package cgi_test

import (
	"fmt"

	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

func ExamplePreset() {
	r := cgi.Request{URL: "/index.php/news?id=7", Root: "/srv/www"}
	for _, server := range cgi.Presets() {
		params, err := server.Params(&r)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, p := range params {
			if string(p.Name) == "SCRIPT_FILENAME" {
				fmt.Printf("%s: %s (%s)\n", server.Name, p.Value, p.Source)
			}
		}
	}
	// Output:
	// nginx: /srv/www/index.php ($document_root$fastcgi_script_name)
	// apache: proxy:fcgi://localhost/srv/www/index.php (proxy: and the URL of the application with the file's path)
	// lighttpd: /srv/www/index.php (the document root and the path, up to the end of the script)
	// caddy: /srv/www/index.php (the root and SCRIPT_NAME)
	// cgi-fcgi: /srv/www/index.php (the document root and SCRIPT_NAME)
}
