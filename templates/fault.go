package templates

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"text/template"

	"vitrine/templates/program"
)

// Fault is an error in rendering a page, with its place.
type Fault struct {
	File string // of the theme or the shop; if the place is not known, the page's template
	Line int    // 0 if it is not known
	Err  error
}

func (f *Fault) Error() string {
	if f.Line == 0 {
		return f.Err.Error()
	}
	place := f.File + ":" + strconv.Itoa(f.Line)
	return place + ": " + strings.TrimPrefix(faultCause().ReplaceAllString(f.Err.Error(), ""), "template: ")
}

func (f *Fault) Unwrap() error { return f.Err }

var (
	faultPlace = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^template: ([^:]+):(\d+)`) })
	// faultCause matches what precedes the cause: the place, and functions that only this package calls.
	faultCause = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^template: [^:]+:\d+(:\d+)?: (executing "[^"]*" at <` + stepFunction + ` \d+>: error calling ` + stepFunction + `: )?`)
	})
)

// newFault makes a Fault of an error of the template name, with the place that the error names.
func newFault(name string, err error) *Fault {
	f := &Fault{File: name, Err: err}
	if ended := (*program.Fault)(nil); errors.As(err, &ended) {
		return &Fault{File: ended.File, Line: ended.Line, Err: ended.Err}
	}
	var exec template.ExecError
	if !errors.As(err, &exec) {
		return f
	}
	if found := faultPlace().FindStringSubmatch(exec.Error()); found != nil {
		f.File = found[1]
		f.Line, _ = strconv.Atoi(found[2])
	}
	return f
}
