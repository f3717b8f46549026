package view

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// AppendJSON appends to dst the JSON that encoding/json writes for v.Decode(): names are sorted, and <, >, &, U+2028 and U+2029 are
// escaped. It fails with the error of encoding/json where v holds what JSON cannot express, such as a Float that is not finite, or an
// Other that does not marshal. What was appended before the failure stays in dst.
func (v Value) AppendJSON(dst []byte) ([]byte, error) {
	switch v.kind {
	case Missing, Null:
		return append(dst, "null"...), nil
	case String, HTML:
		return appendString(dst, v.text), nil
	case Object:
		return v.appendObject(dst)
	case List:
		return v.appendList(dst)
	case Number:
		if _, inDoc := v.ref.(*Doc); inDoc {
			return append(dst, v.text...), nil // its digits are valid, since they were read from JSON
		}
	}
	b, err := json.Marshal(v.Decode())
	if err != nil {
		return dst, fmt.Errorf("write JSON: %w", err)
	}
	return append(dst, b...), nil
}

func (v Value) appendObject(dst []byte) (_ []byte, err error) {
	if m, ok := v.ref.(map[string]any); ok && m == nil {
		return append(dst, "null"...), nil
	}
	if fields, ok := v.memberFields(); ok {
		return fields.appendJSON(dst)
	}
	dst = append(dst, '{')
	for i, name := range v.Names() {
		if i > 0 {
			dst = append(dst, ',')
		}
		member, _ := v.Member(name)
		dst = append(appendString(dst, name), ':')
		dst, err = member.AppendJSON(dst)
		if err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// memberFields returns the Fields of v. It reports false if v is made otherwise, or has more members than appendJSON sorts.
func (v Value) memberFields() (Fields, bool) {
	fields, ok := v.ref.(Fields)
	return fields, ok && len(fields) <= maxSorted
}

const maxSorted = 32 // number of members that appendJSON sorts without an allocation

// appendJSON appends at most maxSorted members, sorted by their names.
func (f Fields) appendJSON(dst []byte) (_ []byte, err error) {
	var order [maxSorted]int8 // positions in f, by name
	for i := range f {
		at := i
		for ; at > 0 && f[i].Name < f[order[at-1]].Name; at-- {
			order[at] = order[at-1]
		}
		order[at] = int8(i)
	}
	dst = append(dst, '{')
	for i, at := range order[:len(f)] {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, f[at].Name), ':')
		dst, err = f[at].Value.AppendJSON(dst)
		if err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (v Value) appendList(dst []byte) (_ []byte, err error) {
	switch ref := v.ref.(type) {
	case []any:
		if ref == nil {
			return append(dst, "null"...), nil
		}
	case Elements:
		if ref == nil {
			return append(dst, "null"...), nil
		}
	}
	dst = append(dst, '[')
	walk := v.Walk()
	for i := 0; ; i++ {
		element, ok := walk.Next()
		if !ok {
			return append(dst, ']'), nil
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, err = element.AppendJSON(dst)
		if err != nil {
			return dst, err
		}
	}
}

const hexDigits = "0123456789abcdef"

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	written := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' {
			i++
			continue
		}
		width := 1
		var r rune
		if c >= utf8.RuneSelf {
			r, width = utf8.DecodeRuneInString(s[i:])
			if !(r == utf8.RuneError && width == 1) && r != '\u2028' && r != '\u2029' {
				i += width
				continue
			}
		}
		dst = append(dst, s[written:i]...)
		switch {
		case c >= utf8.RuneSelf:
			dst = append(dst, `\u`...)
			for shift := 12; shift >= 0; shift -= 4 {
				dst = append(dst, hexDigits[r>>shift&0xf])
			}
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case strings.IndexByte("\b\f\n\r\t", c) >= 0:
			dst = append(dst, '\\', "bfnrt"[strings.IndexByte("\b\f\n\r\t", c)])
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		}
		i += width
		written = i
	}
	return append(append(dst, s[written:]...), '"')
}
