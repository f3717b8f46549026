package rediskv

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"vitrine/internal/item"
	"vitrine/internal/kv"
)

// Relate adds, then sets what is applied, then removes. Only the caller whose set succeeded may remove, and only the
// versions that it replaced. So a late removal does no harm if another caller has added the same member again:
//
//	A: marks 1 → 2 ─────────────────────────────────────────── removes from list 1: version 0
//	B:                marks 2 → 1, in list 1 with version 2 ──
//
// A crash before the removal leaves one id too many, never one too few.
func (s *Store) Relate(ctx context.Context, r kv.Relate) error {
	return s.fail("relate "+kv.StateKey(r.Entity)+", dimension "+r.Dimension, s.relate(ctx, r))
}

func (s *Store) relate(ctx context.Context, r kv.Relate) error {
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	m, err := readMove(ctx, client, r)
	if err != nil {
		return err
	}
	if err := s.addAll(ctx, client, m.add); err != nil {
		return err
	}
	marked, err := s.scripts.applied.Run(ctx, client, []string{kv.StateKey(r.Entity)}, r.Dimension, m.was, m.wasVersions, m.now, m.versions).Int()
	if err != nil {
		return err
	}
	if marked == 0 {
		return item.ErrChanged
	}
	return s.removeAll(ctx, client, m.remove)
}

// move is a Relate with the versions of its members.
type move struct {
	was, wasVersions, now, versions string // in their stored form
	add, remove                     []entry
}

// versions are the versions of an entity's members in the lists of one dimension.
type versions struct {
	Last int            `json:"n"`            // how often the refs were changed
	Of   map[string]int `json:"of,omitempty"` // list → version, unless it is 0
}

// readMove reads what is applied, and under which versions. An unreadable value counts as nothing.
func readMove(ctx context.Context, c redis.UniversalClient, r kv.Relate) (m move, err error) {
	m.was, err = encodeRefs(r.Was)
	if err != nil {
		return m, err
	}
	m.now, err = encodeRefs(r.Now)
	if err != nil {
		return m, err
	}
	found, err := c.HMGet(ctx, kv.StateKey(r.Entity), "a:"+r.Dimension, "x:"+r.Dimension).Result()
	switch {
	case wrongType(err):
		found = make([]any, 2) // for the script to replace
	case err != nil:
		return m, err
	}
	applied, _ := found[0].(string)
	m.wasVersions, _ = found[1].(string)
	if _, bad := decodeRefs(applied); applied != "" && bad != nil && m.was == "" {
		m.was = applied
	}
	if applied != m.was {
		return m, item.ErrChanged
	}
	v, moved := versions{}, m.was != "" || m.wasVersions != ""
	if json.Unmarshal([]byte(m.wasVersions), &v) != nil {
		v = versions{}
	}
	m.move(r, v, moved)
	return m, nil
}

// move sets the entries, and the versions that are valid afterwards.
func (m *move) move(r kv.Relate, v versions, moved bool) {
	of := map[string]int{}
	maps.Copy(of, v.Of)
	if moved {
		v.Last++
	}
	for _, list := range r.Remove {
		m.remove = append(m.remove, entry{list, member(r.Entity.ID, of[list.Head()])})
		delete(of, list.Head())
	}
	for _, list := range r.Add {
		m.add = append(m.add, entry{list, member(r.Entity.ID, v.Last)})
		if moved { // it may be stored under an older version
			m.remove = append(m.remove, entry{list, member(r.Entity.ID, of[list.Head()])})
			of[list.Head()] = v.Last
		}
	}
	v.Of = of
	if moved {
		b, _ := json.Marshal(v) // of ints and strings
		m.versions = string(b)
	}
}

func member(id string, version int) string {
	if version == 0 {
		return id
	}
	return id + "\x00" + strconv.Itoa(version)
}

// window is the most buckets that Related reads in one round trip. A short list takes 4 round trips, not 256.
const window = 64

// page is a Related in progress: its position, and what it has found.
type page struct {
	bucket int    // -1 is the head
	after  string // the last id there; "" at its start
	ids    []string
	none   bool // all buckets are being read, and none had a member so far
}

// Related implements kv.Relater. The cursor is the bucket in two hex digits, or "--" for the head, and the last id in
// it.
func (s *Store) Related(ctx context.Context, of kv.Relation, cursor string, limit int) ([]string, string, error) {
	p, err := openPage(cursor)
	if err == nil {
		err = s.fill(ctx, of, &p, max(limit, 1))
	}
	if err != nil {
		return nil, "", s.fail("list "+of.Kind+"s of "+of.Target.String(), err)
	}
	switch p.bucket {
	case kv.Buckets:
		return p.ids, "", nil
	case -1:
		return p.ids, inHead + p.after, nil
	}
	return p.ids, fmt.Sprintf("%02x%s", p.bucket, p.after), nil
}

// inHead stands in a cursor for the head.
const inHead = "--"

func openPage(cursor string) (page, error) {
	if cursor == "" {
		return page{bucket: -1}, nil
	}
	if after, ok := strings.CutPrefix(cursor, inHead); ok && len(after) <= item.MaxID {
		return page{bucket: -1, after: after}, nil
	}
	bucket, err := strconv.ParseUint(cursor[:min(2, len(cursor))], 16, 8)
	if err != nil || len(cursor) < 2 || len(cursor) > 2+item.MaxID {
		return page{}, fmt.Errorf("%w: %.80q is no cursor of a list", item.ErrRefused, cursor)
	}
	return page{bucket: int(bucket), after: cursor[2:]}, nil
}

// fill reads the head, and then the buckets if there may be members: many at once while they are short, one at a time
// when they are long, so that neither round trips nor answers are wasted.
func (s *Store) fill(ctx context.Context, of kv.Relation, p *page, limit int) error {
	ctx, cancel, client, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	if p.bucket < 0 {
		if err := s.readHead(ctx, client, of, p, limit); err != nil {
			return err
		}
	}
	wide := window
	if p.after != "" {
		wide = 1
	}
	for p.bucket >= 0 && p.bucket < kv.Buckets && len(p.ids) < limit {
		want := limit - len(p.ids)
		if wide > 1 {
			want = min(want, max(16, want/8))
		}
		full, err := s.readBuckets(ctx, client, of, p, min(wide, kv.Buckets-p.bucket), want, limit)
		if err != nil {
			return err
		}
		wide = window
		if full {
			wide = 1
		}
	}
	if p.none && p.bucket == kv.Buckets {
		return s.scripts.listSettle.Run(ctx, client, []string{of.Head()}, headMost).Err()
	}
	return nil
}

// readHead takes ids from the head. When there are no more it moves on to the buckets, or to the end.
func (s *Store) readHead(ctx context.Context, c redis.UniversalClient, of kv.Relation, p *page, limit int) error {
	var listed *redis.StringSliceCmd
	var small *redis.FloatCmd
	exec(ctx, c, func(pipe redis.Pipeliner) {
		listed = pipe.ZRangeByLex(ctx, of.Head(), from(p.after, limit))
		small = pipe.ZScore(ctx, of.Head(), smallKey)
	})
	ids, full, err := s.idsIn(of.Head(), listed, limit)
	if err != nil {
		return err
	}
	p.ids = ids
	if full {
		p.after = ids[len(ids)-1]
		return nil
	}
	p.bucket = 0
	p.after = ""
	p.none = true
	switch err := small.Err(); {
	case err == nil:
		p.bucket = kv.Buckets
		p.none = false
	case err != redis.Nil && !wrongType(err):
		return fmt.Errorf("%s: %w", of.Head(), err)
	}
	return nil
}

// from requests the ids after the last one, past all markers and versions.
func from(after string, want int) *redis.ZRangeBy {
	return &redis.ZRangeBy{Min: "(" + after + markEnd, Max: "+", Count: int64(want)}
}

// idsIn parses an answer: its ids, each once, and whether there may be more.
func (s *Store) idsIn(key string, cmd *redis.StringSliceCmd, want int) (ids []string, full bool, err error) {
	members, err := cmd.Result()
	if wrongType(err) {
		s.damaged(key, err)
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", key, err)
	}
	for _, m := range members {
		if id := idOf(m); len(ids) == 0 || ids[len(ids)-1] != id {
			ids = append(ids, strings.Clone(id))
		}
	}
	return ids, len(members) >= want, nil
}

// readBuckets takes up to want ids from each of the next n buckets. It stops at the first bucket that may hold more, and
// reports full.
func (s *Store) readBuckets(ctx context.Context, c redis.UniversalClient, of kv.Relation, p *page, n, want, limit int) (full bool, err error) {
	cmds := make([]*redis.StringSliceCmd, n)
	exec(ctx, c, func(pipe redis.Pipeliner) {
		for i := range cmds {
			after := ""
			if i == 0 {
				after = p.after
			}
			cmds[i] = pipe.ZRangeByLex(ctx, of.Key(p.bucket+i), from(after, want))
		}
	})
	for _, cmd := range cmds {
		ids, more, err := s.idsIn(of.Key(p.bucket), cmd, want)
		if err != nil {
			return false, err
		}
		p.none = p.none && len(ids) == 0
		room := limit - len(p.ids)
		if more || len(ids) > room {
			ids = ids[:min(len(ids), room)]
			if len(ids) > 0 {
				p.after = ids[len(ids)-1]
			}
			p.ids = append(p.ids, ids...)
			return true, nil
		}
		p.ids = append(p.ids, ids...)
		p.bucket++
		p.after = ""
	}
	return false, nil
}
