package node

import (
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
)

// local refuses requests that a foreign page could make an operator's browser send: those to a name that was rebound to
// loopback, and forms of another origin. Monitoring systems, which know this machine by its name, may request the paths
// in open.
func local(next http.Handler, open ...string) http.Handler {
	named := map[string]bool{}
	for _, path := range open {
		named[path] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !localHost(r.Host) && !named[r.URL.Path]:
			http.Error(w, "this listener answers to its own address only, not to a name: write the IP address, or localhost", http.StatusMisdirectedRequest)
		case r.Header.Get("Origin") != "" && r.Header.Get("Origin") != "http://"+r.Host:
			http.Error(w, "foreign origin", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// localHost accepts an IP address or localhost, to which nobody else's name can be rebound.
func localHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return host == "localhost" || net.ParseIP(strings.Trim(host, "[]")) != nil
}

// unlinked refuses requests that a page of another origin, be it another port of this machine, makes a browser send:
// links, pictures and scripts send no Origin. Programs other than browsers send no Sec-Fetch-Site.
func unlinked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Sec-Fetch-Site") {
		case "", "none", "same-origin":
			next.ServeHTTP(w, r)
		default:
			http.Error(w, "a page of another origin asks: open this address by itself", http.StatusForbidden)
		}
	})
}

// guarded admits only requests with the token, since next is expensive or changes something.
func (a *admin) guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case a.token == "":
			http.Error(w, "this process could not write "+TokenFile+" into its --dir, so that nobody has its token; its log says why", http.StatusForbidden)
		case !ok || subtle.ConstantTimeCompare([]byte(token), []byte(a.token)) != 1:
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "this needs the token of this process, which is in "+TokenFile+" of its --dir: Authorization: Bearer TOKEN", http.StatusUnauthorized)
		default:
			next(w, r)
		}
	}
}
