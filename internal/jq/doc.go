// Package jq runs jq programs within bounds of work, not of time: a busy machine refuses nothing that an idle one
// accepts, and the same input always gives the same result.
//
// A run ends after MaxSteps instructions. Between two of them nothing may grow without bound either, so a program is
// rewritten before it is compiled: sums and products of strings and arrays are limited to MaxSize, functions that
// serialise a value check its size first, and an array is indexed up to MaxIndex only. The functions over regular
// expressions are replaced by linear ones: gojq's own take quadratic time, since they count characters from the
// beginning of the text for each match.
//
// The clock is only a last resort, for built-in functions that are called often on large values.
package jq
