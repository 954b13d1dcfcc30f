// Package gateway puts HTTP in front of FastCGI applications: handlers that
// chain, each with one job.
//
//	pool := &client.Pool{Dial: dial}
//	site, err := gateway.Open("/srv/www")
//	site.Scripts = &gateway.App{Pool: pool}
//	http.Serve(l, &gateway.Front{Next: site})
//
// Front is outermost: it measures, recovers, and tells what became of each
// request. A Limiter bounds how many requests are at work, an Authorizer asks an
// application whether they may go on, a Site finds the script or the file that a
// path means, and answers with the file, or with a Filter's view of it, and an
// App asks the application. Each is an http.Handler of its own and can be left
// out: what they tell each other is in the Exchange of the request.
//
// What a client sends does not become more than it is. A path that leaves the
// root, or holds a NUL byte, is refused. Header fields whose names are not
// letters, digits and hyphens, which could pass for others as parameters, are
// left out, and so are Proxy (HTTP_PROXY configures programs), those of one
// connection, and X-Forwarded-* of clients that are not trusted. A script has to
// be a file before anything behind it is PATH_INFO.
package gateway
