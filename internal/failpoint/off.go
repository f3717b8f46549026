//go:build !failpoint

package failpoint

// Hit is a moment at which a crash matters.
func Hit(Point) {}
