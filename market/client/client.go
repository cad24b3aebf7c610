// Package client talks to markets: it pushes folders, pulls packages, and asks about them.
//
//	c, err := client.New(client.Options{})                       // the market that the user is logged in to
//	pushed, err := c.Push(ctx, packed, "ada/sentiment", "1.0.0", client.Watch{})
//	pulled, err := c.Pull(ctx, reference, "sentiment", client.Watch{})
//
// What is large goes by the OCI distribution API (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md),
// several blobs at once; only what the other side lacks is sent, every digest is verified, and after a cut a transfer
// goes on where it was. What was pulled lies in a cache by its digest, so that versions share what they have in common,
// and a folder appears whole or not at all.
//
// Credentials are kept for each market by its address, and sent nowhere else, not by a redirect either.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/home"
)

// What callers can act upon.
var (
	ErrNotFound     = errors.New("not found")
	ErrUnauthorized = errors.New("who is asking is not known")
	ErrForbidden    = errors.New("not permitted")
	ErrExists       = errors.New("there is one already")
	ErrUnreachable  = errors.New("the market cannot be reached")
)

// Options say which market, and who asks.
type Options struct {
	Market string // address; "" for $XIAOYU_MARKET, or the one that the user is logged in to
	Token  string // "" for $XIAOYU_TOKEN, or what the login has kept
	Home   string // folder of cache and credentials; "" for $XIAOYU_HOME or ~/.xiaoyu
	Trust  Trust  // what is asked of signatures when something is pulled
}

// Client is a connection to a market. Its methods may be called from several goroutines.
type Client struct {
	base  *url.URL
	token string
	home  string
	trust Trust
	http  *http.Client
	wait  func(ctx context.Context, d time.Duration) error // between tries
}

// New returns a client; nothing is sent yet.
func New(o Options) (*Client, error) {
	dir := o.Home
	if dir == "" {
		var err error
		if dir, err = home.Dir(); err != nil {
			return nil, err
		}
	}
	kept, err := readCredentials(dir)
	if err != nil {
		return nil, err
	}
	address := first(o.Market, os.Getenv("XIAOYU_MARKET"), kept.Default)
	if address == "" {
		return nil, hint.Errorf("pass --market URL, set XIAOYU_MARKET, or log in with `xiaoyu login URL`", "no market is named")
	}
	base, err := Address(address)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = parallel
	transport.DisableCompression = true // weights do not shrink, and ranges are of the bytes themselves
	transport.ResponseHeaderTimeout = time.Minute
	transport.WriteBufferSize, transport.ReadBufferSize = 256<<10, 256<<10
	return &Client{base: base, home: dir, trust: o.Trust, token: first(o.Token, os.Getenv("XIAOYU_TOKEN"), kept.Tokens[base.String()]), wait: sleep,
		http: &http.Client{Transport: transport, CheckRedirect: func(r *http.Request, before []*http.Request) error {
			if len(before) > 5 {
				return errors.New("it redirects without an end")
			}
			if r.URL.Host != base.Host || r.URL.Scheme != base.Scheme {
				r.Header.Del("Authorization")
			}
			return nil
		}}}, nil
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Address reads a market's address: http:// may be left out for this machine, https:// for others.
func Address(s string) (*url.URL, error) {
	full := s
	if !strings.Contains(s, "://") {
		host, _, err := net.SplitHostPort(s)
		if err != nil {
			host = s
		}
		full = "https://" + s
		if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
			full = "http://" + s
		}
	}
	u, err := url.Parse(full)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		return nil, hint.Errorf("write it as in https://market.example.org or localhost:8088", "the market's address %.200q", s)
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}, nil
}

// Market is the address of the market.
func (c *Client) Market() string { return c.base.String() }

// credentials are what logins have kept.
type credentials struct {
	Default string            `json:"default"` // the market of the last login
	Tokens  map[string]string `json:"tokens"`  // by address
}

const credentialsFile = "credentials.json"

func readCredentials(dir string) (credentials, error) {
	k := credentials{Tokens: map[string]string{}}
	path := filepath.Join(dir, credentialsFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return k, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err != nil {
		return k, hint.Wrap(err, "remove the file and log in again", "reading %s", path)
	}
	if k.Tokens == nil {
		k.Tokens = map[string]string{}
	}
	return k, nil
}

// LogIn asks the market whose token it is, and keeps it for this market, for the user's eyes alone.
func (c *Client) LogIn(ctx context.Context, token string) (*Person, error) {
	with := *c
	with.token = token
	who, err := with.WhoAmI(ctx)
	if err != nil {
		return nil, err
	}
	return who, c.keep(func(k *credentials) { k.Default, k.Tokens[c.Market()] = c.Market(), token })
}

// LogOut forgets the token of this market.
func (c *Client) LogOut() error {
	return c.keep(func(k *credentials) { delete(k.Tokens, c.Market()) })
}

func (c *Client) keep(change func(*credentials)) error {
	k, err := readCredentials(c.home)
	if err != nil {
		return err
	}
	change(&k)
	b, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.home, 0o700); err != nil {
		return hint.Wrap(err, "set XIAOYU_HOME to a folder that can be written", "keeping the login")
	}
	// Never readable for others, not even for a moment: atomicfile makes files that are.
	f, err := os.CreateTemp(c.home, ".credentials-*")
	if err != nil {
		return hint.Wrap(err, "set XIAOYU_HOME to a folder that can be written", "keeping the login")
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(c.home, credentialsFile))
	}
	if err != nil {
		return fmt.Errorf("keeping the login: %w", err)
	}
	return nil
}

// answerError is what the market said instead of doing it.
type answerError struct {
	status  int
	code    string
	message string
}

func (e *answerError) Error() string { return e.message }

func (e *answerError) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.status == http.StatusNotFound
	case ErrUnauthorized:
		return e.status == http.StatusUnauthorized
	case ErrForbidden:
		return e.status == http.StatusForbidden
	case ErrExists:
		return e.code == "EXISTS"
	}
	return false
}

// resolve makes a full address of a path or of one that the market gave.
func (c *Client) resolve(to string) (string, error) {
	u, err := c.base.Parse(to)
	if err != nil {
		return "", fmt.Errorf("the market gave the address %.200q: %w", to, err)
	}
	return u.String(), nil
}

// send sends a request and returns the answer if its status is one of those wanted. The token goes to this market alone.
func (c *Client) send(ctx context.Context, method, to string, body io.Reader, header http.Header, want ...int) (*http.Response, error) {
	address, err := c.resolve(to)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, err
	}
	for k, v := range header {
		r.Header[k] = v
	}
	if n := header.Get("Content-Length"); n != "" {
		fmt.Sscan(n, &r.ContentLength)
		r.Header.Del("Content-Length")
	}
	r.Header.Set("User-Agent", "xiaoyu")
	if c.token != "" && r.URL.Host == c.base.Host && r.URL.Scheme == c.base.Scheme {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // its address is long, and may hold what should not be shown
		}
		return nil, hint.Errorf("check the address, and that the market is running", "%w: %s: %w", ErrUnreachable, c.Market(), err)
	}
	for _, s := range want {
		if answer.StatusCode == s {
			return answer, nil
		}
	}
	defer answer.Body.Close()
	return nil, c.said(answer)
}

// said makes an error of an answer: the market's words, or the status where it has none.
func (c *Client) said(answer *http.Response) error {
	var said Errors
	b, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	e := &answerError{status: answer.StatusCode, message: "the market answered " + answer.Status}
	if json.Unmarshal(b, &said) == nil && len(said.Errors) > 0 {
		e.code, e.message = said.Errors[0].Code, said.Errors[0].Message
	}
	if text := answer.Header.Get("X-Error-Message"); text != "" && e.code == "" { // a hub's way to say it
		e.message = text
	}
	if answer.StatusCode == http.StatusUnauthorized {
		way := "log in with `xiaoyu login " + c.Market() + "`"
		if c.token != "" {
			way = "the token may have expired; " + way
		}
		return hint.Errorf(way, "%w", e)
	}
	// The market puts its way out behind a semicolon.
	if message, way, ok := strings.Cut(e.message, "; "); ok {
		e.message = message
		return hint.Errorf(way, "%w", e)
	}
	return e
}

// ask sends and receives JSON.
func (c *Client) ask(ctx context.Context, method, path string, question, answer any) error {
	var body io.Reader
	if question != nil {
		b, err := json.Marshal(question)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	r, err := c.send(ctx, method, path, body, http.Header{"Content-Type": {"application/json"}}, http.StatusOK, http.StatusCreated, http.StatusNoContent)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 64<<20)).Decode(answer); err != nil {
		return hint.Wrap(err, "check that the address is a market's", "reading the answer of %s", c.Market())
	}
	return nil
}
