package rediskv

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// gather reads many strings by MGETs: one per hash tag in a Cluster, where keys of several slots must not
// meet in one command, and one for all on a single server. Values of another type are left out by MGET.
type gather struct{ sets []*mget }

type mget struct {
	keys      []string
	positions []int
	cmd       *redis.SliceCmd
}

// newGather asks key for the hash tag and the key of each position.
func newGather(c redis.UniversalClient, at []int, key func(i int) (tag, key string)) *gather {
	g, byTag, split := &gather{}, map[string]*mget{}, clustered(c)
	for _, i := range at {
		tag, k := key(i)
		if !split {
			tag = ""
		}
		set := byTag[tag]
		if set == nil {
			set = &mget{}
			byTag[tag] = set
			g.sets = append(g.sets, set)
		}
		set.keys = append(set.keys, k)
		set.positions = append(set.positions, i)
	}
	return g
}

func (g *gather) send(ctx context.Context, p redis.Pipeliner) {
	for _, set := range g.sets {
		set.cmd = p.MGet(ctx, set.keys...)
	}
}

// results puts the values to their positions, nil where there is none, and notes what could not be read.
func (g *gather) results(values [][]byte, errs []error) {
	for _, set := range g.sets {
		got, err := set.cmd.Result()
		for i, at := range set.positions {
			if err != nil {
				note(errs, at, set.keys[i], err)
			} else if text, ok := got[i].(string); ok {
				values[at] = []byte(text)
			}
		}
	}
}
