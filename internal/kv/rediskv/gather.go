package rediskv

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// gather reads many strings by MGETs: one per hash tag in a Cluster, where keys of several slots must not
// meet in one command, and one for all on a single server. It puts the answers back in the order asked.
type gather struct {
	total int
	sets  []*mget
}

type mget struct {
	keys      []string
	positions []int
	cmd       *redis.SliceCmd
}

// newGather asks key for the hash tag and the key of each of n positions.
func newGather(c redis.UniversalClient, n int, key func(i int) (tag, key string)) *gather {
	g, byTag, split := &gather{total: n}, map[string]*mget{}, clustered(c)
	for i := range n {
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
		set.keys, set.positions = append(set.keys, k), append(set.positions, i)
	}
	return g
}

func (g *gather) send(ctx context.Context, p redis.Pipeliner) {
	for _, set := range g.sets {
		set.cmd = p.MGet(ctx, set.keys...)
	}
}

// results are the values by position; nil where there is none.
func (g *gather) results() ([][]byte, error) {
	values := make([][]byte, g.total)
	for _, set := range g.sets {
		got, err := set.cmd.Result()
		if err != nil {
			return nil, fmt.Errorf("%s and %d more: %w", set.keys[0], len(set.keys)-1, err)
		}
		for i, v := range got {
			if text, ok := v.(string); ok {
				values[set.positions[i]] = []byte(text)
			}
		}
	}
	return values, nil
}
