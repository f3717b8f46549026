// Package testlog has a log that tests read while a program writes it.
package testlog

import (
	"strings"
	"sync"
)

// Buffer holds what was written to it. The zero value is empty.
type Buffer struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

// Write never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String is all that was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
