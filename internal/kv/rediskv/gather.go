package rediskv

import (
	"context"
	"unsafe"

	"github.com/redis/go-redis/v9"
)

// gather reads many strings by MGET: one per hash tag in a Cluster, where one command must not have keys of several
// slots, and one for all on a single server. MGET skips values of another type.
type gather struct{ sets []*mget }

type mget struct {
	keys      []string
	positions []int
	cmd       *redis.SliceCmd
	single    []*redis.StringCmd // by key, if cmd could not read them together
}

// newGather groups the positions. tag and key give the hash tag and the key of a position.
func newGather(c redis.UniversalClient, at []int, tag, key func(i int) string) *gather {
	if !clustered(c) {
		all := &mget{keys: make([]string, len(at)), positions: at}
		for n, i := range at {
			all.keys[n] = key(i)
		}
		return &gather{sets: []*mget{all}}
	}
	g, byTag := &gather{}, map[string]*mget{}
	for _, i := range at {
		set := byTag[tag(i)]
		if set == nil {
			set = &mget{}
			byTag[tag(i)] = set
			g.sets = append(g.sets, set)
		}
		set.keys = append(set.keys, key(i))
		set.positions = append(set.positions, i)
	}
	return g
}

func (g *gather) send(ctx context.Context, p redis.Pipeliner) {
	for _, set := range g.sets {
		set.cmd = p.MGet(ctx, set.keys...)
	}
}

// sendAgain reads one by one what an MGET could not read because its slot is on its way to another master, and some of the
// keys are here and some there. A slot with many keys takes a while.
func (g *gather) sendAgain(ctx context.Context, c redis.UniversalClient) {
	var split []*mget
	for _, set := range g.sets {
		if redis.HasErrorPrefix(set.cmd.Err(), "TRYAGAIN") {
			split = append(split, set)
		}
	}
	exec(ctx, c, func(p redis.Pipeliner) {
		for _, set := range split {
			set.single = make([]*redis.StringCmd, len(set.keys))
			for i, key := range set.keys {
				set.single[i] = p.Get(ctx, key)
			}
		}
	})
}

// results stores the values at their positions, nil for none, and in errs what could not be read.
func (g *gather) results(values [][]byte, errs []error) {
	for _, set := range g.sets {
		if set.single != nil {
			set.singleResults(values, errs)
			continue
		}
		got, err := set.cmd.Result()
		for i, at := range set.positions {
			if err != nil {
				note(errs, at, set.keys[i], err)
			} else if text, ok := got[i].(string); ok {
				values[at] = unsafe.Slice(unsafe.StringData(text), len(text)) // nobody writes to what was read
			}
		}
	}
}

func (set *mget) singleResults(values [][]byte, errs []error) {
	for i, at := range set.positions {
		value, err := set.single[i].Bytes()
		switch {
		case err == nil:
			values[at] = value
		case err != redis.Nil && !wrongType(err):
			note(errs, at, set.keys[i], err)
		}
	}
}
