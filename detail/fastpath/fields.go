package fastpath

import "bytes"

// parsedFields are the header fields of the last request, kept for the next one: most requests of a connection have
// the same.
type parsedFields struct {
	raw     []byte // as they were sent, from the line after the request's on
	known   Fields
	respond Responder // nil where a field keeps requests from being answered here
}

// responder gives the Responder to requests with these fields; nil where they are net/http's.
func (p *parsedFields) responder(raw []byte, prepare func(Fields) Responder) Responder {
	if bytes.Equal(p.raw, raw) {
		return p.respond
	}
	if len(raw) > keptHead { // it would stay with an idle connection
		*p = parsedFields{}
		return nil
	}
	*p = parsedFields{raw: append(p.raw[:0], raw...)}
	if p.parse() {
		p.respond = prepare(p.known)
	}
	return p.respond
}

// parse reads the fields, and reports whether requests with them may be answered here.
func (p *parsedFields) parse() bool {
	hosts, encodings, conditions := 0, 0, 0
	plain := eachField(p.raw, func(name, value []byte) bool {
		switch {
		case equalFold(name, "Host"):
			hosts++
			return plainHost(value)
		case equalFold(name, "Connection"):
			return equalFold(value, "keep-alive")
		case equalFold(name, "Accept-Encoding"):
			encodings++
			p.known.AcceptEncoding = []string{string(value)}
		case equalFold(name, "If-None-Match"):
			conditions++
			p.known.IfNoneMatch = string(value)
		case equalFold(name, "User-Agent"):
			p.known.UserAgent = string(value)
		case equalFold(name, "Referer"):
			p.known.Referer = string(value)
		case equalFold(name, "X-Forwarded-For"):
			p.known.ForwardedFor = append(p.known.ForwardedFor, string(value))
		default:
			return !isOneOf(name, framingFields) && !isOneOf(name, conditionFields)
		}
		return true
	})
	return plain && hosts == 1 && encodings <= 1 && conditions <= 1
}

func plainHost(host []byte) bool {
	for _, c := range host {
		if !isAlphanumeric(c) && c != '.' && c != '-' && c != ':' && c != '_' {
			return false
		}
	}
	return len(host) > 0
}
