package market

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/limit"
)

// Loopback are the addresses of this machine, where a server with TLS before a market stands mostly.
var Loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// forwarded makes a request one of the client's where a trusted proxy has passed it on; of others it removes what only a
// proxy may say. What it changes is in a copy.
func forwarded(r *http.Request, trusted []netip.Prefix) *http.Request {
	is := func(text string) (netip.Addr, bool) {
		a, err := netip.ParseAddr(strings.TrimSpace(text))
		a = a.Unmap()
		for _, p := range trusted {
			if err == nil && p.Contains(a) {
				return a, true
			}
		}
		return a, false
	}
	host, port, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r
	}
	out := *r
	if _, ok := is(host); !ok {
		out.Header = r.Header.Clone()
		for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto"} {
			out.Header.Del(name)
		}
		return &out
	}
	// Each proxy adds whom it has heard from at the end: the last one that is no proxy of ours is the client.
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		a, ok := is(hops[i])
		if !a.IsValid() {
			break
		}
		if out.RemoteAddr = net.JoinHostPort(a.String(), port); !ok {
			break
		}
	}
	return &out
}

// refuse answers 429 or 413 in a form that the clients of all protocols read.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Error-Message", message)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"error": message, "errors": []any{map[string]string{"code": code, "message": message}}})
}

// admits tells whether a request may be answered, and answers it where not.
func (m *Market) admits(w http.ResponseWriter, r *http.Request) bool {
	if wait := m.rate.Take(auth.Address(r)); wait > 0 {
		seconds := int(wait/time.Second) + 1
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		refuse(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", fmt.Sprintf("too many requests; try again in %d s", seconds))
		return false
	}
	if most := m.options.MaxRequest; most > 0 {
		if r.ContentLength > most {
			refuse(w, http.StatusRequestEntityTooLarge, "SIZE_INVALID", fmt.Sprintf("a request of more than %d bytes; send it in parts, as `xiaoyu push` does", most))
			return false
		}
		r.Body = http.MaxBytesReader(w, r.Body, most)
	}
	return true
}

// newRate returns the limiter of all requests, nil for none.
func newRate(perSecond float64, burst int) *limit.Limiter {
	if perSecond <= 0 {
		return nil
	}
	return limit.New(time.Duration(float64(time.Second)/perSecond), max(burst, int(perSecond)))
}
