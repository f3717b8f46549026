package rediskv_test

import (
	"fmt"
	"testing"
	"time"

	"vitrine/internal/kv"
	"vitrine/internal/kv/rediskv"
	"vitrine/internal/long"
	"vitrine/internal/poll"
	"vitrine/internal/redistest"
)

// TestAClusterElects kills a master of a Cluster that has a replica. Blobs on it are read from the replica meanwhile,
// and writes come back once the others have elected it.
func TestAClusterElects(t *testing.T) {
	long.Only(t)
	t.Parallel()
	c := redistest.Cluster(t)
	replica := c.Replica(1)
	for _, n := range c.Nodes {
		n.Do("CONFIG", "SET", "cluster-require-full-coverage", "no")
	}
	replica.Do("CONFIG", "SET", "cluster-require-full-coverage", "no")
	s := openAt(t, c.URL)
	near, err := rediskv.Open(t.Context(), rediskv.Config{URL: c.URL, Replicas: true, Log: quietLog(), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	var keys []kv.BlobKey
	for i := range 60 {
		keys = append(keys, kv.BlobKey{Entity: sku(fmt.Sprint(i)), Blob: "item"})
	}
	write := func(gen uint64) error {
		var puts []kv.BlobPut
		for _, key := range keys {
			v := alive(`{}`)
			v.Stamp = gen
			puts = append(puts, kv.BlobPut{BlobKey: key, Value: v})
		}
		_, err := s.PutBlobs(t.Context(), puts)
		return err
	}
	readAll := func() error {
		got, err := near.Blobs(t.Context(), keys)
		for i, b := range got {
			if err == nil && b.Existence != kv.Alive {
				err = fmt.Errorf("%s is %+v", keys[i], b)
			}
		}
		return err
	}
	if err := write(5); err != nil {
		t.Fatal(err)
	}
	c.Nodes[1].Do("WAIT", 1, 0)
	poll.Until(t, "reads with a replica", func() bool { return readAll() == nil })
	c.Nodes[1].Stop()
	poll.Until(t, "reads without the master", func() bool { return readAll() == nil })
	began := time.Now()
	poll.Until(t, "writes to the replica that was elected", func() bool { return write(6) == nil })
	t.Logf("reads went on before writes, which came %s later", time.Since(began).Round(time.Millisecond))
}
