// Package etag compares entity tags as If-None-Match does (RFC 9110, section 13.1.2).
package etag

import "strings"

// Match reports whether one of the tags in the fields is the given one, or "*". Comparison is weak: W/"a" is "a".
func Match(fields []string, tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	for _, field := range fields {
		for one := range strings.SplitSeq(field, ",") {
			one = strings.TrimSpace(one)
			if one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}
