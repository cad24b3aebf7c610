package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

// client makes requests, one at a time, as politely as Options say.
type client struct {
	*Options
	http    *http.Client
	hosts   map[string]*host // by scheme and host
	proxies sync.Map         // hosts of proxies, which may be local
}

// host is what is remembered of one.
type host struct {
	next   time.Time // of the next request at the earliest
	robots *robots   // nil until asked for
	silent int       // times that robots.txt could not be had
	why    error     // the last time
}

// after puts the next request off.
func (h *host) after(now time.Time, d time.Duration) {
	if t := now.Add(d); t.After(h.next) {
		h.next = t
	}
}

// problem is why an address brought nothing.
type problem struct {
	reason string
	again  bool          // another try may help
	gone   bool          // it is not worth another call: the journal remembers it
	known  bool          // by the journal
	final  bool          // it is not worth another call, but costs nothing to find out
	wait   time.Duration // that the server asks for
	status int
}

func (p *problem) Error() string { return p.reason }

const maxRedirects = 10

var errLocal = errors.New("it is an address of this machine or network; pass --allow-local if that is meant")

func newClient(o *Options) *client {
	c := &client{Options: o, hosts: map[string]*host{}}
	dialer := &net.Dialer{Timeout: o.Timeout}
	guarded := &net.Dialer{Timeout: o.Timeout, Control: func(_, address string, _ syscall.RawConn) error {
		// Here the name is resolved: what a name says of itself cannot be trusted.
		if ip, err := netip.ParseAddrPort(address); err != nil || isLocal(ip.Addr()) {
			return errLocal
		}
		return nil
	}}
	c.http = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: func(r *http.Request) (*url.URL, error) {
				proxy, err := http.ProxyFromEnvironment(r)
				if proxy != nil {
					c.proxies.Store(hostPort(proxy), true)
				}
				return proxy, err
			},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				if _, proxy := c.proxies.Load(address); proxy || o.AllowLocal {
					return dialer.DialContext(ctx, network, address)
				}
				return guarded.DialContext(ctx, network, address)
			},
			MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, TLSHandshakeTimeout: o.Timeout, MaxResponseHeaderBytes: 1 << 20, ForceAttemptHTTP2: true,
		},
	}
	return c
}

func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), map[string]string{"https": "443"}[u.Scheme]+map[string]string{"http": "80"}[u.Scheme])
}

// carrierNAT are addresses of providers' own networks: RFC 6598.
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

func isLocal(ip netip.Addr) bool {
	ip = ip.Unmap()
	return !ip.IsGlobalUnicast() || ip.IsPrivate() || carrierNAT.Contains(ip)
}

// hostOf returns the host of an address.
func (c *client) hostOf(address string) *host {
	key := address
	if u, err := url.Parse(address); err == nil {
		key = u.Scheme + "://" + u.Host
	}
	h := c.hosts[key]
	if h == nil {
		h = &host{}
		c.hosts[key] = h
	}
	return h
}

// readiest returns the place in the queue of the task whose host is ready first.
func (c *client) readiest(queue []task) int {
	best, now := 0, c.now()
	for i := range queue {
		at := c.hostOf(queue[i].url).next
		if !at.After(now) {
			return i
		}
		if at.Before(c.hostOf(queue[best].url).next) {
			best = i
		}
	}
	return best
}

// page is what a request brought.
type page struct {
	url    *url.URL // after redirects
	status int
	header http.Header
	body   []byte // in UTF-8
	cut    string // why it does not go on
}

// get follows an address to its page. Where before has an ETag or date, a page that has not changed since comes without
// a body and with status 304.
func (c *client) get(ctx context.Context, address string, before visit) (*page, error) {
	var way []string
	for {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			return nil, &problem{reason: fmt.Sprintf("it leads to %q, which is no web address", address)}
		}
		if slices.Contains(way, address) {
			return nil, &problem{reason: "it redirects in a circle: " + strings.Join(append(way, address), " → ")}
		}
		if way = append(way, address); len(way) > maxRedirects+1 {
			return nil, &problem{reason: fmt.Sprintf("it redirects more than %d times, last to %s", maxRedirects, address)}
		}
		if err := c.obey(ctx, u); err != nil {
			return nil, err
		}
		p, err := c.request(ctx, u, before, c.MaxBytes)
		if err != nil {
			return nil, err
		}
		if to := p.header.Get("Location"); p.status >= 300 && p.status < 400 && p.status != http.StatusNotModified && to != "" {
			next, err := u.Parse(to)
			if err != nil {
				return nil, &problem{reason: fmt.Sprintf("it redirects to %q, which is no address", to)}
			}
			next.Fragment = ""
			address = next.String()
			continue
		}
		return p, c.verdict(p)
	}
}

// verdict turns statuses that bring no page into problems.
func (c *client) verdict(p *page) error {
	reason := fmt.Sprintf("the server answers %d %s", p.status, http.StatusText(p.status))
	switch s := p.status; {
	case s == http.StatusOK || s == http.StatusNotModified:
		return nil
	case s == http.StatusTooManyRequests || s == http.StatusRequestTimeout || s >= 500:
		wait := retryAfter(p.header.Get("Retry-After"), c.now())
		if wait > longestWait {
			reason += fmt.Sprintf(" and asks to wait %s", wait.Round(time.Second))
		}
		return &problem{reason: reason, again: true, wait: wait, status: s}
	default:
		return &problem{reason: reason, gone: s >= 400, status: s}
	}
}

// retryAfter reads seconds or a date; 0 for neither.
func retryAfter(v string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(v)); err == nil && seconds >= 0 {
		return time.Duration(min(seconds, 1<<30)) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// obey asks the host's robots.txt, once.
func (c *client) obey(ctx context.Context, u *url.URL) error {
	h := c.hostOf(u.String())
	if h.robots == nil {
		if h.silent >= tries { // not again for each of its pages
			return &problem{reason: h.why.Error()}
		}
		robots, err := c.robots(ctx, u)
		if err != nil {
			h.silent, h.why = h.silent+1, err
			return err
		}
		h.robots = robots
	}
	if !h.robots.allows(u) {
		return &problem{reason: "robots.txt of " + u.Host + " does not allow it", final: true}
	}
	return nil
}

// robots fetches robots.txt: one that is not there allows all, one that cannot be had allows nothing.
func (c *client) robots(ctx context.Context, of *url.URL) (*robots, error) {
	u := &url.URL{Scheme: of.Scheme, Host: of.Host, Path: "/robots.txt"}
	for range 6 { // five redirects, says the RFC
		p, err := c.request(ctx, u, visit{}, maxRobots)
		if err != nil {
			return nil, err
		}
		switch to := p.header.Get("Location"); {
		case p.status == http.StatusOK:
			return parseRobots(p.body, product), nil
		case p.status >= 300 && p.status < 400 && to != "":
			if u, err = u.Parse(to); err != nil || u.Scheme != "http" && u.Scheme != "https" {
				return &robots{}, nil
			}
		case p.status >= 500 || p.status == http.StatusTooManyRequests:
			return nil, &problem{reason: fmt.Sprintf("robots.txt of %s cannot be had (%d), so nothing may be fetched", of.Host, p.status), again: true, wait: retryAfter(p.header.Get("Retry-After"), c.now())}
		default:
			return &robots{}, nil
		}
	}
	return &robots{}, nil
}

// request waits for its turn and makes one request.
func (c *client) request(ctx context.Context, u *url.URL, before visit, limit int64) (*page, error) {
	if ip, err := netip.ParseAddr(u.Hostname()); !c.AllowLocal && (err == nil && isLocal(ip) || u.Hostname() == "localhost") {
		return nil, &problem{reason: errLocal.Error()}
	}
	h := c.hostOf(u.String())
	if wait := h.next.Sub(c.now()); wait > 0 {
		if err := c.sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
	defer func() {
		delay := c.Delay
		if h.robots != nil {
			delay = max(delay, h.robots.delay)
		}
		h.after(c.now(), delay)
	}()
	timed, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(timed, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, &problem{reason: err.Error()}
	}
	r.Header.Set("User-Agent", c.UserAgent)
	r.Header.Set("Accept", "text/html, application/xhtml+xml, application/rss+xml, application/atom+xml, application/xml;q=0.9, text/plain;q=0.8, */*;q=0.1")
	r.Header.Set("Accept-Language", "zh, en;q=0.8, *;q=0.5")
	if before.ETag != "" {
		r.Header.Set("If-None-Match", before.ETag)
	}
	if before.Modified != "" {
		r.Header.Set("If-Modified-Since", before.Modified)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.failed(ctx, timed, err)
	}
	defer answer.Body.Close()
	p := &page{url: u, status: answer.StatusCode, header: answer.Header}
	if p.status != http.StatusOK {
		return p, nil
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	switch {
	case int64(len(body)) > limit:
		body, p.cut = body[:limit], "it is cut after "+size.Bytes(limit)
	case err != nil && len(body) > 0 && timed.Err() != nil && ctx.Err() == nil:
		p.cut = fmt.Sprintf("it had not ended after %s", c.Timeout)
	case err != nil:
		return nil, c.failed(ctx, timed, err)
	}
	p.body, _ = decode(trimPartial(body), answer.Header.Get("Content-Type"))
	return p, nil
}

// trimPartial drops a character that a cut has halved.
func trimPartial(b []byte) []byte {
	for i := 1; i <= 3 && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

// failed says why a request failed, in words.
func (c *client) failed(ctx, timed context.Context, err error) error {
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errLocal):
		return &problem{reason: errLocal.Error()}
	case timed.Err() != nil:
		return &problem{reason: fmt.Sprintf("no answer within %s", c.Timeout), again: true}
	case errors.As(err, &dns) && dns.IsNotFound:
		return &problem{reason: "there is no host " + dns.Name}
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return &problem{reason: strings.ReplaceAll(err.Error(), "\n", " "), again: true}
}

// kind tells what a page is: feed, html, text, or the media type of something else.
func (p *page) kind() string {
	media, _, err := mime.ParseMediaType(p.header.Get("Content-Type"))
	if err != nil || media == "" || media == "application/octet-stream" {
		media, _, _ = mime.ParseMediaType(http.DetectContentType(p.body))
	}
	isXML := media == "text/xml" || strings.HasSuffix(media, "xml")
	switch {
	case (isXML || strings.HasPrefix(media, "text/")) && looksFeed(p.body):
		return "feed"
	case media == "text/html" || media == "application/xhtml+xml":
		return "html"
	case media == "text/plain" && strings.HasPrefix(http.DetectContentType(p.body), "text/html"):
		return "html"
	case media == "text/plain" || media == "text/markdown":
		return "text"
	}
	return media
}

// document extracts the text of a page.
func (p *page) document(kind string) (*Document, error) {
	d := &Document{URL: p.url.String(), From: "page", Site: p.url.Hostname()}
	if kind == "text" {
		d.Text = strings.TrimSpace(string(p.body))
	} else {
		a, err := Extract(p.body, p.url)
		if err != nil {
			return nil, err
		}
		d.Title, d.Text, d.Date, d.Author, d.Site, d.Language = a.Title, a.Text, a.Date, a.Author, a.Site, a.Language
	}
	if d.Text == "" {
		return nil, errors.New("there is no text on the page")
	}
	return d, nil
}
