package kv_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Offsets of the header's fields; see kv.HeaderSize.
const (
	flagsAt, StampAt, stampEnd, CRCAt = 1, 2, 10, 36
)

func noise(n int) []byte {
	b, r := make([]byte, n), rand.New(rand.NewPCG(1, uint64(n)))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func values() map[string]kv.Value {
	at := time.UnixMilli(1_790_000_000_123)
	refs := kv.Refs{"brand": {IDs: []string{"8557"}}, "siblings": {IDs: []string{"a.b", "品牌", `"`}, List: true}}
	return map[string]kv.Value{
		"a plain record": {
			Header: kv.Header{Existence: kv.Alive, Stamp: 1 << 50, Version: version("1790000000"), Fetched: at, Event: at.Add(-time.Second), Source: 7, Shape: 0xabcdef},
			Body:   []byte(`{"title":"Lamp"}`)},
		"a tombstone":               {Header: kv.Header{Existence: kv.Gone, Stamp: 3, Fetched: at}},
		"something never seen":      {Header: kv.Header{Existence: kv.Unknown, Stamp: 4, Fetched: at}},
		"a blob with refs":          {Header: kv.Header{Existence: kv.Alive, Stamp: 9}, Refs: refs, Body: []byte(`{}`)},
		"HTML":                      {Header: kv.Header{Existence: kv.Alive, Stamp: 9}, HTML: []uint32{5, 70_000, math.MaxUint32}, Body: []byte(`{"a":""}`)},
		"HTML and refs":             {Header: kv.Header{Existence: kv.Alive, Stamp: 9}, Refs: refs, HTML: []uint32{7}, Body: []byte(`{}`)},
		"refs without a body":       {Header: kv.Header{Existence: kv.Gone, Stamp: 9}, Refs: refs},
		"a long body":               {Header: kv.Header{Existence: kv.Alive}, Refs: refs, Body: []byte(strings.Repeat(`{"a":"b"},`, 20_000))},
		"a body that can't shrink":  {Header: kv.Header{Existence: kv.Alive}, Body: noise(5000)},
		"a body beyond the bound":   {Header: kv.Header{Existence: kv.Alive}, Body: bytes.Repeat([]byte("x"), 16<<20+1)},
		"a body just at the bound":  {Header: kv.Header{Existence: kv.Alive}, Body: bytes.Repeat([]byte("x"), 16<<20)},
		"the greatest numbers":      {Header: kv.Header{Existence: kv.Unknown, Stamp: math.MaxUint64, Version: version("99999999999999999999"), Source: math.MaxUint16, Shape: 1<<24 - 1}},
		"version 0, which is given": {Header: kv.Header{Existence: kv.Alive, Version: version("0")}, Body: []byte(`1`)},
		"a time before 1970":        {Header: kv.Header{Existence: kv.Alive, Version: version("1969-07-20T20:17:40Z")}, Body: []byte(`1`)},
	}
}

func version(s string) item.Version {
	v, err := item.NewVersion(s)
	if err != nil {
		panic(err)
	}
	return v
}

func TestRoundTrip(t *testing.T) {
	for name, v := range values() {
		for _, blob := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, blob %t", name, blob), func(t *testing.T) {
				b := kv.Encode(v, blob)
				got, err := kv.Decode(b)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Body, v.Body) {
					t.Errorf("the body differs: %.80q, want %.80q", got.Body, v.Body)
				}
				if diff := cmp.Diff(v, got, cmpopts.IgnoreFields(kv.Value{}, "Body")); diff != "" {
					t.Errorf("decoded differs (-want +got):\n%s", diff)
				}
				header, err := kv.DecodeHeader(b)
				if diff := cmp.Diff(v.Header, header); diff != "" || err != nil {
					t.Errorf("header differs, error %v (-want +got):\n%s", err, diff)
				}
			})
		}
	}
}

func TestEncode(t *testing.T) {
	t.Run("takes 40 bytes more than a short body", func(t *testing.T) {
		if got := len(kv.Encode(kv.Value{Header: kv.Header{Existence: kv.Alive}, Body: []byte(`{"a":1}`)}, true)); got != kv.HeaderSize+7 {
			t.Errorf("%d bytes", got)
		}
	})
	t.Run("shrinks a long body", func(t *testing.T) {
		v := values()["a long body"]
		if got := len(kv.Encode(v, true)); got > len(v.Body)/10 {
			t.Errorf("%d bytes of %d", got, len(v.Body))
		}
	})
	t.Run("never makes a body longer", func(t *testing.T) {
		if got := len(kv.Encode(values()["a body that can't shrink"], true)); got != kv.HeaderSize+5000 {
			t.Errorf("%d bytes", got)
		}
	})
	t.Run("loses what a header can't hold, to the ms", func(t *testing.T) {
		at := time.Unix(1_790_000_000, 123_456_789)
		got, err := kv.Decode(kv.Encode(kv.Value{Header: kv.Header{Existence: kv.Alive, Fetched: at}}, false))
		if err != nil || !got.Fetched.Equal(at.Truncate(time.Millisecond)) {
			t.Errorf("fetched %v, error %v", got.Fetched, err)
		}
	})
}

func TestDecodeSharesNoMemory(t *testing.T) {
	for name, v := range values() {
		b := kv.Encode(v, true)
		got, err := kv.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		clear(b)
		if !bytes.Equal(got.Body, v.Body) {
			t.Errorf("%s: the body changed with the bytes it was read from", name)
		}
	}
}

func TestStamp(t *testing.T) {
	record := kv.Encode(values()["a plain record"], false)
	t.Run("of a record is set without a new checksum", func(t *testing.T) {
		b := bytes.Clone(record)
		kv.SetStamp(b, 77)
		v, err := kv.Decode(b)
		if err != nil || v.Stamp != 77 || kv.StampOf(b) != 77 {
			t.Errorf("stamp %d, StampOf %d, error %v", v.Stamp, kv.StampOf(b), err)
		}
	})
	t.Run("of a blob is covered by the checksum", func(t *testing.T) {
		b := kv.Encode(values()["a blob with refs"], true)
		kv.SetStamp(b, 77)
		if _, err := kv.Decode(b); !errors.Is(err, item.ErrDamaged) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("of what is shorter than a header is 0", func(t *testing.T) {
		for n := range kv.HeaderSize {
			if got := kv.StampOf(record[:n]); got != 0 {
				t.Errorf("%d bytes: %d", n, got)
			}
		}
	})
}

// TestFlips flips every single bit of stored values.
func TestFlips(t *testing.T) {
	for _, name := range []string{"a plain record", "a tombstone", "a blob with refs", "refs without a body"} {
		for _, blob := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, blob %t", name, blob), func(t *testing.T) {
				whole := kv.Encode(values()[name], blob)
				for bit := range len(whole) * 8 {
					at := bit / 8
					b := bytes.Clone(whole)
					b[at] ^= 1 << (bit % 8)
					_, err := kv.Decode(b)
					if stamp := at >= StampAt && at < stampEnd; stamp && !blob {
						if err != nil {
							t.Errorf("bit %d of byte %d, the record's stamp: %v", bit%8, at, err)
						}
					} else if !errors.Is(err, item.ErrDamaged) {
						t.Errorf("bit %d of byte %d: error %v", bit%8, at, err)
					}
				}
			})
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	bomb := kv.Encode(kv.Value{Header: kv.Header{Existence: kv.Alive}, Body: bytes.Repeat([]byte("x"), 16<<20)}, true)
	cases := map[string]struct {
		change func(b []byte) []byte
		of     kv.Value
		says   string
	}{
		"nothing":                 {func(b []byte) []byte { return nil }, kv.Value{}, "0 bytes are no header"},
		"half a header":           {func(b []byte) []byte { return b[:39] }, kv.Value{}, "39 bytes are no header"},
		"another form":            {func(b []byte) []byte { b[0] = '{'; return b }, kv.Value{}, "form 0x7b is unknown"},
		"a cut body":              {func(b []byte) []byte { return b[:len(b)-1] }, kv.Value{Body: []byte(`{}`)}, "checksum"},
		"a flag of the future":    {func(b []byte) []byte { b[flagsAt] |= 0x40; return seal(b) }, kv.Value{}, "later format"},
		"no life":                 {func(b []byte) []byte { b[flagsAt] &^= 3; return seal(b) }, kv.Value{}, "no life"},
		"refs that never end":     {func(b []byte) []byte { b[flagsAt] |= 8; return seal(b) }, kv.Value{Body: []byte{0xff, 0xff}}, "refs have no end"},
		"refs that are no JSON":   {func(b []byte) []byte { b[flagsAt] |= 8; return seal(b) }, kv.Value{Body: []byte("\x02{]")}, "refs are no JSON"},
		"a body that is no frame": {func(b []byte) []byte { b[flagsAt] |= 16; return seal(b) }, kv.Value{Body: []byte(`{}`)}, "decompressed"},
		"a frame beyond the bound": {func(b []byte) []byte {
			// two frames, each within the limits
			twice := append(bytes.Clone(bomb), bomb[kv.HeaderSize:]...)
			return seal(twice)
		}, kv.Value{}, "decompressed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.of.Existence = kv.Alive
			v, err := kv.Decode(c.change(kv.Encode(c.of, true)))
			if !errors.Is(err, item.ErrDamaged) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v does not say %q", err, c.says)
			}
			if diff := cmp.Diff(kv.Value{}, v); diff != "" {
				t.Errorf("a value came along: %.500s", diff)
			}
		})
	}
}

// seal corrects the checksum of a changed blob, so that only the change itself is wrong.
func seal(b []byte) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Checksum(b[:CRCAt], table), table, b[kv.HeaderSize:])
	binary.BigEndian.PutUint32(b[CRCAt:], sum)
	return b
}

func FuzzDecode(f *testing.F) {
	for _, v := range values() {
		if len(v.Body) < 10_000 {
			f.Add(kv.Encode(v, false))
			f.Add(kv.Encode(v, true))
		}
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= kv.HeaderSize {
			b = bytes.Clone(b)
			b[0] = 0x52
			seal(b) // otherwise every input would fail at the checksum
		}
		v, err := kv.Decode(b)
		if err != nil {
			if !errors.Is(err, item.ErrDamaged) {
				t.Fatalf("error %v is not ErrDamaged", err)
			}
			return
		}
		again, err := kv.Decode(kv.Encode(v, true))
		if diff := cmp.Diff(v, again, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("another round, error %v, gives:\n%s", err, diff)
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	f.Add(byte(1), uint64(5), "1790000000", int64(1), int64(2), uint16(3), uint32(4), "8557", true, []byte(`{}`), true)
	f.Fuzz(func(t *testing.T, life byte, stamp uint64, ver string, fetched, event int64, source uint16, shape uint32, id string, list bool, body []byte, blob bool) {
		const range48 = 1 << 46 // ms; the header holds 48 bits
		v := kv.Value{Header: kv.Header{Existence: kv.Existence(life%3 + 1), Stamp: stamp, Source: source, Shape: shape & 0xffffff}, Body: body}
		v.Version, _ = item.NewVersion(ver)
		fetched = fetched & (range48 - 1)
		if fetched > 0 {
			v.Fetched = time.UnixMilli(fetched)
		}
		event = event & (range48 - 1)
		if event > 0 {
			v.Event = time.UnixMilli(event)
		}
		if item.CheckID(id) == nil {
			v.Refs = kv.Refs{"brand": {IDs: []string{id}, List: list}}
		}
		got, err := kv.Decode(kv.Encode(v, blob))
		if diff := cmp.Diff(v, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("error %v, (-want +got):\n%s", err, diff)
		}
	})
}

// FuzzRefs compares the reading of refs with encoding/json.
func FuzzRefs(f *testing.F) {
	for _, text := range []string{`{}`, `{"brand":"8557"}`, `{"a":"1","b":["2","3"],"c":[]}`, `{"a":"品牌"}`, `{"a":"\u0041"}`, `{ "a" : "1" }`, `{"a":"1","a":["2"]}`,
		`{"a":null}`, `null`, `{"a":1}`, `{"a":"1",}`, `{"a":["1",]}`, `{"a":"1"}x`, `{"a":"1"`, "{\"a\":\"\xff\"}", "{\"a\":\"\x01\"}", `[]`, ``} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		body := append(binary.AppendUvarint(nil, uint64(len(text))), text...)
		b := kv.Encode(kv.Value{Header: kv.Header{Existence: kv.Alive}}, true)
		b = append(b[:kv.HeaderSize], body...)
		b[flagsAt] |= 8
		got, err := kv.Decode(seal(b))
		var want kv.Refs
		if wrong := json.Unmarshal([]byte(text), &want); (wrong != nil) != (err != nil) {
			t.Fatalf("%q: error %v, of encoding/json %v", text, err, wrong)
		}
		if diff := cmp.Diff(want, got.Refs, cmpopts.EquateEmpty()); err == nil && diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	})
}

func BenchmarkDecodeRefs(b *testing.B) {
	v := kv.Value{Header: kv.Header{Existence: kv.Alive, Stamp: 1}, Body: []byte(`{}`), Refs: kv.Refs{
		"brand": {IDs: []string{"8557"}}, "category": {IDs: []string{"655"}}, "shop": {IDs: []string{"1"}},
		"recommended": {IDs: []string{"100012", "100013", "100014", "100015"}, List: true}}}
	stored := kv.Encode(v, true)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := kv.Decode(stored); err != nil {
			b.Fatal(err)
		}
	}
}
