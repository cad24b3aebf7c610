// Package s3 keeps objects in a bucket of a server that speaks Amazon's S3: one that AWS runs, or MinIO, Ceph, Garage,
// versitygw and others.
//
//	bucket, err := s3.Open("s3://models/market?endpoint=http://127.0.0.1:9000&region=us-east-1")
//	err = bucket.Put(ctx, "a/b", content)
//	body, err := bucket.Get(ctx, "a/b", 0, -1)
//
// It is what a store of blobs needs and no more: objects whole and in parts, ranges, copies, lists, addresses that are
// signed (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html). Requests
// that fail in passing are sent again.
package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// What callers can act upon.
var (
	ErrNotFound    = errors.New("no such object")
	ErrUnavailable = errors.New("the object store does not answer")
)

// Bucket is one, below a prefix. Its methods may be called from several goroutines.
type Bucket struct {
	base        *url.URL // of the bucket
	host        bool     // the bucket's name is in the host's, and not in the path
	bucket      string
	prefix      string // "" or ends with a stroke
	region      string
	credentials Credentials
	http        *http.Client
	now         func() time.Time
}

// Open returns the bucket of an address as s3://bucket/prefix?endpoint=URL&region=NAME. Without an endpoint, nor one in
// AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, it is AWS'. Credentials and region come from the environment, by AWS' usual
// names. Nothing is sent yet.
func Open(address string) (*Bucket, error) {
	const way = "write it as in s3://bucket/prefix?endpoint=https://s3.example.org&region=us-east-1"
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.User != nil {
		return nil, hint.Errorf(way, "the address of a store %.200q", address)
	}
	q := u.Query()
	for name := range q {
		if name != "endpoint" && name != "region" && name != "style" {
			return nil, hint.Errorf(way, "the address of a store has %.80q, which is not known", name)
		}
	}
	b := &Bucket{bucket: u.Host, prefix: strings.Trim(u.Path, "/"), now: time.Now,
		region:      first(q.Get("region"), os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), "us-east-1"),
		credentials: Credentials{os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")}}
	if b.prefix != "" {
		b.prefix += "/"
	}
	if b.credentials.Key == "" || b.credentials.Secret == "" {
		return nil, hint.Errorf("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "the store %s: there are no credentials", u.Redacted())
	}
	endpoint := first(q.Get("endpoint"), os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	switch style := q.Get("style"); style {
	case "", "path", "host":
		b.host = style == "host" || style == "" && endpoint == "" && !strings.Contains(b.bucket, ".")
	default:
		return nil, hint.Errorf("it is path or host", "the style %.40q of a store's address", style)
	}
	if endpoint == "" {
		endpoint = "https://s3." + b.region + ".amazonaws.com"
	}
	if b.base, err = url.Parse(endpoint); err != nil || b.base.Host == "" || b.base.Scheme != "http" && b.base.Scheme != "https" {
		return nil, hint.Errorf(way, "the endpoint %.200q", endpoint)
	}
	if b.host {
		b.base.Host = b.bucket + "." + b.base.Host
	}
	b.http = &http.Client{Transport: transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return b, nil
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	t.ResponseHeaderTimeout = 2 * time.Minute // of the slowest, which copy before they answer
	t.MaxIdleConnsPerHost = 64
	t.DisableCompression = true // what is stored is what comes
	t.WriteBufferSize, t.ReadBufferSize = 256<<10, 256<<10
	return t
}

// String names the bucket, without credentials.
func (b *Bucket) String() string { return "s3://" + b.bucket + "/" + strings.TrimSuffix(b.prefix, "/") }

// path is an object's within the bucket, as copies name it.
func (b *Bucket) path(key string) string { return "/" + b.bucket + "/" + b.prefix + key }

// address is an object's; "" is the bucket itself.
func (b *Bucket) address(key string, q url.Values) *url.URL {
	u := *b.base
	u.Path = strings.TrimSuffix(u.Path, "/")
	if !b.host {
		u.Path += "/" + b.bucket
	}
	u.Path += "/"
	if key != "" {
		u.Path += b.prefix + key
	}
	u.RawPath = escape(u.Path, true)
	u.RawQuery = canonicalQuery(q)
	return &u
}

// question is one request, which may be sent several times.
type question struct {
	method string
	key    string
	query  url.Values
	header map[string]string
	body   []byte
}

// tries is how often a request is sent.
const tries = 4

// do sends a request until it is answered with 2xx, and returns the answer; ErrNotFound, ErrUnavailable.
func (b *Bucket) do(ctx context.Context, q question) (*http.Response, error) {
	for try := 1; ; try++ {
		answer, err := b.once(ctx, q)
		if err == nil || try == tries || !errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
			return answer, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(50<<try+rand.IntN(50)) * time.Millisecond):
		}
	}
}

func (b *Bucket) once(ctx context.Context, q question) (*http.Response, error) {
	u := b.address(q.key, q.query)
	r, err := http.NewRequestWithContext(ctx, q.method, u.String(), bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	r.URL = u // as it is signed, and not parsed once more
	for name, v := range q.header {
		r.Header.Set(name, v)
	}
	sum := sha256.Sum256(q.body)
	b.credentials.sign(r, hex.EncodeToString(sum[:]), b.region, b.now())
	answer, err := b.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, b.unavailable(err)
	}
	if answer.StatusCode/100 == 2 {
		return answer, nil
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	return nil, b.refused(q, answer.StatusCode, text)
}

func (b *Bucket) unavailable(err error) error {
	if inner := (*url.Error)(nil); errors.As(err, &inner) {
		err = inner.Err // its address is long
	}
	return hint.Errorf("check that the store runs and can be reached", "%w: %s: %w", ErrUnavailable, b, err)
}

// Refusal is what a store said instead of doing it.
type Refusal struct {
	Status  int    `xml:"-"`
	Code    string // NoSuchUpload, AccessDenied, …
	Message string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("the object store answered %d %s %s", r.Status, r.Code, strings.TrimSpace(r.Message))
}

// refused makes an error of an answer.
func (b *Bucket) refused(q question, status int, text []byte) error {
	r := &Refusal{Status: status}
	_ = xml.Unmarshal(text, r) // answers to HEAD have none
	switch {
	case r.Code == "NoSuchBucket":
		return hint.Errorf("make the bucket", "%w: %s: there is no such bucket", ErrUnavailable, b)
	case status == http.StatusNotFound && (r.Code == "NoSuchKey" || r.Code == ""):
		return fmt.Errorf("%s: %w", b.path(q.key), ErrNotFound)
	case status >= 500, status == http.StatusTooManyRequests, r.Code == "RequestTimeout":
		return hint.Errorf("try again", "%w: %s: %w", ErrUnavailable, b, r)
	case status == http.StatusForbidden:
		return hint.Errorf("check the credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do", "%s %s: %w", q.method, b.path(q.key), r)
	}
	return fmt.Errorf("%s %s: %w", q.method, b.path(q.key), r)
}

// Info is what is known of an object without reading it.
type Info struct {
	Key      string
	Size     int64 // bytes
	Modified time.Time
}

// Head tells of an object; ErrNotFound.
func (b *Bucket) Head(ctx context.Context, key string) (Info, error) {
	answer, err := b.do(ctx, question{method: http.MethodHead, key: key})
	if err != nil {
		return Info{}, err
	}
	answer.Body.Close()
	modified, err := http.ParseTime(answer.Header.Get("Last-Modified"))
	if err != nil {
		return Info{}, fmt.Errorf("%s: when it was stored: %w", b.path(key), err)
	}
	return Info{key, answer.ContentLength, modified}, nil
}

// Get returns an object from a byte on, n bytes or all that follow if n is negative, to be closed; ErrNotFound.
func (b *Bucket) Get(ctx context.Context, key string, from, n int64) (io.ReadCloser, error) {
	q := question{method: http.MethodGet, key: key}
	switch {
	case n >= 0:
		q.header = map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", from, from+n-1)}
	case from > 0:
		q.header = map[string]string{"Range": fmt.Sprintf("bytes=%d-", from)}
	}
	answer, err := b.do(ctx, q)
	if err != nil {
		return nil, err
	}
	if q.header != nil && answer.StatusCode != http.StatusPartialContent {
		answer.Body.Close()
		return nil, fmt.Errorf("%s: the object store answered %d to a range", b.path(key), answer.StatusCode)
	}
	return answer.Body, nil
}

// Read returns a small object whole; ErrNotFound.
func (b *Bucket) Read(ctx context.Context, key string) ([]byte, error) {
	body, err := b.Get(ctx, key, 0, -1)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	content, err := io.ReadAll(body)
	if err != nil {
		return nil, b.unavailable(err)
	}
	return content, nil
}

// Put stores an object whole, in the place of one that may be there.
func (b *Bucket) Put(ctx context.Context, key string, content []byte) error {
	answer, err := b.do(ctx, question{method: http.MethodPut, key: key, body: content, header: map[string]string{"Content-Type": "application/octet-stream"}})
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// Delete removes an object; one that is not there is no error.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	answer, err := b.do(ctx, question{method: http.MethodDelete, key: key})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// Ping tells whether the bucket is there and can be read.
func (b *Bucket) Ping(ctx context.Context) error {
	answer, err := b.once(ctx, question{method: http.MethodGet, query: url.Values{"list-type": {"2"}, "max-keys": {"1"}, "prefix": {b.prefix}}})
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// List calls each for every object whose key begins with a prefix, in order of keys.
func (b *Bucket) List(ctx context.Context, prefix string, each func(Info) error) error {
	q := url.Values{"list-type": {"2"}, "prefix": {b.prefix + prefix}}
	for {
		var page struct {
			Contents []struct {
				Key          string
				Size         int64
				LastModified time.Time
			}
			IsTruncated           bool
			NextContinuationToken string
		}
		if err := b.ask(ctx, question{method: http.MethodGet, query: q}, &page); err != nil {
			return err
		}
		for _, o := range page.Contents {
			if err := each(Info{strings.TrimPrefix(o.Key, b.prefix), o.Size, o.LastModified}); err != nil {
				return err
			}
		}
		if !page.IsTruncated || page.NextContinuationToken == "" {
			return nil
		}
		q.Set("continuation-token", page.NextContinuationToken)
	}
}

// ask sends a request and reads an answer of XML, which may be an error in spite of its status.
func (b *Bucket) ask(ctx context.Context, q question, into any) error {
	answer, err := b.do(ctx, q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	if err != nil {
		return b.unavailable(err)
	}
	var root struct{ XMLName xml.Name }
	if err := xml.Unmarshal(text, &root); err != nil {
		return fmt.Errorf("%s %s: reading the object store's answer: %w", q.method, b.path(q.key), err)
	}
	if root.XMLName.Local == "Error" {
		return b.refused(q, http.StatusInternalServerError, text)
	}
	if err := xml.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s %s: reading the object store's answer: %w", q.method, b.path(q.key), err)
	}
	return nil
}

// Presign returns an address by which anybody may read an object until it expires.
func (b *Bucket) Presign(key string, expires time.Duration) string {
	u := b.address(key, nil)
	b.credentials.presign(http.MethodGet, u, b.region, b.now(), expires)
	return u.String()
}

// number is a query's value.
func number(n int) []string { return []string{strconv.Itoa(n)} }
