package model

import "math/bits"

// Slugs models addresses that are a slug alone: which articles have claimed a slug, and whom a reader finds by it. There are two articles,
// two slugs, two syncers that fold articles, and one that folds slugs. Each edit of an article gives it the other slug, and a new gen. Both
// begin with the second slug, which the first article has for itself.
type Slugs struct {
	Edits   [2]uint8 // of each article
	Deletes uint8    // of the first article, which is not edited after that
	Crashes uint8
}

// The mutants of Slugs.
const (
	ClaimAfterBuilt  Mutant = "an article is marked built before its slug is claimed"
	ClaimOverwrites  Mutant = "a claim is written over those that came since it was prepared"
	ClaimReplaces    Mutant = "a claim takes the place of all others of the slug"
	ClaimWithdrawn   Mutant = "a fold withdraws its article's claims of other slugs"
	ClaimUnlessTaken Mutant = "what another has claimed is not claimed"
	ClaimIfStored    Mutant = "a fold whose put was refused claims nothing"
	ClaimUnfolded    Mutant = "a new claim is not folded into what readers see"
	SlugTrusted      Mutant = "a reader takes the first claim, whatever the slug of the article itself is by now"
)

// SlugsMutants returns all mutants of Slugs.
func SlugsMutants() []Mutant {
	return []Mutant{ClaimAfterBuilt, ClaimOverwrites, ClaimReplaces, ClaimWithdrawn, ClaimUnlessTaken, ClaimIfStored, ClaimUnfolded, SlugTrusted}
}

// claimer is a syncer that folds an article; step 0 is idle.
type claimer struct {
	step, article, seq, gen uint8
	refused                 bool
	claims, version         uint8 // of the slug, as they were read
}

// slugFolder is the syncer that folds slugs; step 0 is idle.
type slugFolder struct {
	step, slug, seq, claims, version uint8
}

type slugs struct {
	left    Slugs
	deleted uint8    // the gen with which the first article was deleted; 0 for none
	record  [2]uint8 // the gen of each article, which says its slug
	blob    [2]uint8 // the gen of each article's blob
	built   [2]uint8
	syncs   [2]queue

	claims  [2]uint8 // of each slug, a bit for each article
	version [2]uint8 // of the record that has them
	seen    [2]uint8 // by readers: the claims in the slug's blob
	folded  [2]uint8 // the version of the record that the slug's blob was folded from
	folds   [2]queue

	syncers [2]claimer
	folder  slugFolder
	trusts  bool // SlugTrusted
}

// none is the slug of what is deleted.
const none = 2

// slugOf is the slug that an article has with a gen.
func (s *slugs) slugOf(article, gen uint8) uint8 {
	if article == 0 && s.deleted > 0 && gen >= s.deleted {
		return none
	}
	return gen % 2
}

// Explore implements Scenario.
func (l Slugs) Explore(m Mutant) Result {
	one := [2]uint8{1, 1}
	return explore(slugs{left: l, record: one, blob: one, built: one, claims: [2]uint8{0, 3}, version: one, seen: [2]uint8{0, 3}, folded: one, trusts: m == SlugTrusted}, m)
}

// first is the first of some articles for which a gen says the slug; none where there is none.
func (s *slugs) first(slug, among uint8, gens [2]uint8) uint8 {
	for a := range uint8(2) {
		if among&(1<<a) != 0 && s.slugOf(a, gens[a]) == slug {
			return a
		}
	}
	return none
}

func (s slugs) wrong() string {
	for slug := range uint8(2) {
		found := s.first(slug, s.seen[slug], s.blob)
		if s.trusts && s.seen[slug] != 0 {
			found = uint8(bits.TrailingZeros8(s.seen[slug]))
		}
		if s.first(slug, 3, s.record) != found {
			return "a slug leads to another article than the first that has it"
		}
	}
	return ""
}

func (s slugs) environment(m Mutant, next func(slugs)) {
	for a := range uint8(2) {
		if s.left.Edits[a] > 0 && s.slugOf(a, s.record[a]) != none {
			n := s
			n.left.Edits[a]--
			n.record[a]++
			n.syncs[a].publish(m)
			next(n)
		}
	}
	if s.left.Deletes > 0 && s.deleted == 0 {
		n := s
		n.left.Deletes--
		n.record[0]++
		n.deleted = n.record[0]
		n.syncs[0].publish(m)
		next(n)
	}
	if s.left.Crashes == 0 {
		return
	}
	for i, f := range s.syncers {
		if f.step > 0 {
			n := s
			n.left.Crashes--
			n.syncs[f.article].again(f.seq)
			n.syncers[i] = claimer{}
			next(n)
		}
	}
	if f := s.folder; f.step > 0 {
		n := s
		n.left.Crashes--
		n.folds[f.slug].again(f.seq)
		n.folder = slugFolder{}
		next(n)
	}
}

func (s slugs) ours(m Mutant, next func(slugs)) {
	for i := range s.syncers {
		s.claim(i, m, next)
	}
	s.foldSlug(m, next)
	if s.syncers != [2]claimer{} || s.folder.step > 0 {
		return
	}
	for a := range s.syncs { // the sweep
		if n := s; s.record[a] != s.built[a] && s.syncs[a].seq == 0 {
			n.syncs[a].publish(m)
			next(n)
		}
		if n := s; s.version[a] != s.folded[a] && s.folds[a].seq == 0 && m != ClaimUnfolded {
			n.folds[a].publish(m)
			next(n)
		}
	}
}

// The further steps of a claimer, which begins with took. Each names what it did last.
const (
	readGen = iota + 2
	blobPut
	claimsRead
	claimPut
)

func (s slugs) claim(i int, m Mutant, next func(slugs)) {
	n := s
	f := &n.syncers[i]
	slug := s.slugOf(f.article, f.gen)
	switch f.step {
	case 0:
		for a, q := range s.syncs {
			if n := s; q.ready {
				n.syncs[a].ready = false
				n.syncers[i] = claimer{step: took, article: uint8(a), seq: q.seq}
				next(n)
			}
		}
		return
	case took:
		f.step = readGen
		f.gen = s.record[f.article]
	case readGen:
		f.step = blobPut
		f.refused = f.gen <= s.blob[f.article]
		n.blob[f.article] = max(f.gen, s.blob[f.article])
		if m == ClaimAfterBuilt {
			n.finish(f, m)
		}
	case blobPut:
		f.step = claimsRead
		if slug == none || m == ClaimIfStored && f.refused {
			f.step = claimPut
			break
		}
		f.claims, f.version = s.claims[slug], s.version[slug]
	case claimsRead:
		n.enter(f, slug, m)
	case claimPut:
		if slug != none && s.version[slug] != s.folded[slug] && m != ClaimUnfolded {
			n.folds[slug].publish(m)
		}
		n.finish(f, m)
		*f = claimer{}
	}
	next(n)
}

// enter writes the claim of a claimer, which begins again where others came since it has read them.
func (s *slugs) enter(f *claimer, slug uint8, m Mutant) {
	own := uint8(1) << f.article
	now := f.claims | own
	switch {
	case m == ClaimUnlessTaken && f.claims != 0:
		now = f.claims
	case m == ClaimReplaces:
		now = own
	}
	f.step = claimPut
	if m == ClaimWithdrawn && s.claims[1-slug]&own != 0 {
		s.claims[1-slug] &^= own
		s.version[1-slug]++
	}
	switch {
	case now == f.claims:
	case s.version[slug] != f.version && m != ClaimOverwrites:
		f.step = blobPut
	default:
		s.claims[slug] = now
		s.version[slug]++
	}
}

// finish marks an article built up to the gen that a claimer has read.
func (s *slugs) finish(f *claimer, m Mutant) {
	s.built[f.article] = max(s.built[f.article], f.gen)
	s.syncs[f.article].ack(f.seq, m)
}

func (s slugs) foldSlug(m Mutant, next func(slugs)) {
	n := s
	f := &n.folder
	switch f.step {
	case 0:
		for slug, q := range s.folds {
			if n := s; q.ready {
				n.folds[slug].ready = false
				n.folder = slugFolder{step: took, slug: uint8(slug), seq: q.seq}
				next(n)
			}
		}
		return
	case took:
		f.step = claimsRead
		f.claims, f.version = s.claims[f.slug], s.version[f.slug]
	case claimsRead:
		if f.version > s.folded[f.slug] {
			n.seen[f.slug], n.folded[f.slug] = f.claims, f.version
		}
		n.folds[f.slug].ack(f.seq, m)
		*f = slugFolder{}
	}
	next(n)
}
