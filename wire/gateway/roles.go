package gateway

import (
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"

	"github.com/fcgiscope/fcgiscope/wire"
	"github.com/fcgiscope/fcgiscope/wire/cgi"
)

// An Authorizer asks an application whether a request may go on to Next. If it
// may, the fields Variable-NAME of the answer become parameters of what an App
// behind it is asked, but for those that say how long a stream is; if not, the
// client gets the answer. An application that does not answer lets nobody in.
// See FastCGI 1.0, section 6.3.
type Authorizer struct {
	App  *App
	Next http.Handler
	// Root is DOCUMENT_ROOT, "" is none.
	Root string
}

// ServeHTTP implements http.Handler.
func (z *Authorizer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r, x := Begin(r)
	if z.allowed(w, r, x) {
		z.Next.ServeHTTP(w, r)
	}
}

// allowed reports whether the request may go on; if not, it is answered.
func (z *Authorizer) allowed(w http.ResponseWriter, r *http.Request, x *Exchange) bool {
	name, err := cleanPath(r.URL)
	if err != nil {
		x.refuse(w, http.StatusBadRequest, err.Error())
		return false
	}
	// It is asked about the path; what answers is found out later.
	script := x.Script
	x.Script = Script{Root: z.Root, Name: name, File: z.Root + name}
	defer func() { x.Script = script }()
	resp, err := z.App.ask(r.Context(), r, x, question{role: wire.Authorizer}, noBody)
	if err != nil {
		z.App.notAsked(w, r, x, err)
		return false
	}
	defer z.App.over(x, resp, noBody)
	header, err := resp.Header()
	if err != nil {
		z.App.failed(w, r, x, err)
		return false
	}
	if why := unusable(header, resp.Stdout); why != "" {
		z.App.noHeader(w, r, x, resp, header, why)
		return false
	}
	if header.Status() != http.StatusOK {
		x.Asked, x.Refused, x.Why = true, true, "the authorizer refuses the request"
		z.App.relay(w, r, x, resp, header)
		return false
	}
	variables := clonePairs(header.Variables())
	end, err := resp.Wait()
	if err != nil {
		z.App.failed(w, r, x, err)
		return false
	}
	if end.Status != wire.RequestComplete {
		x.fail(w, http.StatusBadGateway, "the authorizer answered and then said "+end.Status.String())
		return false
	}
	if err := cgi.Check(variables); err != nil {
		x.fail(w, http.StatusBadGateway, "the authorizer: "+err.Error())
		return false
	}
	x.Variables = append(x.Variables, slices.DeleteFunc(variables, ofStreams)...)
	return true
}

// ofStreams reports whether a parameter says how much follows in a stream, which
// is for the gateway to say: an application would wait for more than there is, or
// take the rest for something else.
func ofStreams(p wire.Pair) bool {
	switch string(p.Name) {
	case "CONTENT_LENGTH", "FCGI_DATA_LENGTH", "FCGI_DATA_LAST_MOD":
		return true
	}
	return false
}

// clonePairs copies pairs out of a connection's memory.
func clonePairs(pairs []wire.Pair) []wire.Pair {
	out := make([]wire.Pair, len(pairs))
	for i, p := range pairs {
		out[i] = wire.NewPair(string(p.Name), string(p.Value))
	}
	return out
}

// A Filter answers for a file with what an application makes of it, which gets
// the file as DATA. See FastCGI 1.0, section 6.4.
type Filter struct{ App *App }

func (f *Filter) serve(w http.ResponseWriter, r *http.Request, x *Exchange, file *os.File, info fs.FileInfo) {
	q := question{role: wire.Filter, data: io.NewSectionReader(file, 0, info.Size()), size: info.Size(), modified: info.ModTime()}
	f.App.answer(w, r, x, q)
}
