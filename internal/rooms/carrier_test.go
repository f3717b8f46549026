package rooms_test

import (
	"fmt"
	"testing"
	"time"

	"vitrine/internal/bus"
	"vitrine/internal/poll"
)

// push puts a value under a key of a bucket.
func (r *room) push(t *testing.T, bucket, key, value string) {
	t.Helper()
	if _, err := r.conn.Bucket(bucket).Put(t.Context(), key, []byte(value)); err != nil {
		t.Fatal(err)
	}
}

// holds waits until a key has a value in r's bucket, "" for none, and returns when that was pushed.
func (r *room) holds(t *testing.T, bucket, key, want string) (pushed time.Time) {
	t.Helper()
	poll.Until(t, fmt.Sprintf("%s has %q under %s of %s", r.name, want, key, bucket), func() bool {
		e := r.newest(t, bucket, key)
		pushed = e.Pushed
		return !e.Created.IsZero() && string(e.Value) == want
	})
	return pushed
}

func (r *room) newest(t *testing.T, bucket, key string) bus.Entry {
	t.Helper()
	all, err := r.conn.Bucket(bucket).Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Key == key {
			return e
		}
	}
	return bus.Entry{}
}

func TestPushesReachBothRooms(t *testing.T) {
	t.Parallel()
	east, west := newRoom(t, "east"), newRoom(t, "west")
	east.push(t, "switches", "read.redis/all", "before they hear each other")
	east.relay(t, west)
	west.relay(t, east)
	at := east.newest(t, "switches", "read.redis/all").Pushed
	if got := west.holds(t, "switches", "read.redis/all", "before they hear each other"); !got.Equal(at) {
		t.Errorf("it was pushed at %s, and says %s in the other room", at, got)
	}
	west.push(t, "switches", "read.redis/all", "newer")
	east.holds(t, "switches", "read.redis/all", "newer")
	if err := east.conn.Bucket("switches").Delete(t.Context(), "read.redis/all"); err != nil {
		t.Fatal(err)
	}
	west.holds(t, "switches", "read.redis/all", "")
	east.push(t, "catalog", "serve", "addresses of east")
	east.push(t, "catalog", "catalog", "a catalog")
	west.holds(t, "catalog", "catalog", "a catalog")
	if e := west.newest(t, "catalog", "serve"); e.Key != "" {
		t.Errorf("the addresses of the other room came, too: %s", e.Value)
	}

	t.Log("both are pushed to while they are cut off; the newer one wins in both")
	east.cable.Cut()
	west.cable.Cut()
	east.push(t, "templates", "templates", "east's")
	west.push(t, "templates", "templates", "west's, later")
	west.push(t, "catalog", "catalog", "west's")
	east.push(t, "catalog", "catalog", "east's, later")
	east.cable.Heal()
	west.cable.Heal()
	for _, r := range []*room{east, west} {
		r.holds(t, "templates", "templates", "west's, later")
		r.holds(t, "catalog", "catalog", "east's, later")
	}
}
