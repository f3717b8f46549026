package fastpath

import "bytes"

// parsedFields are the header fields of a connection's last request. They are kept, since most requests of a connection have the same.
type parsedFields struct {
	raw     []byte // as they were sent, from after the request line to the end of the head
	known   Fields
	respond Responder // nil if requests with these fields are left to net/http
}

// responder returns the Responder for requests with these fields; nil if they are left to net/http.
func (p *parsedFields) responder(raw []byte, prepare func(Fields) Responder) Responder {
	if bytes.Equal(p.raw, raw) {
		return p.respond
	}
	if len(raw) > keptHead {
		*p = parsedFields{}
		return nil
	}
	*p = parsedFields{raw: append(p.raw[:0], raw...)}
	if p.parse() {
		p.respond = prepare(p.known)
	}
	return p.respond
}

// parse parses raw into known, and reports whether requests with these fields may be answered here.
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
		case equalFold(name, "Available-Dictionary"):
			p.known.AvailableDictionary = append(p.known.AvailableDictionary, string(value))
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

// plainHost reports whether a Host field has only the usual characters of a name, an address and a port.
func plainHost(host []byte) bool {
	for _, c := range host {
		if !isAlphanumeric(c) && c != '.' && c != '-' && c != ':' && c != '_' {
			return false
		}
	}
	return len(host) > 0
}
