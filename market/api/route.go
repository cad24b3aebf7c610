package api

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// Root is where the API stands.
const Root = "/api/v1"

// route is one of the API: how it is answered, and what its document tells of it.
type route struct {
	pattern string          // method and path below Root, as http.ServeMux has them; an {id} is a whole number
	name    string          // of the operation, for programs that are made of the document
	about   string          // what it does, a line
	needs   catalogue.Right // scope of the token; none where strangers may ask
	query   []parameter
	endpoint
}

// endpoint does what a route is for. The types of what it reads and answers with are those of the function that does it.
type endpoint struct {
	body   reflect.Type // nil for none
	answer reflect.Type // nil for none; of a line, where it streams
	status int          // of success
	media  string       // type of the answer; "" for none
	serve  func(http.ResponseWriter, *http.Request, catalogue.Caller) error
}

const jsonMedia, linesMedia = "application/json", "application/jsonl"

// answers is an endpoint that tells something.
func answers[A any](find func(*http.Request, catalogue.Caller) (A, error)) endpoint {
	return endpoint{nil, reflect.TypeFor[A](), http.StatusOK, jsonMedia, func(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
		a, err := find(r, who)
		if err != nil {
			return err
		}
		return write(w, http.StatusOK, a)
	}}
}

// exchanges is an endpoint that reads a body and tells what came of it.
func exchanges[B, A any](status int, do func(*http.Request, catalogue.Caller, B) (A, error)) endpoint {
	return endpoint{reflect.TypeFor[B](), reflect.TypeFor[A](), status, jsonMedia, func(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
		var body B
		if err := read(r, &body); err != nil {
			return err
		}
		a, err := do(r, who, body)
		if err != nil {
			return err
		}
		return write(w, status, a)
	}}
}

// reads is an endpoint that does what a body says.
func reads[B any](do func(*http.Request, catalogue.Caller, B) error) endpoint {
	e := does(nil)
	e.body = reflect.TypeFor[B]()
	e.serve = func(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
		var body B
		if err := read(r, &body); err != nil {
			return err
		}
		return done(w, do(r, who, body))
	}
	return e
}

// does is an endpoint that neither reads nor tells anything.
func does(do func(*http.Request, catalogue.Caller) error) endpoint {
	return endpoint{nil, nil, http.StatusNoContent, "", func(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
		return done(w, do(r, who))
	}}
}

func done(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// writes is an endpoint that writes its answer itself, of values of a type.
func writes[A any](media string, do func(http.ResponseWriter, *http.Request, catalogue.Caller) error) endpoint {
	return endpoint{nil, reflect.TypeFor[A](), http.StatusOK, media, do}
}

// parameter is one that a query may have.
type parameter struct {
	name, about string
	oneOf       []string // its values; nil for any
	whole       bool     // a whole number from least to most
	least, most int64
}

func text(name, about string) parameter { return parameter{name: name, about: about} }

func oneOf(name, about string, values ...string) parameter {
	return parameter{name: name, about: about, oneOf: values}
}

func whole(name, about string, least, most int64) parameter {
	return parameter{name: name, about: about, whole: true, least: least, most: most}
}

// highestID is how far numbers of things go: what every reader of JSON reads as it was written.
const highestID = 1<<53 - 1

var (
	versionParameter = text("version", "a version, a channel, a tag or a digest; the latest if it is left out")
	limitParameter   = whole("limit", "how many there may be in the answer", 0, mostAtOnce)
	offsetParameter  = whole("offset", "how many are left out before them", 0, catalogue.Deep)
	beforeParameter  = whole("before", "the id of one: what was there before it", 0, highestID)
)

// check refuses what the document does not know of: parameters of other names, those that stand twice, values that are none.
func (t *route) check(r *http.Request) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &badRequest{fmt.Errorf("reading the query: %w", err)}
	}
	for name, list := range values {
		i := slices.IndexFunc(t.query, func(p parameter) bool { return p.name == name })
		if i < 0 {
			return &badRequest{hint.Errorf(t.way(), "there is no parameter %.40q", name)}
		}
		if len(list) > 1 {
			return &badRequest{hint.Errorf("write it once", "%s stands %d times", name, len(list))}
		}
		if err := t.query[i].check(list[0]); err != nil {
			return err
		}
	}
	if strings.Contains(t.pattern, "{id}") {
		p := whole("the id in the path", "", 0, highestID)
		return p.check(r.PathValue("id"))
	}
	return nil
}

// way says which parameters there are.
func (t *route) way() string {
	var names []string
	for _, p := range t.query {
		names = append(names, p.name)
	}
	if len(names) == 0 {
		return "leave the query out"
	}
	return "there are " + strings.Join(names, ", ")
}

func (p *parameter) check(value string) error {
	if p.whole {
		if n, err := strconv.ParseInt(value, 10, 64); err != nil || n < p.least || n > p.most {
			return &badRequest{fmt.Errorf("%s: %.40q is no number from %d to %d", p.name, value, p.least, p.most)}
		}
	}
	if p.oneOf != nil && !slices.Contains(p.oneOf, value) {
		return &badRequest{hint.Errorf("it is "+strings.Join(p.oneOf[:len(p.oneOf)-1], ", ")+" or "+p.oneOf[len(p.oneOf)-1], "%s: %.40q is none of its values", p.name, value)}
	}
	return nil
}

// number is a parameter of a request that was checked; 0 where it was left out.
func number(r *http.Request, name string) int64 {
	n, _ := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	return n
}

// id is that of a request's path, which was checked.
func id(r *http.Request) int64 {
	n, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	return n
}
