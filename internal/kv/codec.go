package kv

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"vitrine/internal/item"
)

// HeaderSize is the size in bytes of what stands before a stored body:
//
//	 0     form: record or blob, and the format's version
//	 1     flags: life in the lowest two bits, version, refs, zstd, with a dictionary; two are free
//	 2- 9  stamp or gen
//	10-18  upstream version
//	19-24  fetched, unix ms
//	25-30  event, unix ms
//	31-32  code of the upstream
//	33-35  shape
//	36-39  CRC32C of all of this but the CRC itself, and of the body
//
// Integers are big-endian. The CRC of a record counts its stamp as zero: the store sets the stamp itself,
// and can't compute a CRC there. A damaged stamp does no harm: a put over it is refused once, or lands as
// it would have. The gen of a blob is covered.
//
// The body is JSON, after the length (uvarint) and JSON of the refs where there are any; all that in one
// zstd frame where that is smaller. Where the body has HTML stands among the refs, under a name that no ref can have:
// a program that does not know it takes it for a ref that no page joins.
const HeaderSize = 40

const (
	formRecord = 0x51
	formBlob   = 0x52

	flagLife    = 0x03
	flagVersion = 0x04
	flagRefs    = 0x08
	flagZstd    = 0x10

	flagDictionary = 0x20 // of the frame; its number stands there
	flagsKnown     = flagLife | flagVersion | flagRefs | flagZstd | flagDictionary
)

// Where the fields of a header begin. Stores that set or compare them in place use these.
const (
	StampAt   = 2
	VersionAt = 10
	fetchedAt = 19
	eventAt   = 25
	sourceAt  = 31
	ShapeAt   = 33
	CRCAt     = 36
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode writes a blob or a record as it is stored, without a dictionary.
func Encode(v Value, blob bool) []byte { return (*Codec)(nil).Encode(v, blob) }

// Decode reads what Encode wrote, as Codec.Decode does.
func Decode(b []byte) (Value, error) { return (*Codec)(nil).Decode(b) }

// Encode writes a blob or a record as it is stored.
func (c *Codec) Encode(v Value, blob bool) []byte {
	body, flags := c.pack(v)
	b := make([]byte, HeaderSize+len(body))
	b[0] = formRecord
	if blob {
		b[0] = formBlob
	}
	b[1] = flags | byte(v.Existence)&flagLife
	if v.Version != "" {
		b[1] |= flagVersion
		version := v.Version.Bytes()
		copy(b[VersionAt:], version[:])
	}
	SetStamp(b, v.Stamp)
	putTime(b[fetchedAt:], v.Fetched)
	putTime(b[eventAt:], v.Event)
	binary.BigEndian.PutUint16(b[sourceAt:], v.Source)
	b[ShapeAt], b[ShapeAt+1], b[ShapeAt+2] = byte(v.Shape>>16), byte(v.Shape>>8), byte(v.Shape)
	copy(b[HeaderSize:], body)
	binary.BigEndian.PutUint32(b[CRCAt:], checksum(b))
	return b
}

// Decode reads what Encode wrote. Its errors wrap item.ErrDamaged and say what is wrong. The result
// shares no memory with b.
func (c *Codec) Decode(b []byte) (Value, error) {
	h, err := DecodeHeader(b)
	if err != nil {
		return Value{}, err
	}
	v := Value{Header: h}
	if err := c.unpack(&v, b[1], b[HeaderSize:]); err != nil {
		return Value{}, err
	}
	return v, nil
}

// DecodeHeader is Decode without the body: it checks the checksum and decompresses nothing.
func DecodeHeader(b []byte) (Header, error) {
	switch {
	case len(b) < HeaderSize:
		return Header{}, fmt.Errorf("%w: %d bytes are no header", item.ErrDamaged, len(b))
	case b[0] != formRecord && b[0] != formBlob:
		return Header{}, fmt.Errorf("%w: form %#x is unknown", item.ErrDamaged, b[0])
	case binary.BigEndian.Uint32(b[CRCAt:]) != checksum(b):
		return Header{}, fmt.Errorf("%w: the checksum differs", item.ErrDamaged)
	case b[1]&^flagsKnown != 0:
		return Header{}, fmt.Errorf("%w: flags %#x are of a later format", item.ErrDamaged, b[1])
	case Existence(b[1]&flagLife) == Absent:
		return Header{}, fmt.Errorf("%w: no life", item.ErrDamaged)
	}
	h := Header{
		Existence: Existence(b[1] & flagLife), Stamp: StampOf(b),
		Fetched: getTime(b[fetchedAt:]), Event: getTime(b[eventAt:]),
		Source: binary.BigEndian.Uint16(b[sourceAt:]),
		Shape:  uint32(b[ShapeAt])<<16 | uint32(b[ShapeAt+1])<<8 | uint32(b[ShapeAt+2]),
	}
	if b[1]&flagVersion != 0 {
		h.Version = item.VersionFromBytes([item.VersionBytes]byte(b[VersionAt:fetchedAt]))
	}
	return h, nil
}

// SetStamp writes the stamp of an encoded record. A blob's gen is set by Encode, since its checksum covers it.
func SetStamp(b []byte, stamp uint64) { binary.BigEndian.PutUint64(b[StampAt:], stamp) }

// StampOf reads the stamp or gen of an encoded value; 0 if it is shorter than a header.
func StampOf(b []byte) uint64 {
	if len(b) < HeaderSize {
		return 0
	}
	return binary.BigEndian.Uint64(b[StampAt:])
}

// checksum is the CRC of an encoded value.
func checksum(b []byte) uint32 {
	var zero [8]byte
	sum := crc32.Update(0, castagnoli, b[:StampAt])
	if b[0] == formRecord {
		sum = crc32.Update(sum, castagnoli, zero[:])
	} else {
		sum = crc32.Update(sum, castagnoli, b[StampAt:VersionAt])
	}
	sum = crc32.Update(sum, castagnoli, b[VersionAt:CRCAt])
	return crc32.Update(sum, castagnoli, b[HeaderSize:])
}

// putTime writes 48 bits of unix ms; zero means unknown, and stands for times before 1970.
func putTime(b []byte, t time.Time) {
	ms := uint64(max(t.UnixMilli(), 0))
	b[0], b[1] = byte(ms>>40), byte(ms>>32)
	binary.BigEndian.PutUint32(b[2:], uint32(ms))
}

func getTime(b []byte) time.Time {
	ms := int64(b[0])<<40 | int64(b[1])<<32 | int64(binary.BigEndian.Uint32(b[2:]))
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
