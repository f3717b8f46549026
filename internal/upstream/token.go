package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"vitrine/internal/catalog"
	"vitrine/internal/item"
)

// What a token, and an answer that holds one, may be.
const (
	maxToken       = 16 << 10
	maxTokenAnswer = 64 << 10
)

// Token gives the token that an upstream's calls carry now; "" for an upstream without one. Errors wrap
// item.ErrUnavailable, never item.ErrRefused: whatever is wrong with a token says nothing about what is asked for with it.
func (c *Client) Token(ctx context.Context, u *catalog.Upstream) (string, error) {
	if u.Token == nil {
		return "", nil
	}
	if err := c.Secrets.check(u); err != nil {
		return "", err
	}
	return c.keeper(u).current(ctx)
}

// keeper is the one of an upstream. A catalog with another token begins a new one.
func (c *Client) keeper(u *catalog.Upstream) *keeper {
	bought := *u.Token
	bought.Refused = nil // a program, which says nothing about the token itself
	spec := fmt.Sprintf("%+v", bought)
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.keepers[u.Name]
	if k != nil && k.spec == spec {
		return k
	}
	before := k
	t := u.Token
	k = &keeper{upstream: u.Name, spec: spec, timeout: t.Timeout, log: c.Log, renewals: &c.renewals, closed: c.closed}
	if before != nil {
		before.close()
		k.recently = before.given() // an answer of before may still quote them
	}
	switch {
	case t.File != "":
		k.direct = true
		k.renew = func(context.Context) (token, error) { return readToken(u.Name, t.File) }
	case t.Command != nil:
		k.renew = func(ctx context.Context) (token, error) { return c.runForToken(ctx, u) }
	default:
		k.renew = func(ctx context.Context) (token, error) { return c.askForToken(ctx, u) }
	}
	c.keepers[u.Name] = k
	return k
}

// keeperOf is the keeper of an upstream by its name; nil for none so far.
func (c *Client) keeperOf(name string) *keeper {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keepers[name]
}

// noToken is why there is no token. It takes the text of err only, which may be of a class that would end the change.
func noToken(name, from string, err error) error {
	return fmt.Errorf("%w: the token of %s, from %s: %s", item.ErrUnavailable, name, from, err)
}

// tokenOf checks what is to be a token. The error does not quote it.
func tokenOf(text string) (string, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", errors.New("it is empty")
	case len(text) > maxToken:
		return "", fmt.Errorf("it has more than %d bytes", maxToken)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", errors.New("it is no token: it has blanks, line breaks or other bytes that no header may have")
	}
	return text, nil
}

// readToken reads a file that somebody else renews.
func readToken(name, path string) (token, error) {
	from := "the file " + path
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return token{}, noToken(name, from, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return token{}, noToken(name, from, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTokenAnswer))
	if err != nil {
		return token{}, noToken(name, from, err)
	}
	text, err := tokenOf(string(b))
	if err != nil {
		return token{}, noToken(name, from, err)
	}
	return token{text: text}, nil
}

// askForToken asks an OAuth2 token endpoint for client credentials (RFC 6749, section 4.4).
func (c *Client) askForToken(ctx context.Context, u *catalog.Upstream) (t token, err error) {
	began, status := time.Now(), 0
	defer func() { c.Observed(Call{u.Name, "", UseToken, 0, status, err, time.Since(began)}) }()
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	req, err := c.Secrets.tokenRequest(ctx, u.Token)
	if err != nil {
		return token{}, noToken(u.Name, u.Token.URL, err)
	}
	answer, err := c.endpoints.Do(req)
	if err != nil {
		return token{}, c.concealed(u, noToken(u.Name, u.Token.URL, err))
	}
	defer answer.Body.Close()
	status = answer.StatusCode
	body, err := c.read(answer, maxTokenAnswer, giveUp)
	if err != nil {
		return token{}, c.concealed(u, noToken(u.Name, u.Token.URL, err))
	}
	if status < 200 || status > 299 {
		return token{}, noToken(u.Name, u.Token.URL, errors.New(c.tokenWords(u, status, body)))
	}
	t, err = parseToken(body)
	if err != nil {
		return token{}, noToken(u.Name, u.Token.URL, fmt.Errorf("answered %d, %.60q: %w", status, answer.Header.Get("Content-Type"), err))
	}
	return t, nil
}

// tokenWords quotes why a token endpoint gives none, unless it gives one all the same.
func (c *Client) tokenWords(u *catalog.Upstream, status int, body []byte) string {
	if strings.Contains(string(body), "_token") {
		body = nil
	}
	return c.words(u, status, body)
}

// tokenRequest makes the request for a token, with the client's id and secret in its header or its body.
func (s *Secrets) tokenRequest(ctx context.Context, t *catalog.Token) (*http.Request, error) {
	client, secret, err := s.credentials(t)
	if err != nil {
		return nil, err
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if len(t.Scopes) > 0 {
		form.Set("scope", strings.Join(t.Scopes, " "))
	}
	for name, value := range t.Params {
		form.Set(name, value)
	}
	if t.InBody {
		form.Set("client_id", client)
		form.Set("client_secret", secret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", "gzip")
	req.Header.Set("User-Agent", "vitrine")
	if !t.InBody {
		req.SetBasicAuth(url.QueryEscape(client), url.QueryEscape(secret))
	}
	return req, nil
}

// credentials are a client's id and secret.
func (s *Secrets) credentials(t *catalog.Token) (client, secret string, err error) {
	client = t.Client
	if name, ok := strings.CutPrefix(client, "env:"); ok {
		client, err = s.value(name, t.URL)
		if err != nil {
			return "", "", err
		}
	}
	secret, err = s.value(t.Secret, t.URL)
	return client, secret, err
}

// basic is what Basic authentication encodes.
func basic(client, secret string) string {
	return url.QueryEscape(client) + ":" + url.QueryEscape(secret)
}

// parseToken reads a token endpoint's answer. Errors don't quote it.
func parseToken(body []byte) (token, error) {
	var answer struct {
		Token string          `json:"access_token"`
		Type  string          `json:"token_type"`
		Life  json.RawMessage `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return token{}, errors.New("which is no JSON object with access_token")
	}
	text, err := tokenOf(answer.Token)
	if err != nil {
		return token{}, fmt.Errorf("its access_token: %w", err)
	}
	if strings.TrimSpace(answer.Token) != answer.Token {
		return token{}, errors.New("its access_token begins or ends with a blank or a line break")
	}
	if kind := strings.ToLower(answer.Type); kind != "" && !strings.HasPrefix(kind, "bearer") {
		return token{}, fmt.Errorf("its token_type is %.40q, where only bearer can be sent", answer.Type)
	}
	return token{text, lifeOf(answer.Life)}, nil
}

// lifeOf reads expires_in: seconds as a number, or as a text as some endpoints write it. What is neither leaves the token
// valid until it is refused.
func lifeOf(expires json.RawMessage) time.Duration {
	var seconds json.Number
	if err := json.Unmarshal(expires, &seconds); err != nil {
		return 0
	}
	n, err := seconds.Float64()
	if err != nil {
		return 0
	}
	n = min(max(n, leastLife.Seconds()), longestLife.Seconds())
	return time.Duration(n * float64(time.Second))
}
