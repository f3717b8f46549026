// Package program runs templates that html/template has parsed and escaped, without reflection.
//
// html/template defines the language and remains the reference. Its escaped trees name the escapers that each action needs. Compile turns
// the trees into closures: a step for each node, an expression for each pipeline, a slot for each variable and for each dot. A Machine runs
// them on view.Values, and writes byte for byte what html/template would write.
//
// The package never guesses. A construct that Compile does not cover is a Gap: its template, and all that execute it, cannot be run here.
// What is found only while a page is rendered (a method, a comparison of maps, an error of any kind) ends the run with ErrUncovered. In
// both cases the caller renders the page with html/template, and the page or the error that this gives counts.
//
// A Budget bounds the work: metered trees call its Step. A page that exceeds it ends with a Fault, which names the file and the line.
package program
