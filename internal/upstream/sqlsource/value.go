package sqlsource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// form is how a value becomes JSON.
type form byte

// The forms.
const (
	text    form = iota // a string
	number              // a number as written
	boolean             // Postgres's t and f
	object              // JSON as it is
	moment              // a time without a zone, or with its offset: RFC 3339
	binary              // bytes, which JSON can't have
)

// appendValue appends a value as JSON; nil is null.
func appendValue(doc []byte, c column, v []byte) ([]byte, error) {
	if v == nil {
		return append(doc, "null"...), nil
	}
	if c.list {
		return appendArray(doc, c.form, v)
	}
	return appendScalar(doc, c.form, v)
}

func appendScalar(doc []byte, f form, v []byte) ([]byte, error) {
	switch f {
	case number:
		if json.Valid(v) {
			return append(doc, v...), nil
		}
	case boolean:
		if string(v) == "t" {
			return append(doc, "true"...), nil
		}
		return append(doc, "false"...), nil
	case object:
		if !json.Valid(v) {
			return nil, errors.New("it is no JSON")
		}
		return append(doc, v...), nil
	case moment:
		return appendText(doc, rfc3339(string(v))), nil
	}
	if !utf8.Valid(v) { // a number such as NaN is a text, too
		return nil, errors.New("its text is not UTF-8")
	}
	return appendText(doc, string(v)), nil
}

// appendText appends a string as JSON.
func appendText(doc []byte, s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return append(doc, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// rfc3339 is a time in UTC as RFC 3339: "2026-11-22 06:12:00.5+00" becomes "2026-11-22T06:12:00.5Z". One without an offset is taken for
// UTC. What is no such time, like infinity, or one before Christ, stays as it is.
func rfc3339(s string) string {
	date, clock, ok := strings.Cut(s, " ")
	if !ok || len(date) != len("2006-01-02") || strings.Contains(clock, " ") {
		return s
	}
	clock = strings.TrimSuffix(clock, "+00")
	if strings.ContainsAny(clock, "+-") {
		return s
	}
	return date + "T" + clock + "Z"
}

// appendArray appends an array of Postgres, {a,"b c",NULL,{…}}, as JSON.
func appendArray(doc []byte, f form, v []byte) ([]byte, error) {
	if at := bytes.IndexByte(v, '='); len(v) > 0 && v[0] == '[' && at > 0 {
		v = v[at+1:] // bounds: [2:3]={a,b}
	}
	a := array{rest: v, form: f}
	doc, err := a.append(doc)
	if err != nil {
		return nil, err
	}
	if len(a.rest) > 0 {
		return nil, fmt.Errorf("the array goes on after its end: %.40q", a.rest)
	}
	return doc, nil
}

// array is an array that is read.
type array struct {
	rest []byte
	form form
}

var errArray = errors.New("the array does not end")

func (a *array) append(doc []byte) ([]byte, error) {
	if len(a.rest) == 0 || a.rest[0] != '{' {
		return nil, errArray
	}
	a.rest = a.rest[1:]
	doc = append(doc, '[')
	for first := true; len(a.rest) > 0; first = false {
		if a.rest[0] == '}' {
			a.rest = a.rest[1:]
			return append(doc, ']'), nil
		}
		if !first {
			if a.rest[0] != ',' {
				return nil, errArray
			}
			a.rest = a.rest[1:]
			doc = append(doc, ',')
		}
		var err error
		doc, err = a.element(doc)
		if err != nil {
			return nil, err
		}
	}
	return nil, errArray
}

func (a *array) element(doc []byte) ([]byte, error) {
	switch {
	case len(a.rest) == 0:
		return nil, errArray
	case a.rest[0] == '{':
		return a.append(doc)
	case a.rest[0] == '"':
		return a.quoted(doc)
	}
	end := bytes.IndexAny(a.rest, ",}")
	if end < 0 {
		return nil, errArray
	}
	plain := a.rest[:end]
	a.rest = a.rest[end:]
	if string(plain) == "NULL" {
		return append(doc, "null"...), nil
	}
	return appendScalar(doc, a.form, plain)
}

func (a *array) quoted(doc []byte) ([]byte, error) {
	var plain []byte
	for i := 1; i < len(a.rest); i++ {
		switch a.rest[i] {
		case '\\':
			i++
			if i < len(a.rest) {
				plain = append(plain, a.rest[i])
			}
		case '"':
			a.rest = a.rest[i+1:]
			return appendScalar(doc, a.form, plain)
		default:
			plain = append(plain, a.rest[i])
		}
	}
	return nil, errArray
}

// arrayOf writes texts as an array of Postgres.
func arrayOf(texts []string) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, s := range texts {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		for _, c := range []byte(s) {
			if c == '"' || c == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		}
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.Bytes()
}
