package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Call sends a request to the admin listener at addr, and decodes its JSON answer into out. token may be "" and body
// nil. An answer that is not a success is a *Refusal.
func Call(ctx context.Context, method, addr, pathAndQuery, token string, body io.Reader, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, AdminBase(addr)+pathAndQuery, body)
	if err != nil {
		return fmt.Errorf("--admin %s: %w", addr, err)
	}
	answer, err := send(req, addr, token)
	if err != nil {
		return err
	}
	defer answer.Close()
	return json.NewDecoder(answer).Decode(out)
}

// send sends a request to the admin listener at addr, and gives the body of its answer, which the caller closes.
func send(req *http.Request, addr, token string) (io.ReadCloser, error) {
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the admin listener (is it running? see --admin): %w", err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
	return nil, &Refusal{addr, res.StatusCode, strings.TrimSpace(string(b))}
}

// AdminBase is the URL of an admin listener.
func AdminBase(addr string) string {
	if strings.Contains(addr, "://") {
		return addr
	}
	return "http://" + addr
}

// Refusal is an answer of an admin listener that is not a success.
type Refusal struct {
	Addr   string
	Status int
	Text   string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("%s answered %d %s: %s", r.Addr, r.Status, http.StatusText(r.Status), r.Text)
}
