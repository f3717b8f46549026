package sqltext

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// scanner reads a query from its beginning: words, strings, comments and parameters.
type scanner struct {
	text    string
	dialect Dialect
	at      int      // what is read next
	cut     int      // where the piece that is being read begins
	pieces  []string // those before it
	begun   bool     // the first word was seen
	since   bool     // the parameter is $since
	ended   int      // where the semicolon stood; 0 for none
}

// step reads one token.
func (s *scanner) step() error {
	rest := s.text[s.at:]
	c := rest[0]
	if n, err := s.comment(rest); n > 0 || err != nil {
		s.at += n
		return err
	}
	if strings.IndexByte(" \t\r\n\f\v", c) >= 0 {
		s.at++
		return nil
	}
	if s.ended > 0 {
		return errors.New("it has a second statement after the semicolon")
	}
	switch {
	case c == '\'' || c == '"' || c == '`' && s.dialect == MySQL:
		return s.quoted(c, s.escapes(c))
	case c == '$':
		return s.dollar(rest)
	case c == ';' && s.begun:
		s.ended = s.at
		s.at++
	case c == '?' && s.dialect == MySQL:
		return errors.New("the parameter is written $1, not ?")
	case letter(c):
		return s.word(rest)
	default:
		if !s.begun && c != '(' {
			return fmt.Errorf("it begins with %.20q, not with SELECT, WITH, VALUES or TABLE", rest)
		}
		s.at++
	}
	return nil
}

// comment returns the length of a comment; 0 if there is none.
func (s *scanner) comment(rest string) (n int, err error) {
	line := strings.HasPrefix(rest, "--") && (s.dialect == Postgres || len(rest) == 2 || rest[2] <= ' ') ||
		s.dialect == MySQL && rest[0] == '#'
	switch {
	case line:
		n = strings.IndexByte(rest, '\n')
		if n < 0 {
			n = len(rest)
		}
		return n, nil
	case !strings.HasPrefix(rest, "/*"):
		return 0, nil
	case s.dialect == MySQL && (strings.HasPrefix(rest, "/*!") || strings.HasPrefix(rest, "/*M!")):
		return 0, errors.New("it has a comment that starts with /*! or /*M!, which the server would run")
	}
	depth := 0
	for n < len(rest) {
		switch {
		case strings.HasPrefix(rest[n:], "/*") && (depth == 0 || s.dialect == Postgres): // Postgres's comments nest
			depth++
			n += 2
		case strings.HasPrefix(rest[n:], "*/"):
			depth--
			n += 2
		default:
			n++
		}
		if depth == 0 {
			return n, nil
		}
	}
	return 0, errors.New("a comment does not end")
}

// escapes reports whether a backslash in a quoted text takes away the meaning of what follows it.
func (s *scanner) escapes(quote byte) bool {
	if s.dialect == MySQL {
		return quote != '`'
	}
	if quote != '\'' || s.at == 0 || s.text[s.at-1]|0x20 != 'e' {
		return false
	}
	return s.at == 1 || !inWord(s.text[s.at-2]) // E'…'
}

// quoted reads a string or a quoted name. A quote within it is doubled.
func (s *scanner) quoted(quote byte, escapes bool) error {
	if !s.begun {
		return fmt.Errorf("it begins with %.20q", s.text[s.at:])
	}
	for i := s.at + 1; i < len(s.text); i++ {
		switch {
		case s.text[i] == '\\' && escapes:
			i++
		case s.text[i] != quote:
		case i+1 < len(s.text) && s.text[i+1] == quote:
			i++
		default:
			s.at = i + 1
			return nil
		}
	}
	return fmt.Errorf("a text does not end: %.40s", s.text[s.at:])
}

// dollar reads a parameter, or a text of Postgres between two tags such as $$ or $x$.
func (s *scanner) dollar(rest string) error {
	n := 1
	for n < len(rest) && inWord(rest[n]) {
		n++
	}
	tag := rest[:n]
	if s.dialect == Postgres && n < len(rest) && rest[n] == '$' && (n == 1 || rest[1] > '9') {
		end := strings.Index(rest[n+1:], rest[:n+1])
		if end < 0 {
			return fmt.Errorf("a text does not end: %.40s", rest)
		}
		s.at += 2*(n+1) + end
		return nil
	}
	switch {
	case tag != "$1" && tag != "$cursor" && tag != "$since":
		return fmt.Errorf("it has the parameter %.20s; there is one only, $1, which may be used more than once", tag)
	case (tag == "$since") != s.since && len(s.pieces) > 0:
		return fmt.Errorf("it has two parameters: a query has either $since or %s", map[bool]string{true: "a cursor", false: tag}[tag == "$since"])
	}
	s.since = tag == "$since"
	s.pieces = append(s.pieces, s.text[s.cut:s.at])
	s.at += n
	s.cut = s.at
	return nil
}

// word reads a keyword or a name.
func (s *scanner) word(rest string) error {
	n := 1
	for n < len(rest) && (inWord(rest[n]) || rest[n] == '$') {
		n++
	}
	word := strings.ToUpper(rest[:n])
	switch {
	case !s.begun && !slices.Contains([]string{"SELECT", "WITH", "VALUES", "TABLE"}, word):
		return fmt.Errorf("it begins with %.20s, not with SELECT, WITH, VALUES or TABLE", rest[:n])
	case word == "INTO":
		return errors.New("it has INTO, which writes")
	}
	s.begun = true
	s.at += n
	return nil
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func inWord(c byte) bool { return letter(c) || c >= '0' && c <= '9' }
