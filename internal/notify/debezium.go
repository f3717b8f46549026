package notify

import (
	"encoding/json"
	"fmt"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
)

// envelope is a change event of Debezium, without the schema that may come with it.
type envelope struct {
	Op     string          `json:"op"` // c, u or d; r for a row of a snapshot; t for a truncated table; m for a message
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
	Source struct {
		Schema string `json:"schema"`
		DB     string `json:"db"`
		Table  string `json:"table"`
	} `json:"source"`
}

// rowEntries returns the changes that an event of a row stands for: one of the entity that the row belongs to and, if its key changed, one
// of the entity that it belonged to before. Tables that the catalog does not name are ignored. Rows of a snapshot take the lane refresh,
// since all rows of a table come at once. Errors wrap item.ErrRefused.
func rowEntries(s *catalog.Source, e event) ([]entry, error) {
	row, err := readEnvelope(e.body)
	if err != nil {
		return nil, err
	}
	table := tableOf(s, row)
	switch {
	case table == nil:
		return nil, nil
	case row.Op == "t":
		return nil, fmt.Errorf("%w: table %s was truncated, and no row is named: run vitrine refresh --all", item.ErrRefused, row.Source.Table)
	}
	lane := s.Lane
	if row.Op == "r" {
		lane = item.Refresh
	}
	var entries []entry
	seen := map[string]bool{}
	for _, image := range []json.RawMessage{row.Before, row.After} {
		key := member(image, table.Key)
		if len(key) == 0 || seen[string(key)] {
			continue
		}
		seen[string(key)] = true
		w, err := json.Marshal(map[string]any{"kind": table.Kind, "dimension": table.Dimension, "id": key, "lane": lane})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", item.ErrRefused, err)
		}
		entries = append(entries, w)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%w: a row of table %s has no %s, neither before nor after: is the column in its REPLICA IDENTITY?", item.ErrRefused, row.Source.Table, table.Key)
	}
	return entries, nil
}

func readEnvelope(body []byte) (e envelope, err error) {
	var wrapped struct {
		Payload json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(body, &wrapped); err != nil {
		return e, fmt.Errorf("%w: no envelope of Debezium: %w", item.ErrRefused, err)
	}
	if len(wrapped.Payload) > 0 {
		body = wrapped.Payload
	}
	if err := json.Unmarshal(body, &e); err != nil || e.Source.Table == "" && e.Op != "m" {
		return e, fmt.Errorf("%w: no envelope of Debezium: it needs op and source.table, so leave ExtractNewRecordState out", item.ErrRefused)
	}
	return e, nil
}

// tableOf returns the source's table with the name of a row's table, which may have the schema or the database in front; nil if there is
// none.
func tableOf(s *catalog.Source, e envelope) *catalog.Table {
	for _, name := range []string{e.Source.Schema + "." + e.Source.Table, e.Source.DB + "." + e.Source.Table, e.Source.Table} {
		if t := s.Tables[name]; t != nil {
			return t
		}
	}
	return nil
}

// unavailableValue is what Debezium writes in place of a large value that did not change.
const unavailableValue = `"__debezium_unavailable_value"`

// member returns the member at a path of an object; nil if it is absent, null or unavailable.
func member(object json.RawMessage, path catalog.Path) json.RawMessage {
	for _, step := range path {
		var members map[string]json.RawMessage
		if json.Unmarshal(object, &members) != nil {
			return nil
		}
		object = members[step]
	}
	if string(object) == "null" || string(object) == unavailableValue {
		return nil
	}
	return object
}
