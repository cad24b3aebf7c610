// Package auth tells who sends a request to a market: by a token, as Bearer or as the password of Basic authentication
// (RFC 6750, RFC 7617), or by a browser's session.
package auth

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// Anonymous is the token that strangers get from the token service of the OCI distribution API; it stands for nobody.
const Anonymous = "anonymous"

// SessionCookie holds a browser's session.
const SessionCookie = "xiaoyu_session"

// Caller tells who sends a request by its Authorization header, the zero Caller where it has none. catalogue.ErrUnauthenticated
// for a token that is wrong.
func Caller(c *catalogue.Catalogue, r *http.Request) (catalogue.Caller, error) {
	token := Token(r)
	if token == "" || token == Anonymous {
		return catalogue.Caller{}, nil
	}
	return c.Authenticate(r.Context(), token)
}

// foreign begins tokens for clients that refuse all others: @huggingface/hub takes none that does not begin so. hf_ABC is
// the token xy_ABC.
const foreign, own = "hf_", "xy_"

// Token is the token of a request; "" for none.
func Token(r *http.Request) string {
	token := sent(r)
	if rest, ok := strings.CutPrefix(token, foreign); ok {
		return own + rest
	}
	return token
}

func sent(r *http.Request) string {
	scheme, credentials, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(credentials)
	}
	// The name of the user does not matter: the token knows whose it is.
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	return ""
}

// Visitor is Caller for pages: where there is no token, the session's cookie counts. A session that has ended is nobody's.
//
// A cookie is sent by the browser whoever wrote the page: handlers that change something must see to it that the request
// comes from a page of this market (http.CrossOriginProtection).
func Visitor(c *catalogue.Catalogue, r *http.Request) (catalogue.Caller, error) {
	if Token(r) != "" {
		return Caller(c, r)
	}
	cookie, err := r.Cookie(SessionCookie)
	if err != nil || cookie.Value == "" {
		return catalogue.Caller{}, nil
	}
	who, err := c.Session(r.Context(), cookie.Value)
	if errors.Is(err, catalogue.ErrUnauthenticated) {
		return catalogue.Caller{}, nil
	}
	return who, err
}

// Client tells one client from another for counting: the account, or the address.
func Client(who catalogue.Caller, r *http.Request) string {
	if who.Account != nil {
		return "account " + who.Name()
	}
	return "address " + Address(r)
}

// Address is that of a client, without its port. Of IPv6 it is the network of 64 bits, which one client has for itself.
func Address(r *http.Request) string {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip := a.Addr().Unmap().WithZone("")
	if ip.Is6() {
		network, _ := ip.Prefix(64) // never fails for IPv6
		return network.String()
	}
	return ip.String()
}

// Origin is the address under which a request has reached the market, such as https://example.org. Headers of proxies
// that are not trusted are gone by then, see package market.
func Origin(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// Network is Address where that tells one client from another; "" for this machine, behind whose proxy anybody may stand.
func Network(r *http.Request) string {
	address := Address(r)
	if ip, err := netip.ParseAddr(address); err != nil && !strings.Contains(address, "/") || ip.IsLoopback() || strings.HasPrefix(address, "::/") {
		return ""
	}
	return address
}
