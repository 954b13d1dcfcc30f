//go:build ignore

// A responder on net/http/fcgi: echoes method, params and body on every path; /big?n=N answers N bytes; ?code=N is the
// HTTP status. It listens on descriptor 0. The build tag keeps it out of the module's packages: it is a peer, built by
// scripts/peers.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/fcgi"
	"os"
	"strconv"
	"strings"
)

func main() {
	http.HandleFunc("/big", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, strings.Repeat("x", max(n, 0)))
	})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		// ProcessEnv holds only the params that net/http/fcgi has not put into the request itself.
		params := fcgi.ProcessEnv(r)
		for name, values := range r.Header {
			params["HTTP_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))] = strings.Join(values, ", ")
		}
		params["REQUEST_URI"] = r.URL.RequestURI()
		text, err := json.Marshal(params)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		if code, err := strconv.Atoi(r.URL.Query().Get("code")); err == nil {
			w.WriteHeader(code)
		}
		fmt.Fprintf(w, "method: %s\nparams: %s\nbody: %d\n%s", r.Method, text, len(body), body)
	})
	fmt.Fprintln(os.Stderr, "go-fcgi: ready")
	log.Fatal(fcgi.Serve(nil, nil))
}
