package jq

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/itchyny/gojq"
)

// maxMatches limits the matches of one regular expression in one text.
const maxMatches = 1 << 18

// matching lists the functions that prelude replaces. test needs no offsets and remains gojq's.
func matching() []string {
	return []string{"match", "capture", "scan", "split", "splits", "sub", "gsub"}
}

// prelude defines them in jq, based on findAll, cut and join.
func prelude() []*gojq.FuncDef {
	q, err := gojq.Parse(`
		def match($re; $flags): ` + found + `($re; $flags)[];
		def match($re): if $re | type == "array" then match($re[0]; $re[1]) else match($re; null) end;
		def capture($re; $flags): match($re; $flags) | .captures | _captures;
		def capture($re): if $re | type == "array" then capture($re[0]; $re[1]) else capture($re; null) end;
		def scan($re; $flags): match($re; $flags + "g") | if .captures == [] then .string else [.captures[].string] end;
		def scan($re): scan($re; null);
		def splits($re; $flags): ` + parts + `($re; $flags + "g")[0][];
		def splits($re): splits($re; null);
		def split($re; $flags): [splits($re; $flags)];
		def sub($re; str; $flags): . as $text | ` + parts + `($re; $flags) as [$between, $captures] |
			` + joined + `($between; [$captures[] | [str]]) | if . == null then $text else .[] end;
		def sub($re; str): sub($re; str; null);
		def gsub($re; str; $flags): sub($re; str; $flags + "g");
		def gsub($re; str): sub($re; str; "g");
		.`)
	if err != nil {
		panic(err) // a constant
	}
	return q.FuncDefs
}

// matcher caches the regular expressions that a program has used.
type matcher struct {
	compiled map[[2]string]*expression // by text and flags
}

// maxCompiled limits the cache, since a program may build expressions from its input.
const maxCompiled = 64

// find matches a regular expression against a text, once or, with the flag g, as often as it occurs.
func (c *matcher) find(text, re, flags any) (s string, r *expression, all [][]int, err error) {
	s, ok := text.(string)
	if !ok {
		return s, nil, nil, fmt.Errorf("cannot match %s: it is no text", kindOf(text))
	}
	source, ok := re.(string)
	if !ok {
		return s, nil, nil, fmt.Errorf("cannot match against %s: it is no text", kindOf(re))
	}
	letters, ok := flags.(string)
	if !ok && flags != nil {
		return s, nil, nil, fmt.Errorf("flags of a match are %s, not a text", kindOf(flags))
	}
	r, err = c.compile(source, letters)
	if err != nil {
		return s, nil, nil, err
	}
	if strings.Contains(letters, "g") {
		all = r.findAll(s)
	} else {
		all = r.FindAllStringSubmatchIndex(s, 1)
	}
	if len(all) > maxMatches {
		return s, nil, nil, fmt.Errorf("%w: more than %d matches", ErrWork, maxMatches)
	}
	return s, r, all, nil
}

func (c *matcher) compile(source, letters string) (*expression, error) {
	key := [2]string{source, letters}
	if r := c.compiled[key]; r != nil {
		return r, nil
	}
	if strings.Trim(letters, "gim") != "" {
		return nil, fmt.Errorf("unsupported regular expression flag: %q", letters)
	}
	prefix := ""
	if strings.Contains(letters, "i") {
		prefix = "(?i)"
	}
	if strings.Contains(letters, "m") {
		prefix += "(?s)"
	}
	r, err := newExpression(prefix + source)
	if err != nil {
		return nil, fmt.Errorf("invalid regular expression %q: %w", source, err)
	}
	if len(c.compiled) >= maxCompiled {
		clear(c.compiled)
	}
	c.compiled[key] = r
	return r, nil
}

// expression finds what jq finds, including an empty match right after another match, which package regexp omits.
type expression struct {
	*regexp.Regexp
	behind *regexp.Regexp // one character, followed by a match
}

// window is how much of the text is searched for an empty match.
const window = 256

func newExpression(source string) (*expression, error) {
	r, err := regexp.Compile(source)
	if err != nil {
		return nil, err
	}
	behind, err := regexp.Compile(`\A(?s:.)(?:` + source + `)`)
	return &expression{r, behind}, err
}

func (r *expression) findAll(s string) [][]int {
	plain := r.FindAllStringSubmatchIndex(s, maxMatches+1)
	all := make([][]int, 0, len(plain))
	for i, m := range plain {
		all = append(all, m)
		abuts := i+1 < len(plain) && plain[i+1][0] == m[1]
		if m[0] == m[1] || abuts {
			continue
		}
		if empty := r.emptyAt(s, m[1]); empty != nil {
			all = append(all, empty)
		}
	}
	return all
}

// emptyAt gives the empty match at an offset, or nil.
func (r *expression) emptyAt(s string, place int) []int {
	_, width := utf8.DecodeLastRuneInString(s[:place])
	from := place - width
	m := r.behind.FindStringSubmatchIndex(s[from:min(len(s), from+window)])
	if m == nil || m[1] != width {
		return nil
	}
	for i := range m {
		if m[i] >= 0 {
			m[i] += from
		}
	}
	m[0] = place
	return m
}

func kindOf(v any) string { return gojq.TypeOf(v) }

// findAll is the result of match. Offsets and lengths count characters, as in jq.
func (c *matcher) findAll(text, re, flags any) ([]any, error) {
	s, r, all, err := c.find(text, re, flags)
	if err != nil {
		return nil, err
	}
	at := counter{text: s}
	names := r.SubexpNames()
	matches := make([]any, len(all))
	for i, m := range all {
		match := at.describe(m[0], m[1])
		captures := make([]any, len(names)-1)
		for k := range captures {
			capture := at.describe(m[2*k+2], m[2*k+3])
			capture["name"] = nil
			if names[k+1] != "" {
				capture["name"] = names[k+1]
			}
			captures[k] = capture
		}
		match["captures"] = captures
		matches[i] = match
	}
	return matches, nil
}

// counter converts byte offsets of a text to character offsets. It counts on from the previous offset, since offsets
// mostly increase.
type counter struct {
	text         string
	place, count int
}

func (c *counter) at(place int) int {
	if place < c.place {
		c.count -= utf8.RuneCountInString(c.text[place:c.place])
	} else {
		c.count += utf8.RuneCountInString(c.text[c.place:place])
	}
	c.place = place
	return c.count
}

func (c *counter) describe(from, to int) map[string]any {
	if from < 0 {
		return map[string]any{"offset": -1, "length": 0, "string": nil}
	}
	return map[string]any{"offset": c.at(from), "length": utf8.RuneCountInString(c.text[from:to]), "string": c.text[from:to]}
}

// cut gives the texts before, between and after the matches, and the named captures of each match.
func (c *matcher) cut(text, re, flags any) ([]any, error) {
	s, r, all, err := c.find(text, re, flags)
	if err != nil {
		return nil, err
	}
	between, captures := make([]any, 0, len(all)+1), make([]any, 0, len(all))
	end := 0
	for _, m := range all {
		named := map[string]any{}
		for k, name := range r.SubexpNames() {
			switch {
			case name == "":
			case m[2*k] < 0:
				named[name] = nil
			default:
				named[name] = s[m[2*k]:m[2*k+1]]
			}
		}
		between = append(between, s[end:m[0]])
		captures = append(captures, named)
		end = m[1]
	}
	return []any{append(between, s[end:]), captures}, nil
}
