package jsonl

import (
	"bufio"
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// decode turns what a file has into UTF-8 without a byte order mark. The encoding is the mark's, or else the named one. A file without
// either is UTF-8; no other encoding is guessed, since most files would be valid in several.
func (l *loader) decode(in *bufio.Reader) *bufio.Reader {
	mark, _ := in.Peek(3)
	switch {
	case bytes.Equal(mark, []byte("\ufeff")):
		in.Discard(3)
		l.encoding = nil
	case bytes.HasPrefix(mark, []byte("\xff\xfe")) || bytes.HasPrefix(mark, []byte("\xfe\xff")):
		l.encoding = unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)
	}
	if l.encoding == nil {
		return in
	}
	return bufio.NewReaderSize(transform.NewReader(in, l.encoding.NewDecoder()), maxHeader)
}

var (
	errUTF8     = errors.New("not UTF-8: save the file as UTF-8, or name its encoding behind the field with the id, as in --serve products=products.csv:sku,windows-1252")
	errEncoding = errors.New("not in the encoding that --serve names")
)

// checkText returns an error unless all of a text could be decoded. Decoders write U+FFFD for what they can't read.
func (l *loader) checkText(s string) error {
	switch {
	case l.encoding == nil && !utf8.ValidString(s):
		return errUTF8
	case l.encoding != nil && strings.ContainsRune(s, utf8.RuneError):
		return errEncoding
	}
	return nil
}
