package shape

import (
	"encoding/json"
	"fmt"

	"vitrine/internal/item"
	"vitrine/internal/jq"
)

// Run gives the first output of a program as JSON; null if there is none. Errors wrap item.ErrRefused.
func Run(q *jq.Program, input []byte) (output []byte, err error) {
	v, err := decode(input, blobDepth)
	if err != nil {
		return nil, err
	}
	err = run(q, v, func(out any) (err error) {
		output, err = encode(out, blobDepth)
		return err
	})
	return output, err
}

// run works on decoded values. The program's output is valid until use returns.
func run(q *jq.Program, input any, use func(any) error, values ...any) error {
	var used error
	err := q.Run(input, func(v any) error {
		used = use(v)
		return nil
	}, values...)
	if err != nil {
		return fmt.Errorf("%w: jq %.80q: %.400s", item.ErrRefused, q.Text, err.Error())
	}
	return used
}

// Truth reports whether the first output is neither null nor false. Errors wrap item.ErrRefused.
func Truth(q *jq.Program, input []byte) (bool, error) {
	v, err := decode(input, blobDepth)
	if err != nil {
		return false, err
	}
	return truth(q, v)
}

func truth(q *jq.Program, input any) (yes bool, err error) {
	err = run(q, input, func(v any) error {
		yes = v != nil && v != false
		return nil
	})
	return yes, err
}

// IDs reads the array of strings or numbers that a program gives, as text. Errors wrap item.ErrRefused.
func IDs(q *jq.Program, input []byte) ([]string, error) {
	b, err := Run(q, input)
	if err != nil {
		return nil, err
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil || raw == nil {
		return nil, fmt.Errorf("%w: jq %.80q gives %.40q, not an array", item.ErrRefused, q.Text, b)
	}
	ids := make([]string, len(raw))
	for i, r := range raw {
		id, ok := scalar(r)
		if !ok {
			return nil, fmt.Errorf("%w: jq %.80q gives %.40q among its ids", item.ErrRefused, q.Text, r)
		}
		ids[i] = id
	}
	return ids, nil
}

// Next computes the cursor of the next page from an answer and the cursor that it was asked with: nil, a string or a
// json.Number. next is the JSON of a text or a number; "" if the program gives null, "" or nothing. Errors wrap
// item.ErrRefused.
func Next(q *jq.Program, answer []byte, cursor any) (next string, err error) {
	input, err := decode(answer, blobDepth)
	if err != nil {
		return "", err
	}
	var b []byte
	err = run(q, input, func(out any) (err error) {
		b, err = encode(out, blobDepth)
		return err
	}, cursor)
	if err != nil || string(b) == "null" {
		return "", err
	}
	text, ok := scalar(b)
	switch {
	case !ok:
		return "", fmt.Errorf("%w: jq %.80q gives %.40q, which is no cursor", item.ErrRefused, q.Text, b)
	case text == "":
		return "", nil
	}
	return string(b), nil
}

// scalar is a JSON string's text, or a number as written.
func scalar(b []byte) (string, bool) {
	if len(b) > 0 && b[0] == '"' {
		var s string
		return s, json.Unmarshal(b, &s) == nil
	}
	return string(b), len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9')
}
