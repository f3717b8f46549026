// Package kvtest is the conformance suite of the stores: each sentence of package kv's contract is a subtest.
// A store's own tests call ExerciseRecords and ExerciseBlobs with a way to open it. Tests of readers use a Memory, whose failures
// they choose.
package kvtest
