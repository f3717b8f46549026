package kv_test

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/kvtest"
	"vitrine/internal/long"
)

func trained(t testing.TB, documents [][]byte) *kv.Codec {
	t.Helper()
	made, err := kv.Train(documents, 1<<20)
	if err != nil || made == nil {
		t.Fatalf("%d documents: %v", len(documents), err)
	}
	c := &kv.Codec{}
	if err := c.Use([][]byte{made}); err != nil {
		t.Fatal(err)
	}
	return c
}

func alive(body []byte) kv.Value {
	return kv.Value{Header: kv.Header{Existence: kv.Alive, Stamp: 7, Fetched: time.UnixMilli(1_700_000_000_000), Source: 1, Shape: 2}, Body: body}
}

func TestADictionaryMakesDocumentsSmaller(t *testing.T) {
	with, without := trained(t, kvtest.Articles(600, 1)), &kv.Codec{}
	small, large := 0, 0
	for _, body := range kvtest.Articles(100, 2) {
		b := with.Encode(alive(body), true)
		small += len(b)
		large = large + len(without.Encode(alive(body), true))
		v, err := with.Decode(b)
		if err != nil || !bytes.Equal(v.Body, body) {
			t.Fatalf("the value reads as %s, error %v; want what was written", v.Body, err)
		}
		if _, err := without.Decode(b); !errors.Is(err, item.ErrDamaged) || without.Knows(b) || !with.Knows(b) {
			t.Fatal("read without its dictionary:", err)
		}
	}
	if 2*small > large {
		t.Errorf("%d bytes with, %d without", small, large)
	}
}

func TestTooFewDocuments(t *testing.T) {
	if made, err := kv.Train(kvtest.Articles(20, 1), 1<<20); made != nil || err != nil {
		t.Errorf("too few documents make a dictionary of %d bytes, error %v; want none", len(made), err)
	}
	same := make([][]byte, 100)
	for i := range same {
		same[i] = []byte("x")
	}
	if _, err := kv.Train(same, 1<<20); err == nil {
		t.Log("a dictionary of nothing is possible")
	}
}

// TestLEGO holds the compression to a ratio on real rows. One half trains the dictionary, and the other half is
// stored. The short form stores every 16th row.
func TestLEGO(t *testing.T) {
	f, err := os.Open("../../../shared/data/lego-to2015.jsonl.zst")
	if err != nil {
		t.Skip("THE REAL CATALOGUES ARE ABSENT: ", err)
	}
	defer f.Close()
	d, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var learn, rest [][]byte
	for in := bufio.NewScanner(d); in.Scan(); {
		if row := bytes.Clone(in.Bytes()); len(learn) > len(rest) {
			rest = append(rest, row)
		} else {
			learn = append(learn, row)
		}
	}
	step := len(learn) / 1500
	var sample [][]byte
	for i := 0; i < len(learn); i += step {
		sample = append(sample, learn[i])
	}
	c := trained(t, sample)
	stored, plain := 0, 0
	rows := 0
	for i := 0; i < len(rest); i += long.Pick(16, 1) {
		stored += len(c.Encode(alive(rest[i]), false)) - kv.HeaderSize
		plain += len(rest[i])
		rows++
	}
	share := float64(stored) / float64(plain)
	t.Logf("%d rows of %d bytes on average: body %.3f of the JSON, header %d bytes", rows, plain/rows, share, kv.HeaderSize)
	if share > 0.18 || kv.HeaderSize > 40 {
		t.Errorf("the body is %.3f of the JSON", share)
	}
}

func FuzzDecodeWithDictionary(f *testing.F) {
	c := trained(f, kvtest.Articles(200, 1))
	f.Add(c.Encode(alive(kvtest.Articles(1, 3)[0]), true))
	f.Add(kv.Encode(alive([]byte(`{}`)), false))
	f.Fuzz(func(t *testing.T, b []byte) {
		c.Knows(b)
		if v, err := c.Decode(b); err == nil {
			if again, err := c.Decode(c.Encode(v, true)); err != nil || !bytes.Equal(again.Body, v.Body) {
				t.Error(err)
			}
		}
	})
}

func BenchmarkDictionary(b *testing.B) {
	c := trained(b, kvtest.Articles(600, 1))
	v := alive(kvtest.Articles(1, 2)[0])
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			c.Encode(v, true)
		}
	})
	encoded := c.Encode(v, true)
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Decode(encoded); err != nil {
				b.Fatal(err)
			}
		}
	})
}
