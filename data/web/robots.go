package web

import (
	"bufio"
	"bytes"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// robots are the rules of one host for this program: RFC 9309.
type robots struct {
	rules []rule
	delay time.Duration // Crawl-delay: no part of the RFC, but what hosts ask for
}

type rule struct {
	allow   bool
	pattern string
}

const (
	maxRobots = 500 << 10 // bytes that must be read at least, says the RFC
	maxDelay  = 60 * time.Second
)

// parseRobots reads robots.txt for the program called product. Groups that name it are taken together; without one, those
// for all programs.
func parseRobots(body []byte, product string) *robots {
	product = strings.ToLower(product)
	var own, all robots
	hasOwn := false
	var current []*robots // of the group that is read
	naming := false       // the line before named a program
	s := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
	s.Buffer(nil, maxRobots+1)
	for s.Scan() {
		line, _, _ := strings.Cut(s.Text(), "#")
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		key, value = strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)
		if key == "user-agent" {
			if !naming {
				current = nil
			}
			naming = true
			switch name := strings.ToLower(value); {
			case name == "*":
				current = append(current, &all)
			case name != "" && (name == product || strings.HasPrefix(name, product+"/")):
				current = append(current, &own)
				hasOwn = true
			}
			continue
		}
		switch key {
		case "allow", "disallow":
			naming = false
			for _, r := range current {
				if value != "" { // "Disallow:" forbids nothing
					r.rules = append(r.rules, rule{key == "allow", unescapePath(value)})
				}
			}
		case "crawl-delay":
			naming = false
			if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds > 0 {
				for _, r := range current {
					r.delay = time.Duration(min(seconds, maxDelay.Seconds()) * float64(time.Second))
				}
			}
		}
	}
	if hasOwn {
		return &own
	}
	return &all
}

// allows tells whether a page may be fetched: the longest rule that matches decides, of equals the one that allows.
func (r *robots) allows(u *url.URL) bool {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	path = unescapePath(path)
	allowed, longest := true, -1
	for _, rule := range r.rules {
		if n := len(rule.pattern); (n > longest || n == longest && rule.allow) && matches(rule.pattern, path) {
			allowed, longest = rule.allow, n
		}
	}
	return allowed
}

// unescapePath decodes what both sides may write in two ways, but keeps the escaped forms of the two special characters.
func unescapePath(s string) string {
	keep := strings.NewReplacer("%2A", "%252A", "%2a", "%252A", "%24", "%2524")
	if plain, err := url.PathUnescape(keep.Replace(s)); err == nil {
		return plain
	}
	return s
}

// matches tells whether a pattern fits the beginning of a path: * is anything, $ at the end is the end.
func matches(pattern, path string) bool {
	pattern, toEnd := strings.CutSuffix(pattern, "$")
	parts := strings.Split(pattern, "*")
	if !strings.HasPrefix(path, parts[0]) {
		return false
	}
	rest := path[len(parts[0]):]
	if len(parts) == 1 {
		return !toEnd || rest == ""
	}
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	last := parts[len(parts)-1]
	if toEnd {
		return strings.HasSuffix(rest, last)
	}
	return strings.Contains(rest, last)
}
