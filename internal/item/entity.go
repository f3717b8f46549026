package item

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxID is the longest id, in bytes of UTF-8.
const MaxID = 64

// Entity is a thing with a key: sku:100012, category:655, product:77.
type Entity struct {
	Kind string
	ID   string
}

// NewEntity checks both halves against their grammar. Its errors wrap ErrName or ErrID and name the input.
func NewEntity(kind, id string) (Entity, error) {
	if err := CheckName(kind); err != nil {
		return Entity{}, err
	}
	if err := CheckID(id); err != nil {
		return Entity{}, err
	}
	return Entity{kind, id}, nil
}

// ParseEntity reads KIND:ID as people write it, with the id as the shop writes it.
func ParseEntity(s string) (Entity, error) {
	kind, id, ok := strings.Cut(s, ":")
	if !ok {
		return Entity{}, fmt.Errorf("%w: %q is not KIND:ID", ErrID, clip(s))
	}
	return NewEntity(kind, id)
}

// String is KIND:ID as people write it.
func (e Entity) String() string { return e.Kind + ":" + e.ID }

// Token is KIND:ID with the id encoded as a token: the hash tag of the entity's keys.
func (e Entity) Token() string { return e.Kind + ":" + EncodeID(e.ID) }

// AppendToken appends what Token returns.
func (e Entity) AppendToken(dst []byte) []byte {
	return append(append(append(dst, e.Kind...), ':'), EncodeID(e.ID)...)
}

// ParseToken reads what Token wrote. Errors wrap ErrName or ErrID.
func ParseToken(s string) (Entity, error) {
	kind, token, ok := strings.Cut(s, ":")
	if !ok {
		return Entity{}, fmt.Errorf("%w: %q is not KIND:TOKEN", ErrID, clip(s))
	}
	id, err := DecodeID(token)
	if err != nil {
		return Entity{}, err
	}
	return NewEntity(kind, id)
}

// CheckName returns an error that wraps ErrName unless s can be the name of a kind, dimension, blob or ref.
func CheckName(s string) error {
	ok := len(s) >= 1 && len(s) <= 32 && s[0] >= 'a' && s[0] <= 'z'
	for i := 1; ok && i < len(s); i++ {
		c := s[i]
		ok = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_'
	}
	if !ok {
		return fmt.Errorf("%w: %q is not [a-z][a-z0-9_]{0,31}", ErrName, clip(s))
	}
	return nil
}

// CheckID returns an error that wraps ErrID unless s can be an id.
func CheckID(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("%w: it is empty", ErrID)
	case len(s) > MaxID:
		return fmt.Errorf("%w: %q has %d bytes, more than %d", ErrID, clip(s), len(s), MaxID)
	case s == "." || s == "..":
		return fmt.Errorf("%w: %q is a path step", ErrID, s)
	case !utf8.ValidString(s):
		return fmt.Errorf("%w: %q is not UTF-8", ErrID, clip(s))
	}
	for _, r := range s {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return fmt.Errorf("%w: %q has a control character", ErrID, clip(s))
		}
	}
	return nil
}

// EncodeID writes an id as a token: every byte outside [A-Za-z0-9_-] becomes =HH.
func EncodeID(id string) string {
	plain := true
	for i := 0; plain && i < len(id); i++ {
		plain = tokenByte(id[i])
	}
	if plain {
		return id
	}
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(id)+16)
	for i := 0; i < len(id); i++ {
		if c := id[i]; tokenByte(c) {
			b = append(b, c)
		} else {
			b = append(b, '=', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

// DecodeID reads a token: =HH in either case. A dot stands for itself, so that a publisher may append an id like
// 12049.1 to a subject unencoded. The result is a valid id; errors wrap ErrID.
func DecodeID(token string) (string, error) {
	id := token
	if strings.IndexByte(token, '=') >= 0 {
		b := make([]byte, 0, len(token))
		for i := 0; i < len(token); i++ {
			if token[i] != '=' {
				b = append(b, token[i])
				continue
			}
			if i+2 >= len(token) {
				return "", fmt.Errorf("%w: token %q ends inside =HH", ErrID, clip(token))
			}
			hi, ok1 := nibble(token[i+1])
			lo, ok2 := nibble(token[i+2])
			if !ok1 || !ok2 {
				return "", fmt.Errorf("%w: token %q has %q where =HH is due", ErrID, clip(token), token[i:i+3])
			}
			b = append(b, hi<<4|lo)
			i += 2
		}
		id = string(b)
	}
	if err := CheckID(id); err != nil {
		return "", err
	}
	return id, nil
}

func tokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

func nibble(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// clip shortens input for an error message.
func clip(s string) string { return Clip(s, 80) }
