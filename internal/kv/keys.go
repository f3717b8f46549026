package kv

import (
	"fmt"
	"hash/fnv"

	"vitrine/internal/item"
)

// Buckets is the number of keys over which a large list of the relation index is spread, so that a brand with a million
// SKUs is not one key on one node.
const Buckets = 256

// String is the record's key.
func (k RecordKey) String() string { return "rec:{" + k.Entity.Token() + "}:" + k.Dimension }

// String is the blob's key.
func (k BlobKey) String() string {
	return "blob:{" + k.Entity.Kind + ":" + item.EncodeID(k.Entity.ID) + "}:" + k.Blob
}

// Append appends what String returns.
func (k BlobKey) Append(dst []byte) []byte {
	return append(append(k.Entity.AppendToken(append(dst, "blob:{"...)), "}:"...), k.Blob...)
}

// StateKey is the key of the entity's State.
func StateKey(e item.Entity) string { return "gen:{" + e.Token() + "}" }

// Head is the key of the whole list while it is small, and of its first members when it is large.
func (r Relation) Head() string {
	return fmt.Sprintf("rel:{%s}:%s:%s", r.Target.Token(), r.Kind, r.Ref)
}

// Key is the key of one bucket of a large list.
func (r Relation) Key(bucket int) string {
	return fmt.Sprintf("rel:{%s#%02x}:%s:%s", r.Target.Token(), bucket, r.Kind, r.Ref)
}

// Bucket is the bucket of an id in a large list of the relation index.
func Bucket(id string) int {
	h := fnv.New32a()
	h.Write([]byte(id))
	return int(h.Sum32() % Buckets)
}
