// Package redistest runs real Redis servers for tests: one alone, or a Cluster of three masters. They listen on
// free ports of the loopback, keep their data in the test's own folder, and end with the test; Shared ones end with
// the package's tests.
package redistest
