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

// Documents of a shop are short and alike. What the compressor could learn from one document comes too late for that
// document. A dictionary, made from documents of the store, provides it beforehand. A store keeps its dictionaries
// under their numbers. A value names the one it needs in its zstd frame, the newest is used for writing, and none is
// ever removed while values may need it.

// Dictionaries stores the dictionaries of a store, in the order in which they were added. A store that has lost one
// gets it back from the next process that writes with it.
type Dictionaries interface {
	Dictionaries(ctx context.Context) ([][]byte, error)
	// AddDictionary adds a dictionary. It fails with item.ErrRefused if it is not one, or if the store has
	// MaxDictionaries.
	AddDictionary(ctx context.Context, dictionary []byte) error
	Codec() *Codec
}

// MaxDictionaries is how many dictionaries a store accepts. Readers have no limit.
const MaxDictionaries = 16

const (
	dictionarySize    = 63 << 10 // bytes of documents in a dictionary
	dictionaryMinimum = 64       // fewest documents to train a dictionary from
	dictionaryFrom    = 48       // fewest bytes of a document worth compressing with one
)

// Codec writes and reads stored values with the dictionaries of one store. The zero Codec and a nil one have none. It
// is safe for concurrent use.
type Codec struct {
	using sync.Mutex // held while set is replaced
	set   atomic.Pointer[dictionaries]
}

// dictionaries are immutable.
type dictionaries struct {
	list    [][]byte // the newest last
	ids     map[uint32]bool
	encoder *zstd.Encoder // with the newest
	decoder *zstd.Decoder // with all
}

// Use adds the dictionaries of the store, the newest last, to those that the codec has. A damaged one is skipped and
// reported by an error that wraps item.ErrDamaged; the others are in use all the same.
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
	var lost [][]byte // those that the store has lost, and that values may still need
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

// build creates the coders.
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

// DictionaryID reads the number of a dictionary.
func DictionaryID(dictionary []byte) (uint32, error) {
	info, err := zstd.InspectDictionary(dictionary)
	if err != nil {
		return 0, fmt.Errorf("%w: dictionary: %w", item.ErrDamaged, err)
	}
	return info.ID(), nil
}

// List gives the dictionaries in use. The last is the newest, which is used for writing.
func (c *Codec) List() [][]byte {
	if set := c.dictionaries(); set != nil {
		return set.list
	}
	return nil
}

// Knows reports whether the codec has the dictionary that an encoded value needs, if it needs one.
func (c *Codec) Knows(b []byte) bool {
	if len(b) < HeaderSize || b[1]&flagDictionary == 0 {
		return true
	}
	var frame zstd.Header
	if err := frame.Decode(b[HeaderSize:]); err != nil {
		return true // damaged: it can't be read either way
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

// Train makes a dictionary from documents, as Document gives them; nil if they are too few. Content at the end of a
// dictionary is the cheapest to refer to, so documents are taken from all over the list. id must be new.
func Train(documents [][]byte, id uint32) ([]byte, error) {
	if len(documents) < dictionaryMinimum {
		return nil, nil
	}
	total := 0
	for _, d := range documents {
		total += len(d)
	}
	// Use only some documents, however few there are: those in the dictionary say nothing about how others compress.
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

// build is zstd.BuildDict, which panics on documents without any statistics.
func build(o zstd.BuildDictOptions) (made []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			made = nil
			err = fmt.Errorf("%v", r)
		}
	}()
	return zstd.BuildDict(o)
}

// Document is the part of a stored value after its header, before compression: what dictionaries are made from.
func Document(v Value) []byte { return document(v) }

// Size is the compressed size of a document in bytes.
func (c *Codec) Size(document []byte) int {
	small, _ := c.squeeze(document)
	return len(small)
}

// NewDictionaryID gives a number that none of the codec's dictionaries has, in the range for private use.
func (c *Codec) NewDictionaryID(random uint64) uint32 {
	const first, last = 1 << 15, 1 << 31 // below are those of the format's own registry
	id := first + uint32(random%(last-first))
	for set := c.dictionaries(); set != nil && set.ids[id]; id++ {
	}
	return id
}
