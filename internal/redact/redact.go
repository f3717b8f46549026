// Package redact takes passwords out of what operators read: log lines, errors, what doctor says.
package redact

import (
	"net/url"
	"regexp"
	"strings"
)

// mask stands for what is not shown.
const mask = "***"

// secretParameter is a query parameter that is a password by its name.
var secretParameter = regexp.MustCompile(`(?i)([?&](?:[a-z_-]*pass(?:word)?|pwd|[a-z_-]*secret|api[_-]?key|access[_-]?token|token)=)[^&\s"'#]+`)

// Text masks, in each URL that stands in text, the password before the host, or all that stands there where there is no
// password, since NATS and others take tokens so, and the values of query parameters that are passwords by their names.
func Text(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	var out strings.Builder
	for {
		scheme, rest, ok := strings.Cut(text, "://")
		out.WriteString(scheme)
		if !ok {
			return secretParameter.ReplaceAllString(out.String(), "${1}"+mask)
		}
		out.WriteString("://")
		end := urlEnd(rest)
		out.WriteString(withoutLogin(rest[:end]))
		text = rest[end:]
	}
}

// urlEnd is where a URL ends whose scheme was cut off: at what can't stand in one, or where the next of a list begins.
func urlEnd(rest string) int {
	end := len(rest)
	if i := strings.IndexAny(rest, " \t\r\n\"'`<>"); i >= 0 {
		end = i
	}
	next := strings.Index(rest[:end], "://")
	if next < 0 {
		return end
	}
	if comma := strings.LastIndexByte(rest[:next], ','); comma >= 0 {
		return comma
	}
	return end
}

// withoutLogin masks the login of a URL without its scheme. A password may hold a slash that nobody has escaped: then
// what looks like host and port is none.
func withoutLogin(rest string) string {
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 && !isHost(authority) {
		at = strings.LastIndexByte(rest, '@')
	}
	if at < 0 {
		return rest
	}
	user, password, _ := strings.Cut(rest[:at], ":")
	if password == "" {
		return mask + rest[at:]
	}
	return user + ":" + mask + rest[at:]
}

// isHost reports whether text is a host, or a list of them, with their ports.
func isHost(text string) bool {
	for host := range strings.SplitSeq(text, ",") {
		u, err := url.Parse("//" + host)
		if err != nil || u.Hostname() == "" {
			return false
		}
	}
	return true
}
