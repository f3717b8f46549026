// Package redact removes passwords from what operators read: log lines, errors, findings of doctor.
package redact

import (
	"net/url"
	"regexp"
	"strings"
)

// mask replaces what must not be shown.
const mask = "***"

// secretParameter is a query parameter whose name says that it is a secret.
var secretParameter = regexp.MustCompile(`(?i)([?&](?:[a-z_-]*pass(?:word)?|pwd|[a-z_-]*secret|api[_-]?key|access[_-]?token|token)=)[^&\s"'#]+`)

// Text masks secrets in each URL within text: the password before the host, or the whole login if it has no password,
// since NATS and others accept tokens there; and the values of query parameters whose names say that they are secrets.
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

// urlEnd is the end of a URL whose scheme was cut off: at a character that no URL has, or at the next URL of a list.
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

// withoutLogin masks the login of a URL without its scheme. A password may contain an unescaped slash: then what looks
// like host and port is not one.
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
