package slug

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
)

// Claims are the ids of entities that have had a slug, in the order in which they are asked for: the first that has it now has it alone.
//
// Claims are only ever added, and there are MostClaims of them at most, those that come first in the order. So it does not matter in which
// order, how often or how late they are made: a claim says that an entity has had this slug once, and that stays true. Who has the slug now
// is what the entities' own blobs say, which whoever reads claims has to look at.
type Claims []string

// MostClaims bounds the claims of one slug. Of more entities with the same text only these can have the slug for themselves.
const MostClaims = 64

// maxKey is the longest id of an entity.
const maxKey = 64

// Key is the id of the entity that stands for a slug: the slug itself or, where that is too long for an id, its beginning and a hash. Slugs
// of one key share their claims, which does no harm.
func Key(slug string) string {
	if len(slug) <= maxKey {
		return slug
	}
	sum := sha256.Sum256([]byte(slug))
	hash := "-" + hex.EncodeToString(sum[:8])
	return strings.ToValidUTF8(slug[:maxKey-len(hash)], "") + hash
}

// With adds ids, and reports whether that makes a difference.
func (c Claims) With(ids ...string) (Claims, bool) {
	all := append(slices.Clone(c), ids...)
	slices.SortFunc(all, order)
	all = slices.Compact(all)
	all = all[:min(len(all), MostClaims)]
	return all, !slices.Equal(c, all)
}

// order has 9 before 10: of ids that are counted up, the oldest comes first.
func order(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// claimsForm is a record of claims.
type claimsForm struct {
	IDs Claims `json:"ids"`
}

// Encode returns the claims as a record.
func (c Claims) Encode() []byte {
	body, _ := json.Marshal(claimsForm{c})
	return body
}

// ParseClaims reads what Encode wrote, in any order. There are none in what is no record of claims.
func ParseClaims(body []byte) Claims {
	var form claimsForm
	if json.Unmarshal(body, &form) != nil {
		return nil
	}
	all, _ := form.IDs.With()
	return all
}
