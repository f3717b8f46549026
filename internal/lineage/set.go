package lineage

import "hash/maphash"

// set is what was announced already, by its hash: 8 bytes for each. Two of a million are taken for one about once in
// ten million repairs, and by another seed the next time.
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
