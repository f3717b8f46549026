package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"time"

	"vitrine/internal/item"
	"vitrine/internal/kv"
	"vitrine/internal/kv/boltkv"
)

// StoreReads are the times of single reads of a store that a process has just opened.
type StoreReads struct {
	Records quantiles `json:"record_read"`
	Blobs   quantiles `json:"blob_read"`
}

// ReadStore reads n records, and n blobs, of articles at random, from the store of a bench disk that nobody else has open.
func ReadStore(ctx context.Context, host Host, dir string, files, skus, n int) (r StoreReads, err error) {
	store, err := boltkv.OpenShards(ctx, dir, files, boltkv.Options{Log: host.Log})
	if err != nil {
		return r, err
	}
	defer store.Close()
	random := rand.New(rand.NewPCG(2, 2))
	some := func() item.Entity { return article(random.IntN(skus)) }
	r.Records, err = timeEach(n/10, n, func() (kv.Existence, error) {
		got, err := store.Records(ctx, []kv.RecordKey{recordOf(some())})
		if err != nil {
			return kv.Absent, err
		}
		return got[0].Existence, nil
	})
	if err != nil {
		return r, fmt.Errorf("read records: %w", err)
	}
	r.Blobs, err = timeEach(n/10, n, func() (kv.Existence, error) { return existenceOf(store.Blobs(ctx, []kv.BlobKey{blobOf(some())})) })
	if err != nil {
		return r, fmt.Errorf("read blobs: %w", err)
	}
	return r, nil
}

// existenceOf is that of the only blob that was read.
func existenceOf(got []kv.Blob, err error) (kv.Existence, error) {
	if err != nil {
		return kv.Absent, err
	}
	return got[0].Existence, nil
}

// timeEach times n reads, after others that fill the kernel's memory.
func timeEach(warm, n int, read func() (kv.Existence, error)) (quantiles, error) {
	times := make([]time.Duration, 0, n)
	for i := range warm + n {
		began := time.Now()
		existence, err := read()
		took := time.Since(began)
		if err == nil && existence != kv.Alive {
			err = fmt.Errorf("%w: nothing is stored", item.ErrUnavailable)
		}
		if err != nil {
			return quantiles{}, err
		}
		if i >= warm {
			times = append(times, took)
		}
	}
	return quantilesOf(times), nil
}

// readStore runs ReadStore in a process of its own, whose memory is limited as the up's was.
func (s *diskSystem) readStore(ctx context.Context) (r StoreReads, err error) {
	s.host.Log.Info("reading records and blobs")
	args := s.command("bench", "reads", "--dir", s.Dir, "--store-shards", strconv.Itoa(s.files), "--skus", strconv.Itoa(s.SKUs), "--reads", strconv.Itoa(s.Reads))
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, item.Clip(string(failed.Stderr), 600))
	}
	if err != nil {
		return r, fmt.Errorf("read the store: %w", err)
	}
	return r, json.Unmarshal(out, &r)
}
