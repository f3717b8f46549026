package kv

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"vitrine/internal/item"
)

// Documents of a shop are short and alike: what one of them could teach the compressor about the next comes too
// late for itself. A dictionary, made of documents of the store, teaches it beforehand. A store keeps its
// dictionaries under their numbers; a value says in its frame which it needs, the newest is used for writing, and
// none is ever taken away while values need it.

// Dictionaries keeps those of a store, in the order in which they came. A store that has lost one gets it back from the
// next process that writes with it.
type Dictionaries interface {
	Dictionaries(ctx context.Context) ([][]byte, error)
	// AddDictionary keeps a new one. It answers item.ErrRefused where that is none, or the store has MaxDictionaries.
	AddDictionary(ctx context.Context, dictionary []byte) error
	Codec() *Codec
}

// MaxDictionaries is how many a store takes. A reader has no such limit: it takes what is there.
const MaxDictionaries = 16

const (
	dictionarySize    = 63 << 10 // bytes of documents in a dictionary
	dictionaryMinimum = 64       // documents from which on one is made
	dictionaryFrom    = 48       // bytes of a document that is worth compressing with one
)

// Codec writes and reads stored values with the dictionaries of one store. A nil Codec, and a new one, has none. It
// is safe for concurrent use.
type Codec struct {
	using sync.Mutex // one at a time changes set
	set   atomic.Pointer[dictionaries]
}

// dictionaries are never changed.
type dictionaries struct {
	list    [][]byte // the newest last
	ids     map[uint32]bool
	encoder *zstd.Encoder // with the newest
	decoder *zstd.Decoder // with all
}

// Use takes the dictionaries of the store, the newest last, besides those that it has. One that is damaged is left
// out, and told by an error that wraps item.ErrDamaged; the others are in use all the same.
func (c *Codec) Use(list [][]byte) error {
	c.using.Lock()
	defer c.using.Unlock()
	before := c.dictionaries()
	if before == nil {
		before = &dictionaries{}
	}
	set := &dictionaries{ids: map[uint32]bool{}}
	var damaged error
	for _, d := range list {
		id, err := DictionaryID(d)
		switch {
		case err != nil:
			damaged = err
		case !set.ids[id]:
			set.ids[id] = true
			set.list = append(set.list, d)
		}
	}
	if len(set.list) == 0 {
		return damaged
	}
	var lost [][]byte // that the store does not have, and values may still need
	for _, d := range before.list {
		if id, _ := DictionaryID(d); !set.ids[id] {
			set.ids[id] = true
			lost = append(lost, d)
		}
	}
	set.list = append(lost, set.list...)
	if slices.EqualFunc(set.list, before.list, bytes.Equal) {
		return damaged
	}
	if err := set.build(); err != nil {
		return err
	}
	c.set.Store(set)
	return damaged
}

// build makes the coders.
func (s *dictionaries) build() (err error) {
	s.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderDict(s.list[len(s.list)-1]), zstd.WithEncoderLevel(zstd.SpeedBetterCompression),
		zstd.WithEncoderConcurrency(2), zstd.WithEncoderCRC(false))
	if err == nil {
		s.decoder, err = zstd.NewReader(nil, zstd.WithDecoderDicts(s.list...), zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(bodyMax))
	}
	if err != nil {
		return fmt.Errorf("%w: dictionary: %w", item.ErrDamaged, err)
	}
	return nil
}

// DictionaryID is the number of a dictionary.
func DictionaryID(dictionary []byte) (uint32, error) {
	info, err := zstd.InspectDictionary(dictionary)
	if err != nil {
		return 0, fmt.Errorf("%w: dictionary: %w", item.ErrDamaged, err)
	}
	return info.ID(), nil
}

// List gives the dictionaries in use, the newest, which is written with, last.
func (c *Codec) List() [][]byte {
	if set := c.dictionaries(); set != nil {
		return set.list
	}
	return nil
}

// Knows reports whether an encoded value can be read: it needs no dictionary, or one that is here.
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
			made = nil
			err = fmt.Errorf("%v", r)
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
