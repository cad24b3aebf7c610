package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

const (
	tries        = 5                // of a request that brings nothing; one that brought something begins to count anew
	longestWait  = 2 * time.Minute  // that a server may ask for
	stallTime    = 30 * time.Second // without an answer or a byte
	maxRedirects = 10
	maxListing   = 64 << 20 // bytes of an answer in JSON
)

// client makes requests, and makes them again where that may help.
type client struct {
	Options
	http  *http.Client
	stall time.Duration
	tries int
	// authorise puts the token into a request, if it may go to this address.
	authorise func(r *http.Request)
}

func newClient(o Options) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true // sizes are those of the files
	transport.MaxIdleConnsPerHost = connections
	transport.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	c := &client{Options: o, stall: stallTime, tries: tries, authorise: func(*http.Request) {}}
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if c.wait == nil {
		c.wait = wait
	}
	return c
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (c *client) note(format string, args ...any) {
	if c.Note != nil {
		c.Note(format, args...)
	}
}

// retry repeats work that fails for reasons that pass, a limited number of times in a row without progress.
func (c *client) retry(ctx context.Context, work func() (progressed bool, err error)) error {
	for failures := 0; ; {
		progressed, err := work()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var passing *transientError
		if !errors.As(err, &passing) {
			return err
		}
		if progressed {
			failures = 0
		}
		failures++
		pause := time.Duration(float64(time.Second<<failures/4) * (0.75 + rand.Float64()/2))
		if passing.wait > longestWait {
			return hint.Wrap(&unreachableError{err}, fmt.Sprintf("run the command again in %v", passing.wait), "the hub asks to wait for %v", passing.wait)
		}
		if failures == c.tries {
			return &unreachableError{err}
		}
		if err := c.wait(ctx, max(pause, passing.wait)); err != nil {
			return err
		}
	}
}

// transientError is a failure that another try may not have.
type transientError struct {
	err  error
	wait time.Duration // that the server asks for
}

func (e *transientError) Error() string { return e.err.Error() }
func (e *transientError) Unwrap() error { return e.err }

// unreachableError is what remains when all tries have failed.
type unreachableError struct{ err error }

func (e *unreachableError) Error() string { return e.err.Error() }
func (e *unreachableError) Unwrap() error { return e.err }

// statusError is an answer that refuses.
type statusError struct {
	address string
	status  int
	code    string // X-Error-Code of Hugging Face
	message string
}

func (e *statusError) Error() string {
	s := fmt.Sprintf("%s answers %d %s", e.address, e.status, http.StatusText(e.status))
	if e.message != "" {
		s += " (" + e.message + ")"
	}
	return s
}

// answer makes a request and reads its JSON into v.
func (c *client) answer(ctx context.Context, address string, v any) error {
	return c.retry(ctx, func() (bool, error) {
		r, err := c.follow(ctx, http.MethodGet, address, nil)
		if err != nil {
			return false, err
		}
		defer r.Body.Close()
		content, err := io.ReadAll(io.LimitReader(r.Body, maxListing+1))
		if err != nil {
			return false, &transientError{err: fmt.Errorf("%s: %w", plainAddress(r.Request.URL), err)}
		}
		if len(content) > maxListing {
			return false, hint.Errorf("check the endpoint", "%s answers more than %d MB", plainAddress(r.Request.URL), maxListing>>20)
		}
		if err := json.Unmarshal(content, v); err != nil {
			return false, hint.Wrap(err, "check that the endpoint is a hub's", "%s answers no JSON that a hub would", plainAddress(r.Request.URL))
		}
		return true, nil
	})
}

// head asks for a file's headers, as far as the hub itself answers.
func (c *client) head(ctx context.Context, address string) (http.Header, error) {
	var header http.Header
	err := c.retry(ctx, func() (bool, error) {
		r, err := c.follow(ctx, http.MethodHead, address, nil)
		if err != nil {
			return false, err
		}
		header = r.Header
		return true, r.Body.Close()
	})
	return header, err
}

// follow makes one request and those that it is redirected to; of HEAD only those within the host, whose word counts. The
// token goes to the endpoint and nowhere else: what it is redirected to is a store with addresses that are signed.
func (c *client) follow(ctx context.Context, method, address string, header http.Header) (*http.Response, error) {
	for range maxRedirects {
		r, err := c.once(ctx, method, address, header)
		if err != nil {
			return nil, err
		}
		location := r.Header.Get("Location")
		if r.StatusCode < 300 || r.StatusCode > 399 || location == "" {
			return r, c.refusal(r)
		}
		next, err := r.Request.URL.Parse(location)
		if err != nil || next.Scheme != "https" && next.Scheme != "http" {
			r.Body.Close()
			return nil, hint.Errorf("check the endpoint", "%s redirects to %q", plainAddress(r.Request.URL), location)
		}
		if method == http.MethodHead && next.Host != r.Request.URL.Host {
			return r, nil
		}
		r.Body.Close()
		address = next.String()
	}
	return nil, hint.Errorf("check the endpoint", "%s is redirected more than %d times", address, maxRedirects)
}

// once makes one request. It is given up when nothing comes for a while.
func (c *client) once(ctx context.Context, method, address string, header http.Header) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	r, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		cancel(nil)
		return nil, hint.Wrap(err, "check the endpoint", "asking %q", address)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("User-Agent", "xiaoyu")
	c.authorise(r)
	silent := time.AfterFunc(c.stall, func() { cancel(errSilent) })
	answer, err := c.http.Do(r)
	if err != nil {
		silent.Stop()
		if err = netError(err); context.Cause(ctx) == errSilent {
			err = fmt.Errorf("%s: %w", plainAddress(r.URL), errSilent)
		}
		cancel(nil)
		return nil, &transientError{err: err}
	}
	answer.Body = &watched{ReadCloser: answer.Body, ctx: ctx, silent: silent, stall: c.stall, cancel: cancel}
	return answer, nil
}

// netError is what went wrong, without the address with its signature.
func netError(err error) error {
	var failed *url.Error
	if !errors.As(err, &failed) {
		return err
	}
	u, parseErr := url.Parse(failed.URL)
	if parseErr != nil {
		return failed.Err
	}
	return fmt.Errorf("%s: %w", plainAddress(u), failed.Err)
}

// plainAddress leaves out what may be secret: a signature, a password.
func plainAddress(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

// refusal is the error of an answer that brings nothing; the answer is closed then.
func (c *client) refusal(r *http.Response) error {
	if r.StatusCode < 300 {
		return nil
	}
	defer r.Body.Close()
	e := &statusError{address: plainAddress(r.Request.URL), status: r.StatusCode, code: r.Header.Get("X-Error-Code"), message: r.Header.Get("X-Error-Message")}
	switch r.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &transientError{err: e, wait: retryAfter(r.Header, time.Now())}
	}
	return e
}

// rateLimit is the header of draft-ietf-httpapi-ratelimit-headers: r requests are left, in t seconds there are more.
var rateLimit = regexp.MustCompile(`;\s*r=0\s*;\s*t=([0-9]+)`)

// retryAfter reads how long a server asks to wait: seconds or a date (RFC 9110, 10.2.3), or when a limit ends.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if m := rateLimit.FindStringSubmatch(h.Get("RateLimit")); value == "" && m != nil {
		value = m[1]
	}
	if seconds, err := strconv.Atoi(value); err == nil {
		return max(0, time.Duration(min(seconds, 1<<20))*time.Second)
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, date.Sub(now).Round(time.Second))
	}
	return 0
}

var errSilent = errors.New("nothing comes any more")

// watched is a body that is given up when nothing comes for a while.
type watched struct {
	io.ReadCloser
	ctx    context.Context
	silent *time.Timer
	stall  time.Duration
	cancel context.CancelCauseFunc
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if n > 0 {
		w.silent.Reset(w.stall)
	}
	if err != nil && err != io.EOF {
		err = cmp.Or(context.Cause(w.ctx), err)
	}
	return n, err
}

func (w *watched) Close() error {
	w.silent.Stop()
	w.cancel(nil)
	return w.ReadCloser.Close()
}
