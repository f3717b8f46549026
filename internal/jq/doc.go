// Package jq runs jq programs within bounds of work, not of time: a busy machine refuses nothing that an idle one
// takes, and the same input always gives the same result.
//
// A run ends after MaxSteps instructions. Between two of them nothing may grow without bound either, so a
// program is rewritten before it is compiled: sums and products of strings and arrays are held to MaxSize,
// what writes a value as text looks at the size of that value first, and an array is indexed up to MaxIndex only. The
// functions over regular expressions are replaced by linear ones: gojq's own take quadratic time, since they count
// characters from the beginning of the text for each match.
//
// A clock is only the last resort, for built-in functions that are called often on large values.
package jq
