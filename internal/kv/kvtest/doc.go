// Package kvtest is the conformance suite of the stores: it tests each part of package kv's contract in a subtest. A store's own tests call
// ExerciseRecords and ExerciseBlobs with a function that opens the store. Tests of readers use a Memory, which can be made to fail.
package kvtest
