package kv

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"vitrine/internal/item"
)

const (
	compressFrom = 512      // bytes; below, zstd saves less than a header
	bodyMax      = 16 << 20 // bytes that a body is decompressed to at most; a longer one is stored as it is
)

// Both are made at first use, keep no state between calls, and are safe for concurrent use.
var (
	packer = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(2), zstd.WithEncoderCRC(false))
		if err != nil {
			panic(err) // the options are constants
		}
		return e
	})
	unpacker = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(bodyMax))
		if err != nil {
			panic(err)
		}
		return d
	})
)

// pack writes what stands behind the header, and the flags that tell how.
func pack(v Value) (body []byte, flags byte) {
	body = v.Body
	if len(v.Refs) > 0 {
		refs, err := json.Marshal(v.Refs)
		if err != nil {
			panic(err) // strings and slices of them always marshal
		}
		flags |= flagRefs
		body = binary.AppendUvarint(make([]byte, 0, len(refs)+len(v.Body)+4), uint64(len(refs)))
		body = append(append(body, refs...), v.Body...)
	}
	if len(body) > compressFrom && len(body) <= bodyMax {
		if small := packer().EncodeAll(body, make([]byte, 0, len(body)/2)); len(small) < len(body) {
			return small, flags | flagZstd
		}
	}
	return body, flags
}

// unpack reads what pack wrote.
func (v *Value) unpack(flags byte, body []byte) error {
	if flags&flagZstd != 0 {
		var err error
		if body, err = unpacker().DecodeAll(body, nil); err != nil {
			return fmt.Errorf("%w: the body can't be decompressed: %w", item.ErrDamaged, err)
		}
	} else {
		body = append([]byte(nil), body...)
	}
	if flags&flagRefs != 0 {
		n, size := binary.Uvarint(body)
		if size <= 0 || n > uint64(len(body)-size) {
			return fmt.Errorf("%w: the refs have no end", item.ErrDamaged)
		}
		end := size + int(n)
		if err := json.Unmarshal(body[size:end], &v.Refs); err != nil {
			return fmt.Errorf("%w: the refs are no JSON: %w", item.ErrDamaged, err)
		}
		body = body[end:]
	}
	v.Body = body
	return nil
}
