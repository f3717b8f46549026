package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"vitrine/internal/redact"
)

// Error is one mistake in a catalog file.
type Error struct {
	File         string
	Line, Column int // counted from 1
	Msg          string
	Hint         string // "" for none
	Snippet      string // the line, and below it a caret
}

// Error gives file:line:column, the message, the place, and the hint.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Msg)
	if e.Snippet != "" {
		s += "\n" + e.Snippet
	}
	if e.Hint != "" {
		s += "\n  hint: " + e.Hint
	}
	return s
}

// Errors are all mistakes that were found, by line.
type Errors []*Error

// Error joins all of them.
func (e Errors) Error() string {
	texts := make([]string, len(e))
	for i, err := range e {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "\n")
}

// maxErrors limits how many mistakes are reported at once.
const maxErrors = 20

// faults collects errors while a file is read.
type faults struct {
	file  string
	lines []string
	found Errors
}

// add records a mistake at a node.
func (f *faults) add(at *node, hint, format string, args ...any) {
	f.addAt(at.line, at.column, hint, format, args...)
}

func (f *faults) addAt(line, column int, hint, format string, args ...any) {
	if len(f.found) < maxErrors {
		msg := redact.Shown(fmt.Sprintf(format, args...))
		f.found = append(f.found, &Error{f.file, line, column, msg, redact.Shown(hint), f.snippet(line, column)})
	}
}

// err returns all that was found, or nil.
func (f *faults) err() error {
	if len(f.found) == 0 {
		return nil
	}
	f.found.sort()
	return f.found
}

func (e Errors) sort() {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Fault makes an error about a place in a catalog's file: that of the innermost key of a path that is there, such as
// entities, sku, dimensions, product, pick.
func (c *Catalog) Fault(file string, path []string, hint, format string, args ...any) *Error {
	f := faults{file: file, lines: strings.Split(string(c.Source), "\n")}
	n := readTree(c.Source, &f)
	at := &node{line: 1, column: 1}
	for _, key := range path {
		key, value := n.at(key)
		if key == nil {
			break
		}
		at, n = key, value
	}
	f.found = nil
	f.add(at, hint, format, args...)
	return f.found[0]
}

// Guess is a hint that lists words, and says which of them may have been meant.
func Guess(what, given string, there []string) string { return oneOf(what, given, there) }

// snippet shows the line, cut to a window around the column, with a caret below. Secrets are masked before the cut,
// which might otherwise leave a password without the context by which it is recognised.
func (f *faults) snippet(line, column int) string {
	if line < 1 || line > len(f.lines) {
		return ""
	}
	const window = 100
	whole := []rune(strings.ReplaceAll(strings.TrimRight(f.lines[line-1], "\r"), "\t", " "))
	before := whole[:min(max(column-1, 0), len(whole))]
	text := []rune(redact.Shown(string(whole)))
	at := min(len([]rune(redact.Shown(string(before)))), len(text))
	from := max(0, at-window/2)
	text = text[from:min(len(text), from+window)]
	return fmt.Sprintf("%5d | %s\n      | %s^", line, string(text), strings.Repeat(" ", at-from))
}

// oneOf is a hint that lists the valid words, and guesses which was meant.
func oneOf(what, given string, there []string) string {
	if len(there) == 0 {
		return "there is no " + what
	}
	there = slices.Sorted(slices.Values(there))
	list := strings.Join(there[:min(len(there), 30)], ", ")
	if best := nearest(given, there); best != "" {
		return fmt.Sprintf("did you mean %s? There is: %s", best, list)
	}
	return "there is: " + list
}

// nearest is the word closest to given, or "" if none is close.
func nearest(given string, words []string) (best string) {
	least := max(1, (len(given)+1)/3) + 1 // two letters that changed places count as two
	for _, w := range words {
		if d := distance(given, w); d < least {
			best = w
			least = d
		}
	}
	return best
}

// distance is the Levenshtein distance, over bytes.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
