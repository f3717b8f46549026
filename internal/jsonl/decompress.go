package jsonl

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
)

const (
	// MaxFile is the greatest size of a decompressed file, in bytes: rows are held in memory.
	MaxFile = 2 << 30
	// maxWindow is the window that `zstd --long` needs; a larger one is refused.
	maxWindow = 128 << 20
)

// decompress chooses the decoder by the first bytes or, if the file is too short for that, by its name.
func decompress(in *bufio.Reader, path string) (io.Reader, func(), error) {
	magic, _ := in.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")) || strings.HasSuffix(path, ".gz"):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, fmt.Errorf("gzip: %w", whole(err))
		}
		return z, func() { z.Close() }, nil
	case bytes.Equal(magic, []byte("\x28\xb5\x2f\xfd")) || strings.HasSuffix(path, ".zst"):
		if len(magic) == 0 {
			return nil, nil, fmt.Errorf("zstd: %w", io.ErrUnexpectedEOF)
		}
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, fmt.Errorf("zstd: %w", err)
		}
		return z, z.Close, nil
	}
	return in, func() {}, nil
}

// whole turns an end in the middle of the data into an error.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// limiter fails at its limit, where io.LimitReader would report the end of the file.
type limiter struct {
	in   io.Reader
	left int64
}

func (l *limiter) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fmt.Errorf("more than %d bytes after decompression", int64(MaxFile))
	}
	n, err := l.in.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}
