package detail

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"vitrine/internal/item"
)

const maxIDs = 100 // in one request

// declared parses the query parameters of these names. Others are ignored, however malformed. It fails with errBadRequest where
// one of these is malformed or given twice.
func declared(r *http.Request, names []string) (map[string]string, error) {
	params := map[string]string{}
	for _, pair := range strings.Split(r.URL.RawQuery, "&") {
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil || !slices.Contains(names, name) {
			continue
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return nil, fmt.Errorf("%w: parameter %s: %w", errBadRequest, name, err)
		}
		if _, twice := params[name]; twice {
			return nil, fmt.Errorf("%w: parameter %s is given twice", errBadRequest, name)
		}
		params[name] = value
	}
	return params, nil
}

// idsParam parses ids=a,b. Each id is unescaped by itself, so that it may hold an escaped comma. A repeated id counts once. It fails
// with item.ErrID, or with errBadRequest where there is no id or more than maxIDs.
func idsParam(r *http.Request) ([]string, error) {
	var ids []string
	for _, pair := range strings.Split(r.URL.RawQuery, "&") {
		raw, ok := strings.CutPrefix(pair, "ids=")
		if !ok {
			continue
		}
		for _, one := range strings.Split(raw, ",") {
			id, err := url.QueryUnescape(one)
			if err != nil {
				return nil, fmt.Errorf("%w: parameter ids: %w", errBadRequest, err)
			}
			if err := item.CheckID(id); err != nil {
				return nil, err
			}
			if !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
			if len(ids) > maxIDs {
				return nil, fmt.Errorf("%w: more than %d ids", errBadRequest, maxIDs)
			}
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%w: parameter ids is missing", errBadRequest)
	}
	return ids, nil
}
