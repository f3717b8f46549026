package boltkv_test

import (
	"fmt"
	"sync"
	"testing"

	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
)

// BenchmarkLonePut writes one record at a time. It measures the latency without other load.
func BenchmarkLonePut(b *testing.B) {
	for name, noSync := range map[string]bool{"sync": false, "nosync": true} {
		b.Run(name, func(b *testing.B) {
			s := open(b, file(b), boltkv.Options{NoSync: noSync})
			i := 0
			for b.Loop() {
				put(b, s, fmt.Sprint(i), fillBody(i))
				i++
			}
		})
	}
}

// BenchmarkGroup has 5,000 callers at once write one record each. ns/op is for all of them.
func BenchmarkGroup(b *testing.B) {
	const callers = 5000
	s := open(b, file(b), boltkv.Options{})
	round := 0
	for b.Loop() {
		var group sync.WaitGroup
		for i := range callers {
			group.Go(func() { put(b, s, fmt.Sprintf("%d-%d", round, i), fillBody(i)) })
		}
		group.Wait()
		round++
	}
	b.ReportMetric(float64(b.N)*callers/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkBatch has one caller write 500 records.
func BenchmarkBatch(b *testing.B) {
	const batch = 500
	s := open(b, file(b), boltkv.Options{})
	round := 0
	for b.Loop() {
		puts := make([]kv.Put, batch)
		for i := range puts {
			puts[i] = kv.Put{RecordKey: key(fmt.Sprintf("%d-%d", round, i)), Value: alive(fillBody(i))}
		}
		if _, err := s.PutRecords(b.Context(), puts); err != nil {
			b.Fatal(err)
		}
		round++
	}
	b.ReportMetric(float64(b.N)*batch/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkRead(b *testing.B) {
	s := open(b, filled(b, 20_000), boltkv.Options{})
	i := 0
	for b.Loop() {
		read(b, s, fillID(i%20_000))
		i++
	}
}
