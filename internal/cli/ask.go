package cli

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"vitrine/internal/node"
)

// askAdmin requests JSON from a running process's admin listener.
func askAdmin(ctx context.Context, addr, pathAndQuery string, out any) error {
	return callAdmin(ctx, http.MethodGet, addr, pathAndQuery, "", nil, out)
}

// orderAdmin sends a running process a request that is expensive or changes something.
func orderAdmin(ctx context.Context, addr, token, pathAndQuery string, out any) error {
	return callAdmin(ctx, http.MethodPost, addr, pathAndQuery, token, nil, out)
}

func callAdmin(ctx context.Context, method, addr, pathAndQuery, token string, body io.Reader, out any) error {
	if _, err := url.Parse(node.AdminBase(addr) + pathAndQuery); err != nil {
		return usagef("--admin %s: %v", addr, err)
	}
	return node.Call(ctx, method, addr, pathAndQuery, token, body, out)
}
