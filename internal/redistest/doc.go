// Package redistest runs real Redis servers for tests: a single one, or a Cluster of three masters. They listen on free
// ports of loopback, keep their data in the test's folder, and end with the test; Shared ones end with the package's
// tests.
package redistest
