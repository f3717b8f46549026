package jsonl

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"vitrine/internal/item"
)

// pageBody is a page of the walk; a next of "" becomes null.
func pageBody(rows []row, next string) []byte {
	body := append(appendRows([]byte(`{"items":`), rows), `,"next":`...)
	if next == "" {
		return append(body, "null}"...)
	}
	quoted, _ := json.Marshal(next) // marshalling a string can't fail
	return append(append(body, quoted...), '}')
}

// appendRows writes rows unchanged, so numbers keep their digits.
func appendRows(b []byte, rows []row) []byte {
	b = append(b, '[')
	for i, r := range rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, r.body...)
	}
	return append(b, ']')
}

func writeBody(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body) // an error means that the client has left
}

func fail(w http.ResponseWriter, status int, err error) {
	if errors.Is(err, item.ErrID) {
		status = http.StatusBadRequest
	}
	body, _ := json.Marshal(map[string]string{"error": err.Error()}) // marshalling strings can't fail
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}
