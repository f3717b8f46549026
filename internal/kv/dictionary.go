package kv

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"vitrine/internal/item"
)

// Documents of a shop are short and alike: what one of them could teach the compressor about the next comes too
// late for itself. A dictionary, made of documents of the store, teaches it beforehand. A store keeps its
// dictionaries under their numbers; a value says in its frame which it needs, the newest is used for writing, and
// none is ever taken away while values need it.

// Dictionaries keeps those of a store, in the order in which they came.
type Dictionaries interface {
	Dictionaries(ctx context.Context) ([][]byte, error)
	AddDictionary(ctx context.Context, dictionary []byte) error
	Codec() *Codec
}

const (
	dictionarySize    = 63 << 10 // bytes of documents in a dictionary
	dictionaryMinimum = 64       // documents from which on one is made
	dictionaryFrom    = 48       // bytes of a document that is worth compressing with one
	maxDictionaries   = 16       // of a store
)

// Codec writes and reads stored values with the dictionaries of one store. A nil Codec, and a new one, has none. It
// is safe for concurrent use.
type Codec struct{ set atomic.Pointer[dictionaries] }

// dictionaries are never changed.
type dictionaries struct {
	ids     map[uint32]bool
	encoder *zstd.Encoder // with the newest
	decoder *zstd.Decoder // with all
}

// Use takes the dictionaries of the store in place of those before, the newest last.
func (c *Codec) Use(list [][]byte) error {
	if len(list) == 0 {
		return nil
	}
	if len(list) > maxDictionaries {
		return fmt.Errorf("%w: %d dictionaries, at most %d", item.ErrDamaged, len(list), maxDictionaries)
	}
	set := &dictionaries{ids: map[uint32]bool{}}
	for _, d := range list {
		info, err := zstd.InspectDictionary(d)
		if err != nil {
			return fmt.Errorf("%w: dictionary: %w", item.ErrDamaged, err)
		}
		set.ids[info.ID()] = true
	}
	var err error
	set.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderDict(list[len(list)-1]), zstd.WithEncoderLevel(zstd.SpeedBetterCompression),
		zstd.WithEncoderConcurrency(2), zstd.WithEncoderCRC(false))
	if err == nil {
		set.decoder, err = zstd.NewReader(nil, zstd.WithDecoderDicts(list...), zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(bodyMax))
	}
	if err != nil {
		return fmt.Errorf("%w: dictionary: %w", item.ErrDamaged, err)
	}
	c.set.Store(set)
	return nil
}

// Knows tells whether an encoded value can be read: it needs no dictionary, or one that is here.
func (c *Codec) Knows(b []byte) bool {
	if len(b) < HeaderSize || b[1]&flagDictionary == 0 {
		return true
	}
	var frame zstd.Header
	if err := frame.Decode(b[HeaderSize:]); err != nil {
		return true // it can't be read either way
	}
	set := c.dictionaries()
	return set != nil && set.ids[frame.DictionaryID]
}

func (c *Codec) dictionaries() *dictionaries {
	if c == nil {
		return nil
	}
	return c.set.Load()
}

// Train makes a dictionary of documents, as Document gives them; nil where they are too few. Those at its end are
// the nearest, and cost the least to point to, so that documents are taken from all over the list. id must be new.
func Train(documents [][]byte, id uint32) ([]byte, error) {
	if len(documents) < dictionaryMinimum {
		return nil, nil
	}
	total := 0
	for _, d := range documents {
		total += len(d)
	}
	// Not all of them, however few: what is in the dictionary says nothing of what is not.
	step := max(2, total/dictionarySize)
	var history []byte
	for i := 0; i < len(documents) && len(history) < dictionarySize; i += step {
		history = append(history, documents[i]...)
	}
	history = history[:min(len(history), dictionarySize)]
	made, err := build(zstd.BuildDictOptions{ID: id, Contents: documents, History: history, Offsets: [3]int{1, 4, 8}, Level: zstd.SpeedBetterCompression})
	if err != nil {
		return nil, fmt.Errorf("make a dictionary: %w", err)
	}
	return made, nil
}

// build is zstd.BuildDict, which panics over documents that give it nothing to count.
func build(o zstd.BuildDictOptions) (made []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			made, err = nil, fmt.Errorf("%v", r)
		}
	}()
	return zstd.BuildDict(o)
}

// Document is what stands behind a value's header before it is compressed: what a dictionary is made of.
func Document(v Value) []byte { return document(v) }

// Size is how many bytes a document takes when it is compressed as this codec does it.
func (c *Codec) Size(document []byte) int {
	small, _ := c.squeeze(document)
	return len(small)
}

// NewDictionaryID gives a number that none of the codec's dictionaries has, in the range that is free for use.
func (c *Codec) NewDictionaryID(random uint64) uint32 {
	const first, last = 1 << 15, 1 << 31 // below are those of the format's own registry
	id := first + uint32(random%(last-first))
	for set := c.dictionaries(); set != nil && set.ids[id]; id++ {
	}
	return id
}
