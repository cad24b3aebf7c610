// Package web brings in text from web pages and feeds.
//
//	report, err := web.Fetch(ctx, []string{"https://example.org/feed.xml"}, web.Options{Out: "news.jsonl"})
//
// It is polite: it names itself, obeys robots.txt and its Crawl-delay (RFC 9309), makes one request at a time and to one
// host at most one a second, asks only for what has changed (ETag, Last-Modified), and waits as long as it is told to
// (Retry-After). It reads what it is given and what feeds name; it does not follow the links of pages.
//
// It goes on where it was: beside the output lies a journal of what was fetched. A document is written and synced before
// it is entered there, so that an interruption at any point loses nothing and repeats nothing.
//
// Addresses of the own machine and network are refused, whatever name they have, unless Options.AllowLocal says
// otherwise. Pages and feeds are bounded in size, number and time; what is cut is told.
//
// The output is a file of JSON lines, which package data reads.
package web

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Document is a line of the output.
type Document struct {
	URL      string `json:"url"`
	Title    string `json:"title,omitempty"`
	Text     string `json:"text"`
	Date     string `json:"date,omitempty"` // ISO 8601
	Author   string `json:"author,omitempty"`
	Site     string `json:"site,omitempty"`
	Language string `json:"language,omitempty"` // as the page says
	From     string `json:"from"`               // page or feed: where the text was
	Feed     string `json:"feed,omitempty"`     // that named it
}

// key tells documents apart: a text from a feed and the whole page of it are two.
func (d *Document) key() string { return d.From + " " + d.URL }

// Options say how to fetch.
type Options struct {
	Out        string        // file of JSON lines; its journal is Out + ".state"
	Full       bool          // follow the entries of feeds to their pages, instead of taking the text from the feed
	Refresh    bool          // ask again for pages that were fetched before, and write those that have changed once more
	Limit      int           // documents of one call at most; 0 is 1,000
	Entries    int           // entries of one feed at most; 0 is 1,000
	Delay      time.Duration // between two requests to one host at least; 0 is a second
	Timeout    time.Duration // of one request; 0 is 30 s
	MaxBytes   int64         // of one page or feed; 0 is 10 MB
	AllowLocal bool          // addresses of the own machine and network too
	UserAgent  string        // "" is "xiaoyu (+https://github.com/xiaoyu-slm/xiaoyu)"
	Progress   func(done, all int, address string)

	now   func() time.Time
	sleep func(ctx context.Context, d time.Duration) error
}

// Report tells what was done.
type Report struct {
	Out       string    `json:"out"`
	Documents int       `json:"documents"` // written
	Feeds     int       `json:"feeds"`     // read
	Unchanged int       `json:"unchanged"` // pages and feeds that the server said had not changed
	Known     int       `json:"known"`     // pages and entries that were in the output already
	Failed    []Failure `json:"failed,omitempty"`
	Notes     []string  `json:"notes,omitempty"`
}

// Failure is an address that brought nothing, and why.
type Failure struct {
	URL    string `json:"url"`
	Reason string `json:"reason"`
}

const (
	product      = "xiaoyu"
	tries        = 3
	longestWait  = 2 * time.Minute
	maxFeedPages = 50
)

func (o *Options) defaults() {
	o.Limit, o.Entries = cmp.Or(o.Limit, 1000), cmp.Or(o.Entries, 1000)
	o.Delay, o.Timeout = cmp.Or(o.Delay, time.Second), cmp.Or(o.Timeout, 30*time.Second)
	o.MaxBytes = cmp.Or(o.MaxBytes, 10_000_000)
	o.UserAgent = cmp.Or(o.UserAgent, product+" (+https://github.com/xiaoyu-slm/xiaoyu)")
	if o.now == nil {
		o.now = time.Now
	}
	if o.sleep == nil {
		o.sleep = func(ctx context.Context, d time.Duration) error {
			t := time.NewTimer(d)
			defer t.Stop()
			select {
			case <-t.C:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// task is an address to fetch.
type task struct {
	url   string
	entry *entry  // of the feed that named it
	feed  *source // that feed
	tries int
}

// source is a feed whose entries are being fetched. It counts as fetched when they are.
type source struct {
	visit   visit
	url     string // of its first page
	title   string
	pages   int
	entries int
	pending int
	failed  bool
}

// fetcher is one call of Fetch.
type fetcher struct {
	Options
	client  *client
	journal *journal
	queue   []task
	seen    map[string]bool // addresses that were in the queue
	done    int
	report  Report
}

// Fetch fetches pages and feeds and appends their texts to o.Out. Addresses that fail are in the report; the error is of
// the call itself, its context or its output.
func Fetch(ctx context.Context, addresses []string, o Options) (*Report, error) {
	o.defaults()
	f := &fetcher{Options: o, seen: map[string]bool{}, report: Report{Out: o.Out}}
	for _, a := range addresses {
		u, err := url.Parse(strings.TrimSpace(a))
		if err == nil && u.Scheme != "http" && u.Scheme != "https" {
			err = errors.New("it does not begin with http:// or https://")
		}
		if err == nil && u.Hostname() == "" {
			err = errors.New("it names no host")
		}
		if err != nil {
			return nil, hint.Wrap(err, "give addresses such as https://example.org/feed.xml", "fetching %q", a)
		}
		f.add(task{url: resolve(u, "")})
	}
	var err error
	if f.journal, err = openJournal(o.Out); err != nil {
		return nil, hint.Wrap(err, "choose another file with --out", "fetching")
	}
	defer f.journal.close()
	f.client = newClient(&f.Options)
	err = f.run(ctx)
	if closeErr := f.journal.close(); err == nil && closeErr != nil {
		err = hint.Wrap(closeErr, "free some space", "writing %s", o.Out)
	}
	return &f.report, err
}

func (f *fetcher) add(t task) bool {
	if f.seen[t.url] {
		return false
	}
	f.seen[t.url] = true
	f.queue = append(f.queue, t)
	return true
}

// run takes addresses from the queue, first those whose host is ready.
func (f *fetcher) run(ctx context.Context) error {
	for len(f.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return hint.Wrap(err, "run the same command again to go on", "fetching")
		}
		if f.report.Documents >= f.Limit {
			f.note("stopped after %d documents, with %d addresses left; run it again to go on, or raise --limit", f.report.Documents, len(f.queue))
			return nil
		}
		at := f.client.readiest(f.queue)
		t := f.queue[at]
		f.queue = append(f.queue[:at], f.queue[at+1:]...)
		if f.Progress != nil {
			f.Progress(f.done, f.done+len(f.queue)+1, t.url)
		}
		err := f.fetch(ctx, &t)
		switch problem := (*problem)(nil); {
		case err == nil:
			f.ended(&t, false)
		case ctx.Err() != nil:
			return hint.Wrap(ctx.Err(), "run the same command again to go on", "fetching")
		case !errors.As(err, &problem):
			return err // of the output
		case problem.again && t.tries+1 < tries && problem.wait <= longestWait:
			t.tries++
			f.client.hostOf(t.url).after(f.now(), max(problem.wait, f.Delay<<(2*t.tries)))
			f.queue = append(f.queue, t)
		default:
			f.report.Failed = append(f.report.Failed, Failure{t.url, problem.Error()})
			if problem.gone && !problem.known {
				if err := f.journal.visited(visit{URL: t.url, Status: problem.status, At: f.now().UTC().Format(time.RFC3339), Reason: problem.reason}); err != nil {
					return err
				}
			}
			f.ended(&t, !problem.gone && !problem.final)
		}
	}
	if f.Progress != nil {
		f.Progress(f.done, f.done, "")
	}
	return nil
}

// ended counts a task, and closes its feed after the last one.
func (f *fetcher) ended(t *task, failed bool) {
	f.done++
	if t.feed == nil {
		return
	}
	t.feed.pending--
	t.feed.failed = t.feed.failed || failed
	f.closeFeed(t.feed)
}

// closeFeed enters a feed as fetched when all of its entries are: before, the next call must see it again.
func (f *fetcher) closeFeed(s *source) {
	if s.pending == 0 && !s.failed {
		// What is not entered is asked for again: no loss.
		_ = f.journal.visited(s.visit)
	}
}

func (f *fetcher) note(format string, args ...any) {
	f.report.Notes = append(f.report.Notes, fmt.Sprintf(format, args...))
}

// fetch gets an address and keeps what it holds.
func (f *fetcher) fetch(ctx context.Context, t *task) error {
	before, visited := f.journal.visits[t.url]
	if before.Reason != "" && !f.Refresh {
		return &problem{reason: before.Reason + "; it was not asked again (--refresh)", gone: true, known: true}
	}
	if visited && !before.Feed && !f.Refresh || t.entry != nil && f.isKnown("page "+t.url) && !f.Refresh {
		f.report.Known++
		return nil
	}
	if t.feed != nil && t.entry == nil { // a further page of a feed is always asked for
		before = visit{}
	}
	page, err := f.client.get(ctx, t.url, before)
	if err != nil {
		return err
	}
	now := visit{URL: t.url, Status: page.status, ETag: page.header.Get("ETag"), Modified: page.header.Get("Last-Modified"), At: f.now().UTC().Format(time.RFC3339)}
	if page.status == http.StatusNotModified {
		f.report.Unchanged++
		return nil
	}
	if page.cut != "" {
		f.note("%s: %s; what came before is kept", t.url, page.cut)
	}
	kind := page.kind()
	switch kind {
	case "feed":
		now.Feed = true
		return f.feed(t, page, now)
	case "html", "text":
	default:
		return &problem{reason: "it is " + kind + ", no page and no feed", gone: true, status: page.status}
	}
	d, err := page.document(kind)
	if err != nil {
		return &problem{reason: err.Error(), gone: true, status: page.status}
	}
	if t.entry != nil {
		d.Feed, d.Title = t.feed.url, cmp.Or(d.Title, t.entry.title)
		d.Date, d.Author = cmp.Or(t.entry.date, d.Date), cmp.Or(d.Author, t.entry.author)
	}
	if err := f.keep(d); err != nil {
		return err
	}
	return f.journal.visited(now)
}

func (f *fetcher) isKnown(key string) bool {
	_, ok := f.journal.known[key]
	return ok
}

// keep writes a document that is not there yet, or is there with another text.
func (f *fetcher) keep(d *Document) error {
	if before, ok := f.journal.known[d.key()]; ok {
		if !f.Refresh || d.From == "feed" {
			f.report.Known++
			return nil
		}
		if before == digest(d.Text) {
			f.report.Unchanged++
			return nil
		}
	}
	f.report.Documents++
	return f.journal.write(d)
}

// feed keeps the entries of a feed, or puts their pages into the queue, and goes on to its next page.
func (f *fetcher) feed(t *task, p *page, now visit) error {
	s := t.feed
	if s == nil {
		f.report.Feeds++
		s = &source{visit: now, url: t.url}
		defer f.closeFeed(s)
	}
	parsed := parseFeed(p.body, p.url)
	s.title = cmp.Or(s.title, parsed.title)
	if s.pages++; parsed.cut && len(parsed.entries) == 0 {
		return &problem{reason: "the feed is damaged before its first entry ends"}
	}
	if parsed.cut && p.cut == "" {
		f.note("%s: the feed is damaged after %d entries; they are kept", t.url, len(parsed.entries))
	}
	for i := range parsed.entries {
		if s.entries == f.Entries {
			f.note("%s: the feed has more than %d entries; the rest is left out (--entries)", s.url, f.Entries)
			return nil
		}
		s.entries++
		e := &parsed.entries[i]
		if f.Full && e.link != "" {
			if f.add(task{url: e.link, entry: e, feed: s}) {
				s.pending++
			}
			continue
		}
		if f.report.Documents >= f.Limit { // the next call goes on here
			s.failed = true
			f.note("%s: stopped after %d documents; run it again to go on, or raise --limit", s.url, f.Limit)
			return nil
		}
		if err := f.keepEntry(e, s, p); err != nil {
			return err
		}
	}
	if parsed.next != "" && len(parsed.entries) > 0 {
		if s.pages == maxFeedPages {
			f.note("%s: the feed has more than %d pages; the rest is left out", s.url, maxFeedPages)
		} else if f.add(task{url: parsed.next, feed: s}) { // one that leads in a circle was seen
			s.pending++
		}
	}
	return nil
}

// keepEntry writes an entry with the text that the feed has of it.
func (f *fetcher) keepEntry(e *entry, s *source, p *page) error {
	d := &Document{URL: e.link, Title: e.title, Text: plainText(e.html), Date: e.date, Author: e.author, Site: cmp.Or(s.title, p.url.Hostname()), From: "feed", Feed: s.url}
	if d.Text == "" {
		d.Text = e.title
	}
	if d.Text == "" {
		return nil
	}
	if d.URL == "" {
		id := sha256.Sum256([]byte(cmp.Or(e.id, d.Title+"\n"+d.Text)))
		d.URL = s.url + "#" + hex.EncodeToString(id[:8])
	}
	return f.keep(d)
}
