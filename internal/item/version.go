package item

import (
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Version is an upstream's version in its comparable form: 20 decimal digits, zero-padded, so that
// versions compare as strings. "" means the upstream gives none.
type Version string

// VersionBytes is the size of a version in a stored header.
const VersionBytes = 9

// NewVersion reads an upstream's version: a non-negative integer of up to 20 digits, or an RFC 3339 time (counted in
// nanoseconds since year 1, which needs 20 digits until the year 3169). Errors wrap ErrVersion.
func NewVersion(s string) (Version, error) {
	digits := s != "" && len(s) <= 20 && strings.Trim(s, "0123456789") == ""
	if digits {
		return Version(strings.Repeat("0", 20-len(s)) + s), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return "", fmt.Errorf("%w: %q is neither an integer of up to 20 digits nor an RFC 3339 time", ErrVersion, clip(s))
	}
	n := new(big.Int).Mul(big.NewInt(t.Unix()-time.Time{}.Unix()), big.NewInt(1e9))
	n.Add(n, big.NewInt(int64(t.Nanosecond())))
	if n.Sign() < 0 || len(n.String()) > 20 {
		return "", fmt.Errorf("%w: the time %q is out of range", ErrVersion, clip(s))
	}
	return NewVersion(n.String())
}

// Bytes is the version as a big-endian integer; all zero for none and for 0.
func (v Version) Bytes() (b [VersionBytes]byte) {
	n, ok := new(big.Int).SetString(string(v), 10)
	if ok {
		n.FillBytes(b[:])
	}
	return b
}

// VersionFromBytes reads what Bytes wrote for a version that is not "".
func VersionFromBytes(b [VersionBytes]byte) Version {
	v, err := NewVersion(new(big.Int).SetBytes(b[:]).String())
	if err != nil {
		return "" // 72 bits can hold more than 20 digits, but Bytes writes no such value
	}
	return v
}

// String is the version without padding.
func (v Version) String() string {
	if v == "" {
		return ""
	}
	if s := strings.TrimLeft(string(v), "0"); s != "" {
		return s
	}
	return "0"
}
