package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Signature Version 4: a request in a canonical form is signed by a key that is good for a day, a region and a service
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html).

const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeFormat = "20060102T150405Z"
	unsigned   = "UNSIGNED-PAYLOAD" // for the hash of a body that is not known
)

// Credentials are whose requests are signed.
type Credentials struct {
	Key, Secret string
	Session     string // of temporary credentials; "" for none
}

// sign adds the headers of a signature. body is the SHA-256 of what is sent, as hexadecimal digits.
func (c Credentials) sign(r *http.Request, body, region string, now time.Time) {
	at := now.UTC().Format(timeFormat)
	r.Header.Set("X-Amz-Date", at)
	r.Header.Set("X-Amz-Content-Sha256", body)
	if c.Session != "" {
		r.Header.Set("X-Amz-Security-Token", c.Session)
	}
	names, headers := canonicalHeaders(r)
	canonical := strings.Join([]string{r.Method, r.URL.EscapedPath(), canonicalQuery(r.URL.Query()), headers, names, body}, "\n")
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s,SignedHeaders=%s,Signature=%s", algorithm, c.Key, scope(at, region), names, c.signature(at, region, canonical)))
}

// presign adds a signature to an address, so that whoever has it may send one request until it expires.
func (c Credentials) presign(method string, u *url.URL, region string, now time.Time, expires time.Duration) {
	at := now.UTC().Format(timeFormat)
	q := u.Query()
	q.Set("X-Amz-Algorithm", algorithm)
	q.Set("X-Amz-Credential", c.Key+"/"+scope(at, region))
	q.Set("X-Amz-Date", at)
	q.Set("X-Amz-Expires", strconv.Itoa(int(expires.Seconds())))
	q.Set("X-Amz-SignedHeaders", "host")
	if c.Session != "" {
		q.Set("X-Amz-Security-Token", c.Session)
	}
	canonical := strings.Join([]string{method, u.EscapedPath(), canonicalQuery(q), "host:" + u.Host + "\n", "host", unsigned}, "\n")
	u.RawQuery = canonicalQuery(q) + "&X-Amz-Signature=" + c.signature(at, region, canonical)
}

func scope(at, region string) string { return at[:8] + "/" + region + "/s3/aws4_request" }

func (c Credentials) signature(at, region, canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{algorithm, at, scope(at, region), hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + c.Secret)
	for _, part := range []string{at[:8], region, "s3", "aws4_request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// canonicalHeaders returns the names of those that are signed, and the headers as they are signed.
func canonicalHeaders(r *http.Request) (names, headers string) {
	values := map[string]string{"host": r.URL.Host}
	for name, v := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") || name == "content-type" || name == "range" {
			values[name] = strings.TrimSpace(strings.Join(v, ","))
		}
	}
	var list []string
	for name := range values {
		list = append(list, name)
	}
	slices.Sort(list)
	var b strings.Builder
	for _, name := range list {
		b.WriteString(name + ":" + values[name] + "\n")
	}
	return strings.Join(list, ";"), b.String()
}

// canonicalQuery is a query sorted by name, escaped as in paths.
func canonicalQuery(q url.Values) string {
	var list []string
	for name, values := range q {
		for _, v := range values {
			list = append(list, escape(name, false)+"="+escape(v, false))
		}
	}
	slices.Sort(list)
	return strings.Join(list, "&")
}

// escape leaves alone what RFC 3986 calls unreserved, and the strokes of a path.
func escape(s string, path bool) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0, path && c == '/':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
