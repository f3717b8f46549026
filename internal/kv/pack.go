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
	compressFrom = 512      // bytes; of less, zstd saves less than its frame takes
	bodyMax      = 16 << 20 // greatest size of a decompressed body; a longer one is stored uncompressed
)

// Both are created at first use, keep no state between calls, and are safe for concurrent use.
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

// pack encodes the part after the header, and the flags that describe it.
func (c *Codec) pack(v Value) (body []byte, flags byte) {
	if len(v.Refs) > 0 || len(v.HTML) > 0 {
		flags = flagRefs
	}
	body, how := c.squeeze(document(v))
	return body, flags | how
}

// document is a value's body, preceded by its refs and marks of HTML if it has any.
func document(v Value) []byte {
	if len(v.Refs) == 0 && len(v.HTML) == 0 {
		return v.Body
	}
	refs, err := json.Marshal(markedRefs(v))
	if err != nil {
		panic(err) // strings and slices of them always marshal
	}
	body := binary.AppendUvarint(make([]byte, 0, len(refs)+len(v.Body)+4), uint64(len(refs)))
	return append(append(body, refs...), v.Body...)
}

// squeeze compresses a document if that makes it smaller.
func (c *Codec) squeeze(document []byte) (body []byte, flags byte) {
	encoder, from, flags := packer, compressFrom, byte(flagZstd)
	if set := c.dictionaries(); set != nil {
		encoder = func() *zstd.Encoder { return set.encoder }
		from = dictionaryFrom
		flags = flagZstd | flagDictionary
	}
	if len(document) > from && len(document) <= bodyMax {
		if small := encoder().EncodeAll(document, make([]byte, 0, len(document)/2)); len(small) < len(document) {
			return small, flags
		}
	}
	return document, 0
}

// unpack reads what pack wrote.
func (c *Codec) unpack(v *Value, flags byte, body []byte) error {
	if flags&flagZstd != 0 {
		decoder := unpacker
		if set := c.dictionaries(); set != nil && flags&flagDictionary != 0 {
			decoder = func() *zstd.Decoder { return set.decoder }
		}
		var err error
		body, err = decoder().DecodeAll(body, nil)
		if err != nil {
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
		var err error
		v.Refs, err = decodeRefs(body[size:end])
		if err != nil {
			return fmt.Errorf("%w: the refs are no JSON: %w", item.ErrDamaged, err)
		}
		if err := takeMarks(v); err != nil {
			return err
		}
		body = body[end:]
	}
	v.Body = body
	return nil
}
