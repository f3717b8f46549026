package item

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Lane says how urgent a change is.
type Lane string

// The lanes, most urgent first.
const (
	High    Lane = "high"
	Normal  Lane = "normal"
	Refresh Lane = "refresh"
)

// Lanes lists every lane, most urgent first.
func Lanes() []Lane { return []Lane{High, Normal, Refresh} }

// Weight is the lane's share of the turns while all lanes wait. Of a lane that there is not it is 0.
func (l Lane) Weight() int {
	switch l {
	case High:
		return 16
	case Normal:
		return 4
	case Refresh:
		return 1
	}
	return 0
}

// ParseLane reads a lane's name.
func ParseLane(s string) (Lane, error) {
	switch l := Lane(s); l {
	case High, Normal, Refresh:
		return l, nil
	}
	return "", fmt.Errorf("%w: lane %q is not high, normal or refresh", ErrName, clip(s))
}

// All is the dimension that stands for every dimension of the entity.
const All = "all"

// Change says that this dimension of this entity may have changed. It is a hint and carries no data.
type Change struct {
	Lane      Lane
	Entity    Entity
	Dimension string
	Force     bool // fetch and fold even if nothing seems to have changed
	Second    bool // a second look at an upstream that gave nothing new; there is no third
}

// The last characters of the dimension's token of a change with Force, and of one with Second. A queue keeps the newest
// message per subject. With subjects of their own, a force is not lost when somebody announces the same record without
// it, and a second look does not replace an announcement, which has a right to a second look itself.
const (
	forced = "!"
	second = "~"
)

// Subject is change.<lane>.<kind>.<dimension>.<id>; with Force, the dimension's token ends in "!", with Second in "~".
func (c Change) Subject() string {
	dimension := c.Dimension
	if c.Force {
		dimension += forced
	}
	if c.Second {
		dimension += second
	}
	return "change." + string(c.Lane) + "." + c.Entity.Kind + "." + dimension + "." + EncodeID(c.Entity.ID)
}

// ParseChange reads a subject of the stream CHANGES. Tokens after the dimension belong to the id. Whether the kind and
// the dimension exist is not checked here: the catalog decides that. Errors wrap ErrSubject, ErrName or ErrID.
func ParseChange(subject string) (Change, error) {
	lane, kind, rest, err := cutSubject(subject, "change")
	if err != nil {
		return Change{}, err
	}
	dimension, token, ok := strings.Cut(rest, ".")
	if !ok {
		return Change{}, fmt.Errorf("%w: %q is not change.<lane>.<kind>.<dimension>.<id>", ErrSubject, clip(subject))
	}
	dimension, again := strings.CutSuffix(dimension, second)
	dimension, force := strings.CutSuffix(dimension, forced)
	if err := CheckName(dimension); err != nil {
		return Change{}, fmt.Errorf("%w: %q: %w", ErrSubject, clip(subject), err)
	}
	e, err := subjectEntity(subject, kind, token)
	return Change{Lane: lane, Entity: e, Dimension: dimension, Force: force, Second: again}, err
}

// ParkedSubject is parked.<upstream>.<lane>.<kind>.<dimension>.<id>, or parked.<upstream>-<pool>.…: a change whose upstream, or
// the pool of it that its dimension has, is full or broken.
func ParkedSubject(upstream string, c Change) string {
	return "parked." + upstream + strings.TrimPrefix(c.Subject(), "change")
}

// ParseParked reads a subject of the stream PARKED.
func ParseParked(subject string) (Change, error) {
	rest, ok := strings.CutPrefix(subject, "parked.")
	_, rest, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 {
		return Change{}, fmt.Errorf("%w: %q is not parked.<upstream>.<lane>.…", ErrSubject, clip(subject))
	}
	return ParseChange("change." + rest)
}

// RetrySubject is due.retry.<lane>.<kind>.<dimension>.<id>: a change that is published again at a time.
func RetrySubject(c Change) string { return "due.retry" + strings.TrimPrefix(c.Subject(), "change") }

// SecondLookSubject is due.look.<lane>.<kind>.<dimension>.<id>: a change whose second look is scheduled.
func SecondLookSubject(c Change) string {
	return "due.look" + strings.TrimPrefix(c.Subject(), "change")
}

// HeldSubject is held.<kind>.<dimension>.<id>: a change that would delete, and waits until the deletion is believed.
func HeldSubject(c Change) string {
	return "held." + c.Entity.Kind + "." + c.Dimension + "." + EncodeID(c.Entity.ID)
}

// ParseHeld reads a subject of the stream HELD. The change's lane is refresh, in which it is announced again.
func ParseHeld(subject string) (Change, error) {
	rest, ok := strings.CutPrefix(subject, "held.")
	if !ok {
		return Change{}, fmt.Errorf("%w: %q is not held.<kind>.<dimension>.<id>", ErrSubject, clip(subject))
	}
	return ParseChange("change." + string(Refresh) + "." + rest)
}

// SyncSubject is sync.<lane>.<kind>.<id>: the request to fold this entity.
func SyncSubject(lane Lane, e Entity) string {
	return "sync." + string(lane) + "." + e.Kind + "." + EncodeID(e.ID)
}

// ParseSync reads a subject of the stream SYNC. The change's Dimension is empty.
func ParseSync(subject string) (Change, error) {
	lane, kind, token, err := cutSubject(subject, "sync")
	if err != nil {
		return Change{}, err
	}
	e, err := subjectEntity(subject, kind, token)
	return Change{Lane: lane, Entity: e}, err
}

// BlobSubject is blob.<kind>.<id>: an announcement of an entity's blobs.
func BlobSubject(e Entity) string { return "blob." + e.Kind + "." + EncodeID(e.ID) }

// ParseBlob reads a subject of the stream BLOBS.
func ParseBlob(subject string) (Entity, error) {
	rest, ok := strings.CutPrefix(subject, "blob.")
	kind, token, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 {
		return Entity{}, fmt.Errorf("%w: %q is not blob.<kind>.<id>", ErrSubject, clip(subject))
	}
	return subjectEntity(subject, kind, token)
}

// FailedSubject is failed.<stage>.<kind>.<dimension>.<id>; a change without a dimension has "_" there.
func FailedSubject(stage string, c Change) string {
	dimension := c.Dimension
	if dimension == "" {
		dimension = "_"
	}
	return "failed." + stage + "." + c.Entity.Kind + "." + dimension + "." + EncodeID(c.Entity.ID)
}

// FailedUnknown is the subject of a dead letter whose original subject names no change: failed.<stage>._._.<hash>,
// where hash is 16 hex digits of the original subject's SHA-256.
func FailedUnknown(stage, subject string) string {
	sum := sha256.Sum256([]byte(subject))
	return "failed." + stage + "._._." + hex.EncodeToString(sum[:8])
}

// cutSubject reads <head>.<lane>.<kind>.<rest>.
func cutSubject(subject, head string) (lane Lane, kind, rest string, err error) {
	parts := strings.SplitN(subject, ".", 4)
	if len(parts) != 4 || parts[0] != head {
		return "", "", "", fmt.Errorf("%w: %q is not %s.<lane>.<kind>.…", ErrSubject, clip(subject), head)
	}
	lane, err = ParseLane(parts[1])
	if err != nil {
		return "", "", "", fmt.Errorf("%w: %q: %w", ErrSubject, clip(subject), err)
	}
	return lane, parts[2], parts[3], nil
}

func subjectEntity(subject, kind, token string) (Entity, error) {
	id, err := DecodeID(token)
	if err != nil {
		return Entity{}, fmt.Errorf("%w: %q: %w", ErrSubject, clip(subject), err)
	}
	e, err := NewEntity(kind, id)
	if err != nil {
		return Entity{}, fmt.Errorf("%w: %q: %w", ErrSubject, clip(subject), err)
	}
	return e, nil
}
