package lineage

import "hash/maphash"

// set remembers what was announced, by hashes of 8 bytes. Among a million, two collide about once in ten million
// repairs; the next repair uses another seed.
type set struct {
	seed   maphash.Seed
	hashes map[uint64]struct{}
}

func newSet() *set { return &set{maphash.MakeSeed(), map[uint64]struct{}{}} }

func (s *set) has(v any) bool {
	_, ok := s.hashes[maphash.Comparable(s.seed, v)]
	return ok
}

func (s *set) add(v any) { s.hashes[maphash.Comparable(s.seed, v)] = struct{}{} }
