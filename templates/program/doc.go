// Package program runs templates that html/template has parsed and escaped, without reflection.
//
// html/template stays the language and the judge. Its escaped trees name the escapers that each action needs; Compile makes closures
// of them: a step for each node, an expression for each pipeline, a slot for each variable and for each dot. Machine runs them over
// view.Value, and writes, byte for byte, what html/template would.
//
// What it does not know it does not guess. A construct that Compile does not cover is a Gap of its template, and of all that call it.
// What turns up while a page is made (a method, a comparison of maps, an error of any kind) ends the run with ErrUncovered. In both cases
// the caller has html/template render the page, whose answer, or whose error, counts.
//
// A Budget bounds the work: metered trees call its Step. What goes beyond it ends with a Fault that names file and line.
package program
